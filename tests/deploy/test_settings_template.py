""".env.template names every setting of every process, with its meaning and its default."""

import re
import subprocess
import sys

import pytest
from pydantic_settings import BaseSettings
from quintet_command.doctor.known import SECRETS
from quintet_command.mcp_server.settings import McpSettings
from quintet_command.settings import CommandSettings
from quintet_gateway.settings import GatewaySettings
from quintet_memory.settings import MemorySettings
from quintet_players.settings import PlayersSettings
from quintet_profile.settings import ProfileSettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_settings import secret_names, variables_of
from quintet_ui.settings import Settings as UiSettings

from tests.root import ROOT
from tools.measures import PACKAGES

TEMPLATE = (ROOT / ".env.template").read_text(encoding="utf-8")
SAFE = (ROOT / ".env.safe").read_text(encoding="utf-8")
ASSIGNMENT = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$")
PROCESSES: dict[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "search": SearchSettings,
    "profile": ProfileSettings,
    "memory": MemorySettings,
    "ranker": RankerSettings,
    "ui": UiSettings,
    "players": PlayersSettings,
    "training": CommandSettings,
    "mcp": McpSettings,
}


def names_of(settings: type[BaseSettings]) -> set[str]:
    return {variable.name for variable in variables_of(settings)}


def lines_of(text: str) -> dict[str, str]:
    matches = (ASSIGNMENT.match(line) for line in text.splitlines())
    return {match[1]: match[2] for match in matches if match}


def test_every_file_that_lists_settings_is_what_make_settings_writes():
    command = [sys.executable, "docs/generate/variables.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("process", PROCESSES)
def test_every_setting_of_a_process_is_in_the_template_with_its_default(process):
    shown = lines_of(TEMPLATE)
    for variable in variables_of(PROCESSES[process]):
        assert shown[variable.name] == variable.default


@pytest.mark.parametrize("process", PROCESSES)
def test_the_template_shows_the_allowed_values_of_every_setting(process):
    joined = " ".join(TEMPLATE.replace("\n# ", " ").split())
    for variable in variables_of(PROCESSES[process]):
        if variable.meaning and variable.allowed:
            assert f"({variable.allowed}) {variable.name}=" in joined


def named_in(paths):
    pattern = re.compile(r"(?<![A-Z_])QUINTET_[A-Z0-9_]*[A-Z0-9]\b(?!_)")
    texts = (path.read_text(encoding="utf-8") for path in paths if ".venv" not in path.parts)
    return {name for text in texts for name in pattern.findall(text)}


def python_sources():
    # The client's examples name variables of programs that use it.
    folders = [name for name in (*PACKAGES, "deploy") if name != "client"]
    # `quintet doctor` lists what others may set, tests' and Compose's variables among them.
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "known.py"
    ]


def test_no_setting_in_the_template_is_unknown():
    known = set().union(*(names_of(settings) for settings in PROCESSES.values()))
    told = {name for name in lines_of(TEMPLATE) if name.startswith("QUINTET_")}
    # Beside the settings' own: options of commands, what DAGs read, and Compose's tag.
    of_compose = {
        *(
            "QUINTET_TAG",
            "QUINTET_IMAGES",
            "QUINTET_MUSIC_FOLDER",
            "QUINTET_UI_SCOPES",
            "QUINTET_BACKUP_FOLDER",
        ),
        *("QUINTET_CPUS", "QUINTET_PROXY_FOLDER", "QUINTET_PROXY_ADDRESS"),
    }
    assert told - known - named_in(python_sources()) == of_compose


def test_every_setting_that_code_and_compose_name_is_in_the_template():
    sources = [
        *python_sources(),
        *(ROOT / "deploy").rglob("*.sh"),
        ROOT / "docker-compose.yml",
    ]
    assert len(sources) > 50
    # Prefixes of settings in the code's own text end with an underscore and are left out above.
    assert named_in(sources) - set(lines_of(TEMPLATE)) == set()


def test_every_setting_of_the_template_has_a_comment_with_its_meaning():
    block: list[str] = []
    bare = []
    for line in TEMPLATE.splitlines():
        if match := ASSIGNMENT.match(line):
            if not any(text.startswith("# ") and not text.startswith("# ---") for text in block):
                bare.append(match[1])
        elif line.startswith("# "):
            block = [*block, line] if block and not block[-1].startswith("# ---") else [line]
        else:
            block = []
    assert bare == []


def test_the_safe_settings_need_no_account_and_hold_no_secret():
    safe = lines_of(SAFE)
    assert set(safe) <= set(lines_of(TEMPLATE))
    assert safe["SPOTIPY_CLIENT_ID"] == safe["SPOTIPY_CLIENT_SECRET"] == ""
    secrets = [n for n in safe if re.search("SECRET|PASSWORD|TOKEN|KEY", n) and safe[n]]
    assert secrets == []


def test_every_secret_that_may_come_from_a_file_is_told_to_doctor_and_reader():
    secrets = set().union(*(secret_names(each) for each in PROCESSES.values()))
    assert secrets == SECRETS
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    table = page.split("## Secrets from files")[1].split("```")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE)) == secrets
    head = TEMPLATE.split("\n# ---")[0]
    assert {name for name in secrets if name not in head} == set()


def test_every_setting_named_like_a_secret_may_come_from_a_file():
    secret = re.compile(r"SECRET|PASSWORD|TOKEN$|_KEY$|DATABASE_URL|BACKEND_URL")
    named = {n for each in PROCESSES.values() for n in names_of(each) if secret.search(n)}
    assert named - SECRETS == set()
    assert len(named) > 5
