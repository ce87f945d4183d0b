"""A secret may come from the file that NAME_FILE names, in every process that reads it."""

import os
import subprocess
import sys

import pytest
from pydantic import SecretStr, ValidationError
from quintet_command.settings import CommandSettings
from quintet_command.settings import load_settings as load_training
from quintet_gateway.settings import GatewaySettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_settings import SettingsInvalid, first_fault, secret_names
from quintet_ui.settings import Settings as UiSettings
from quintet_ui.settings import load_settings as load_ui

from tests.root import ROOT

FIT = {
    "QUINTET_GATEWAY_RATE_LIMIT_STORAGE": "async+redis://:hidden-in-a-file@cache:6379",
    "QUINTET_AIRFLOW_DATABASE_URL": "postgresql://postgres/airflow?password=hidden-in-a-file",
}
OTHERWISE = "sqlite:///hidden-in-a-file-of-32-characters.db"
PROCESSES = (GatewaySettings, RankerSettings, SearchSettings, CommandSettings, UiSettings)
CASES = [(each, name) for each in PROCESSES for name in sorted(secret_names(each))]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for _, name in CASES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@pytest.fixture
def file(tmp_path):
    def write(content: bytes) -> str:
        path = tmp_path / "secret"
        path.write_bytes(content)
        return str(path)

    return write


def held_by(settings) -> set[str]:
    values = settings.__dict__.values()
    return {v.get_secret_value() if isinstance(v, SecretStr) else str(v) for v in values}


@pytest.mark.parametrize(("settings", "name"), CASES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_gives_the_secret_without_its_last_line_break(
    settings, name, end, file, monkeypatch
):
    text = FIT.get(name, OTHERWISE)
    monkeypatch.setenv(f"{name}_FILE", file((text + end).encode()))
    monkeypatch.setenv(name, "")
    assert text in held_by(settings())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_byte_order_mark_is_no_part_of_the_secret(encoding, end, file, monkeypatch):
    monkeypatch.setenv("QUINTET_TOKEN_FILE", file((OTHERWISE + end).encode(encoding)))
    assert OTHERWISE in held_by(CommandSettings())


@pytest.mark.parametrize(("settings", "name"), CASES)
def test_a_secret_given_twice_is_refused(settings, name, file, monkeypatch):
    monkeypatch.setenv(name, FIT.get(name, OTHERWISE))
    monkeypatch.setenv(f"{name}_FILE", file(b"another-one"))
    with pytest.raises(ValidationError) as refused:
        settings()
    said = first_fault(refused.value, "")
    assert said == f"{name}_FILE: is given and {name} too; unset one of them"
    assert "another-one" not in str(refused.value)
    assert "hidden-in-a-file" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must name a file that holds the secret and nothing else"),
        (b"\n\n", "must name a file that holds the secret and nothing else"),
        (b"to\0ken", "must name a file that holds the secret and nothing else"),
        (b"\xff\x00k", "must name a file of UTF-8 text"),
        (b"x" * 70_000, "must name a file of at most 65536 bytes"),
    ],
)
def test_a_file_without_a_secret_is_refused(content, said, file, monkeypatch):
    monkeypatch.setenv("QUINTET_TOKEN_FILE", file(content))
    for read in (load_training, load_ui):
        with pytest.raises(ValueError, match=f"^QUINTET_TOKEN_FILE: {said}$"):
            read()


@pytest.mark.parametrize(
    ("path", "why"),
    [("/nowhere/at-all", "No such file or directory"), ("/tmp", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_named_by_its_setting_alone(path, why, monkeypatch):
    monkeypatch.setenv("QUINTET_TOKEN_FILE", path)
    with pytest.raises(SettingsInvalid) as refused:
        load_training()
    assert str(refused.value) == f"QUINTET_TOKEN_FILE: names what cannot be read: {why}"


def test_a_rule_of_the_setting_holds_for_what_a_file_says(file, monkeypatch):
    monkeypatch.setenv("QUINTET_LISTENER_KEY_FILE", file(b"too-short"))
    with pytest.raises(ValidationError) as refused:
        GatewaySettings()
    said = first_fault(refused.value, "QUINTET_GATEWAY_")
    assert said.startswith("QUINTET_LISTENER_KEY: ")
    assert "too-short" not in f"{said} {refused.value}"


def test_a_service_that_cannot_read_its_secret_does_not_start_and_says_why(tmp_path):
    own = {name: text for name, text in os.environ.items() if not name.startswith("QUINTET_")}
    missing = tmp_path / "not-mounted"
    done = subprocess.run(
        [sys.executable, "-m", "quintet_search"],
        env={**own, "QUINTET_HOME": str(tmp_path), "SPOTIPY_CLIENT_SECRET_FILE": str(missing)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "SPOTIPY_CLIENT_SECRET_FILE: names what cannot be read" in done.stderr
