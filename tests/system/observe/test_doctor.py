"""`quintet doctor` finds what is broken, names it and says what to do."""

import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from quintet_access.clients import ClientFolder
from quintet_command.cli import app
from quintet_command.doctor import Finding, State, diagnose, place
from quintet_command.doctor.known import SECRETS, SETTINGS
from quintet_command.ports import free_ports
from quintet_command.settings import load_settings
from typer.testing import CliRunner

from tests.known_secrets import known
from tests.needs import MOUNTS, skip
from tests.root import ROOT
from tests.slow import slow


def run(*arguments: str, prefix: tuple[str, ...] = (), **environment: str):
    return subprocess.run(
        [*prefix, sys.executable, "-m", "quintet_command", "doctor", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def looked(installation, home, monkeypatch):
    """Looks at a copy of the installation's state; gives what was found, by name."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("QUINTET_HOME", str(home))
    for name in ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "QUINTET_SLOW"):
        monkeypatch.delenv(name, raising=False)

    def look(**changes: str) -> dict[str, Finding]:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        # A busy machine is not what is tested here.
        return {each.name: each for each in diagnose(load_settings(), seconds=60)}

    return look


def broken(found: dict[str, Finding]) -> set[str]:
    return {name for name, each in found.items() if each.state is not State.WELL}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def spent() -> float:
    """Processor time of the processes that this one has waited for: the same on a busy machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_the_doctor_finds_nothing_wrong_where_all_is_well_within_ten_seconds(installation):
    before = spent()
    done = run(**installation.environment)
    assert spent() - before < 10
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("0 wrong")
    assert len(done.stdout.splitlines()) <= 24


def test_in_a_container_the_doctor_knows_the_parts_and_whether_its_client_is_known(
    looked, home, tmp_path, monkeypatch
):
    (tmp_path / "health.py").touch()
    monkeypatch.setattr(place, "IMAGE_FILE", tmp_path / "health.py")
    monkeypatch.setattr(place, "SECRETS", tmp_path)
    file = tmp_path / "command" / "client.env"
    file.parent.mkdir()
    changes = {"SERVICE": "command", "COMPOSE_PROFILES": "core,mlops"}

    found = looked(**changes)
    assert found["place"].said == "in a container of the image command; Compose runs core,mlops"
    assert found["clients"].state is State.WRONG
    assert "lost" in found["clients"].said

    client, secret = ClientFolder(home / "access").create("command")
    lines = f"export CLIENT_ID={client.client_id}\nexport CLIENT_SECRET={known(secret)}\n"
    file.write_text(lines, encoding="utf-8")
    assert looked()["clients"].state is State.WELL

    # What a restore does: the clients of the backup are others.
    (home / "access" / "clients.json").unlink()
    after = looked()["clients"]
    assert after.state is State.WRONG
    assert "docker compose up -d --force-recreate setup ui" in after.remedy
    assert "`docker compose up -d`" in looked(QUINTET_HOME=str(tmp_path / "none"))["home"].remedy


@pytest.mark.usefixtures("looked")
def test_the_doctor_speaks_json():
    done = CliRunner().invoke(app, ["doctor", "--json"])
    told = json.loads(done.stdout)
    assert told["ok"] is (done.exit_code == 0)
    assert {"name", "state", "said", "remedy"} == set(told["checks"][0])


def test_an_option_it_does_not_have_is_bad_usage():
    assert CliRunner().invoke(app, ["doctor", "--all"]).exit_code == 2


def test_a_secret_of_another_process_that_its_file_does_not_give_is_named(looked, tmp_path):
    found = looked(QUINTET_UI_CLIENT_SECRET_FILE=str(tmp_path / "not-mounted"))
    assert broken(found) == {"settings"}
    assert "QUINTET_UI_CLIENT_SECRET_FILE" in found["settings"].said


def test_secrets_from_files_count_as_set_and_are_not_shown(looked, tmp_path):
    files = {}
    for name in ("SPOTIPY_CLIENT_SECRET", "QUINTET_RANKER_MILVUS_TOKEN"):
        (tmp_path / name).write_text(known("s3cr3t-of-a-file") + "\n", encoding="utf-8")
        files[f"{name}_FILE"] = str(tmp_path / name)
    assert {name.removesuffix("_FILE") for name in files} <= SECRETS
    found = looked(**files, SPOTIPY_CLIENT_ID="id")
    assert found["settings"].state is State.WELL
    assert "credentials are set" in found["spotify"].said
    assert "s3cr3t" not in str(found)


def test_a_deleted_index_is_named(looked, home):
    shutil.rmtree(next((home / "search").glob("cat-*")))
    found = looked()
    assert broken(found) == {"search index"}
    assert "restart search" in found["search index"].remedy


def test_one_altered_byte_of_a_bundle_is_named_with_its_file(looked, home):
    (bundle,) = (home / "models").glob("bootstrap-*")
    flip(bundle / "booster.txt")
    found = looked()
    assert broken(found) == {"model"}
    assert "booster.txt" in found["model"].said
    assert str(bundle) in found["model"].remedy


@slow("prepares a model, 10 s")
def test_what_the_doctor_says_of_a_damaged_model_mends_it(looked, home, installation):
    (bundle,) = (home / "models").glob("bootstrap-*")
    flip(bundle / "booster.txt")
    remedy = looked()["model"].remedy
    assert remedy == f"rm -r {bundle}, then quintet prepare"
    shutil.rmtree(bundle)
    environment = {**os.environ, **installation.environment, "QUINTET_HOME": str(home)}
    command = [sys.executable, "-m", "quintet_command", "prepare"]
    subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True)
    assert broken(looked()) == set()


def test_an_altered_catalogue_is_named(looked, home):
    flip(next((home / "catalogue").glob("cat-*")) / "features.npy")
    found = looked()
    assert "features.npy" in found["catalogue"].said
    assert found["catalogue"].state is State.WRONG


def test_a_damaged_database_is_named(looked, home):
    path = home / "quintet.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    content = bytearray(path.read_bytes())
    content[4096 : 40 * 4096] = b"\x5a" * (39 * 4096)
    path.write_bytes(content)
    found = looked()
    assert found["database"].state is State.WRONG
    assert "backup" in found["database"].remedy


def test_a_service_at_another_port_than_the_gateway_asks_is_named(looked):
    (port,) = free_ports(1)
    found = looked(QUINTET_GATEWAY_PORT=str(port))
    assert broken(found) == {"gateway", "versions"}
    assert f":{port}" in found["gateway"].said
    assert "QUINTET_GATEWAY_PORT" in found["gateway"].remedy
    assert "SERVING at" in found["ranker"].said


def test_another_program_at_a_port_of_ours_is_named(looked):
    with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port, nowhere = other.getsockname()[1], closed.getsockname()[1]
        talking = threading.Thread(target=greet, args=(other,), daemon=True)
        talking.start()
        found = looked(QUINTET_RANKER_PORT=str(port), QUINTET_GATEWAY_PORT=str(nowhere))
        assert "is not this service" in found["ranker"].said
        assert "QUINTET_RANKER_PORT" in found["ranker"].remedy


def greet(server: socket.socket) -> None:
    """Answers like a mail server, until the socket is closed."""
    try:
        while True:
            with server.accept()[0] as connection:
                connection.sendall(b"220 mail.example.org ESMTP\r\n")
    except OSError:
        return


def test_nothing_running_is_one_finding(looked):
    ports = {f"QUINTET_{n}_PORT": "1" for n in ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "MEMORY")}
    found = looked(**ports)
    assert broken(found) == {"services"}
    assert "quintet up" in found["services"].remedy


