"""What tests of several rooms need: the embedded catalogue with its model, and real databases."""

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from quintet_command.ports import free_ports
from quintet_command.settings import CommandSettings
from quintet_store import open_engine

from tests.known_secrets import known
from tests.needs import POSTGRESQL, skip
from tests.rights import rights_of_root_put_down
from tests.root import ROOT
from tests.slow import SLOW, slow
from tools import leftovers

pytest_plugins = ["tests.scheduling", "tests.schemas", "tests.secrets_in_logs", "tests.skipped"]

TEMPLATE = "quintet_template"
"""A migrated database on the server of PostgreSQL, which is copied for tests."""

# Every run draws other inputs, so each run need not draw many; QUINTET_SLOW=1 draws 400 each.
# A machine that runs other programs draws them slowly, which is no fault of a test.
_BUSY = [HealthCheck.too_slow]
hypothesis.register_profile("every run", max_examples=25, suppress_health_check=_BUSY)
hypothesis.register_profile("slow", max_examples=400, suppress_health_check=_BUSY)
hypothesis.load_profile("slow" if SLOW else "every run")


@dataclass(frozen=True)
class Server:
    port: int
    password: str

    def new_database(self, migrated: bool = False) -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            template = f" TEMPLATE {TEMPLATE}" if migrated else ""
            connection.execute(f"CREATE DATABASE {name}{template}".encode())
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"


def _binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(autouse=True)
def denied_sockets(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """Fail a test in a folder `unit` that binds, connects or sends by a socket; yield the attempts.

    They are also checked after the test, because code under test may catch the exception. asyncio's
    event loop stays possible: it wakes itself through `socketpair`, which needs none of these.
    """
    denied: list[str] = []
    if "unit" in request.path.relative_to(request.config.rootpath).parts:

        def deny(_self: socket.socket, *arguments: object) -> None:
            denied.append(f"{arguments[-1]}")
            raise AssertionError(f"a unit test opened a socket to {arguments[-1]}")

        for method in ("bind", "connect", "connect_ex", "sendto"):
            monkeypatch.setattr(socket.socket, method, deny)
    yield denied
    assert not denied, f"a unit test opened sockets to {', '.join(denied)}"


@pytest.fixture
def without_rights_of_root() -> Iterator[None]:
    """Files are closed to this test by their permissions, also where root runs it."""
    with rights_of_root_put_down():
        yield


def pytest_configure() -> None:
    leftovers.watch()


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `quintet prepare` leaves it, made once for all workers; copy it, change nothing."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = shared / "embedded-home"
    with (shared / "embedded-home.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            making = shared / "embedded-home.part"
            own = {
                name: text for name, text in os.environ.items() if not name.startswith("QUINTET_")
            }
            done = subprocess.run(
                [sys.executable, "-m", "quintet_command", "prepare"],
                env={**own, "QUINTET_HOME": str(making)},
                capture_output=True,
                text=True,
                timeout=280,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-2000:]
            making.rename(home)
    return home


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server on loopback with a random password; it refuses to run as root, so root lends it."""
    binaries = _binaries()
    if binaries is None:
        skip(POSTGRESQL)
    folder = Path(tempfile.mkdtemp(prefix="quintet-pg-", dir="/tmp"))
    password = known(secrets.token_urlsafe(16))
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    account: list[str] = []
    if os.geteuid() == 0:
        account = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")
    data, port = folder / "data", free_ports(1)[0]
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=60"

    def run(*command: str) -> None:
        subprocess.run(
            [*account, *command], check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120
        )

    control = str(binaries / "pg_ctl")
    try:
        run(
            *(str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"),
            *("-A", "scram-sha-256", "--pwfile", str(secret), "--locale", "C.UTF-8", "-N"),
        )
        run(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        server = Server(port, password)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        open_engine(server.url(TEMPLATE)).dispose()
        yield server
    finally:
        if (data / "postmaster.pid").exists():
            run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database, once of each kind."""
    if request.param == "postgresql":
        migrated = not request.path.is_relative_to(ROOT / "tests" / "store")
        return str(request.getfixturevalue("postgresql").new_database(migrated))
    return f"sqlite:///{tmp_path / 'quintet.db'}"


# The same calls of the store run on both kinds in tests/store.
_WHOLE = slow("what training and commands do, on PostgreSQL too")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=(pytest.mark.postgres, _WHOLE))])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> CommandSettings:
    """Settings of training and command with a fresh home, once on each kind of database."""
    url = ""  # a SQLite file in the home
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    return CommandSettings(home=tmp_path / "home", database_url=url)
