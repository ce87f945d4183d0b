"""No process of an installation serves other machines while QUINTET_AUTH is off."""

import subprocess

import pytest
from quintet_command.programs import programs_of
from quintet_command.settings import CommandSettings

from tools.processes import environment_without

PROGRAMS = {
    program.name: list(program.command) for program in programs_of(CommandSettings(players="on"))
}


def ended(command, home, **settings):
    environment = {**environment_without("QUINTET_"), "QUINTET_HOME": str(home), **settings}
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=120
    )


def test_the_list_of_processes_is_whole():
    assert set(PROGRAMS) == {"search", "profile", "ranker", "memory", "gateway", "ui", "players"}


# The rule's own cases are tests/access/test_access_tokens.py: one host for each way to set it.
@pytest.mark.parametrize("settings", [{"QUINTET_AUTH": "off"}, {}], ids=["off", "default"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_process_that_others_could_reach_refuses_to_start(tmp_path, name, settings):
    host = "::" if settings else "0.0.0.0"
    done = ended(PROGRAMS[name], tmp_path, QUINTET_HOST=host, **settings)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: QUINTET_AUTH is off but {host} is not loopback")
    assert done.stderr.count("\n") == 1