def test_a_misspelt_setting_is_named_with_what_was_meant(looked):
    found = looked(QUINTET_GATEWAY_BUGDET_SECONDS="3")
    assert broken(found) == {"settings"}
    assert "QUINTET_GATEWAY_BUGDET_SECONDS" in found["settings"].said
    assert "QUINTET_GATEWAY_BUDGET_SECONDS" in found["settings"].said


def test_a_value_that_cannot_be_is_named(installation):
    done = run(**{**installation.environment, "QUINTET_GATEWAY_PORT": "http"})
    assert done.returncode == 1
    assert "QUINTET_GATEWAY_PORT" in done.stdout


def test_a_home_that_cannot_be_written_is_named(installation, home):
    environment = {**installation.environment, "QUINTET_HOME": str(home)}
    if os.geteuid():
        home.chmod(0o555)
        done = run("--json", **environment)
        home.chmod(0o755)
    else:
        # Root writes everywhere but to a file system that is mounted read-only.
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        prefix = ("unshare", "--mount", "sh", "-c", mount, str(home))
        probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
        if probe.returncode:
            skip(MOUNTS)
        done = run("--json", prefix=prefix, **environment)
    checks = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert checks["home"]["state"] == "wrong"
    assert "cannot be written" in checks["home"]["said"]


