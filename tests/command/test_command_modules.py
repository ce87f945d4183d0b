"""Each command stands in the module of its name, and so does what it does."""

from importlib import import_module
from importlib.util import find_spec

import pytest
from quintet_command.cli import GROUPS, app, group
from quintet_command.cli.progress import EXPECTED

# Command → the module that does its work, once the command line is parsed.
WORK = {
    "up": "quintet_command.supervisor",
    "serve": "quintet_home.wiring",
    "demo": "quintet_command.cli.demo",
    "prepare": "quintet_command.cli.prepare",
    "doctor": "quintet_command.doctor",
    "search": "quintet_command.cli.gateway",
    "radio": "quintet_command.cli.gateway",
    "path": "quintet_command.cli.gateway",
    "recommend": "quintet_command.cli.gateway",
    "mcp": "quintet_command.mcp_server.server",
    "batch-recommend": "quintet_training.steps.batch",
    "train": "quintet_training.steps.training",
    "evaluate": "quintet_training.steps.evaluating",
    "gate": "quintet_command.gate",
    "drift": "quintet_training.drift",
    "housekeeping": "quintet_command.housekeeping",
    "catalog": "quintet_training.datasets.catalogue",
    "library": "quintet_library.sync",
    "history": "quintet_training.datasets.history",
    "analyse": "quintet_analysis.catalogue",
    "tracks": "quintet_store.lookup",
    "playlists": "quintet_training.datasets.playlists",
    "players": "quintet_access.players",
    "mixes": "quintet_training.steps.mixes",
    "models": "quintet_command.models",
    "feedback": "quintet_training.datasets.feedback",
    "clients": "quintet_access.clients",
    "backup": "quintet_command.backup",
    "certificates": "quintet_access.certificates",
    "experiment": "quintet_command.experiments",
}
COMMANDS = [str(command.name) for command in app.registered_commands]


def test_every_command_has_its_module_of_work_listed():
    assert set(COMMANDS) == set(WORK)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_parsed_in_the_module_of_its_name(command):
    name = command.replace("-", "_")
    if command in GROUPS:
        commands = group(command).registered_commands
        modules = {each.callback.__module__ for each in commands if each.callback}
    else:
        callback = getattr(import_module(f"quintet_command.cli.{name}"), name)
        modules = {callback.__module__}
        registered = next(each for each in app.registered_commands if each.name == command)
        assert registered.callback
        assert registered.callback.__module__ == callback.__module__
    # A module that is a folder has its commands in the modules of the folder.
    own = f"quintet_command.cli.{name}"
    assert {
        module for module in modules if module != own and not module.startswith(f"{own}.")
    } == set()


@pytest.mark.parametrize("module", sorted(set(WORK.values())))
def test_the_module_of_work_exists(module):
    assert find_spec(module)


@pytest.mark.parametrize(("module", "name"), EXPECTED)
def test_an_exception_that_becomes_one_line_exists(module, name):
    assert issubclass(getattr(import_module(module), name), Exception)