def test_half_of_spotifys_credentials_is_named_and_never_shown(looked):
    found = looked(SPOTIPY_CLIENT_SECRET=known("s3cr3t-of-spotify"))
    assert broken(found) == {"spotify"}
    assert not any("s3cr3t" in each.said + each.remedy for each in found.values())


def test_a_registry_that_is_set_and_away_is_named_without_its_password(looked):
    found = looked(QUINTET_MLFLOW_URI="http://me:s3cr3t@127.0.0.1:1")
    assert broken(found) == {"registry"}
    assert "127.0.0.1:1" in found["registry"].said
    assert "s3cr3t" not in found["registry"].said


def test_services_open_to_all_without_a_token_are_named(looked):
    found = looked(QUINTET_HOST="0.0.0.0", QUINTET_AUTH="off")
    assert broken(found) == {"secrets"}
    assert "QUINTET_AUTH=on" in found["secrets"].remedy


def test_a_password_that_can_be_guessed_is_named_where_others_reach_it(looked):
    url = "postgresql://quintet:quintet@127.0.0.1:1/quintet"
    found = looked(QUINTET_HOST="0.0.0.0", QUINTET_AUTH="on", QUINTET_DATABASE_URL=url)
    # Neither what is recorded nor playlists can be read from a database that does not answer.
    assert broken(found) == {"database", "feedback", "playlists", "secrets"}
    assert "QUINTET_DATABASE_URL" in found["secrets"].said


def test_a_key_that_others_may_read_is_named(looked, home):
    secret = home / "access" / "listener.key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_bytes(b"x" * 32)
    secret.chmod(0o644)
    found = looked()
    assert broken(found) == {"file modes", "secrets"}
    assert str(secret) in found["secrets"].remedy
    # What is published for others stays so in what a restore replaced.
    secret.unlink()
    replaced = home / ".before-restore-1-x" / "access" / "public" / "clients.json"
    replaced.parent.mkdir(parents=True)
    replaced.write_text("{}", encoding="utf-8")
    replaced.chmod(0o644)
    assert "file modes" not in broken(looked())


def test_files_from_the_future_and_folders_of_the_dead_are_named(looked, home):
    future, past = time.time() + 3_600, time.time() - 7_200
    os.utime(home / "models" / "current", (future, future))
    left = home / "models" / ".staging-abc"
    left.mkdir()
    os.utime(left, (past, past))
    found = looked()
    assert broken(found) == {"clock", "leftovers"}
    assert str(left) in found["leftovers"].remedy


def test_another_model_than_the_published_one_is_named(looked, home):
    models = home / "models"
    (models / "bootstrap-000000000000").mkdir()
    (models / "current").write_text("bootstrap-000000000000\n", encoding="utf-8")
    found = looked()
    assert found["versions"].state is State.WRONG
    assert "bootstrap-000000000000" in found["versions"].said


def test_a_check_that_hangs_or_fails_does_not_take_the_others_with_it(looked, monkeypatch):
    from quintet_command.doctor import machine, running

    looked()  # imports what the checks need, so that the time below is theirs
    never = threading.Event()
    monkeypatch.setattr(running, "_ask", lambda _settings: never.wait(60))
    monkeypatch.setattr(machine, "_kept", lambda _folder: 1 / 0)
    started = time.monotonic()
    found = {each.name: each for each in diagnose(load_settings(), seconds=5.0)}
    assert time.monotonic() - started < 25
    never.set()
    assert "no answer within 5 s" in found["services"].said
    assert found["secrets"].state is State.WRONG
    assert found["spotify"].state is State.WELL


def test_the_doctor_knows_every_setting_of_the_template():
    text = (ROOT / ".env.template").read_text(encoding="utf-8")
    lines = (line.removeprefix("# ").partition("=") for line in text.splitlines())
    named = {name for name, equals, _ in lines if equals and name.startswith("QUINTET_")}
    assert named == SETTINGS, "add to or take from quintet_command/doctor/known.py"
