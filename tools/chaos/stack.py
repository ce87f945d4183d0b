"""The whole system as processes that can be killed: two of each service, a database, MLflow."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from quintet_command.ports import free_ports
from quintet_command.programs import registry_of
from quintet_command.settings import CommandSettings
from quintet_contract.attributes import ATTRIBUTES
from quintet_servicekit.probe import is_serving
from quintet_store import open_engine, writing
from quintet_store.catalogue import begin_import, upsert_tracks
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue, track_id
from tools.processes import Program, environment_without

START_SECONDS = 240.0
SERVICES = ("search", "profile", "ranker")
TRACKS = 2_000
DIGITS = 5


class PostgreSQL(Program):
    """A server with fsync on; it refuses to run as root, so root lends it."""

    @classmethod
    def make(cls, folder: Path) -> "PostgreSQL | None":
        """Return one, not started; None where PostgreSQL is not installed."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
        if not found:
            return None
        data, binaries = folder / "data", found[0].parent
        folder.mkdir()
        account: list[str] = []
        if os.geteuid() == 0:
            account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres")
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
        subprocess.run(
            [*account, *initdb, "-E", "UTF8", "--locale", "C.UTF-8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120,
        )  # fmt: skip
        port = free_ports(1)[0]
        server = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
        command = [*account, *server, "-h", "127.0.0.1", "-k", str(folder)]
        made = cls("postgresql", command, {}, folder.parent / "postgresql.log")
        made.port = port
        return made

    port: int = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"


@dataclass
class Stack:
    """All processes over one QUINTET_HOME.

    Attributes:
        root: Where everything lies.
        programs: By name, such as ranker-2.
        ports: By name.
        skipped: What is not here, and why.
    """

    root: Path
    programs: dict[str, Program] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    database_url: str = ""
    extra: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def gateways(self) -> list[str]:
        return [f"http://127.0.0.1:{self.ports[f'gateway-{n}']}" for n in (1, 2)]

    def start(self, *, postgresql: bool, mlflow: bool) -> None:
        publish_catalogue(self.home, TRACKS, digits=DIGITS, popular=True)
        publish_model(self.home, parameters=BootstrapParameters(groups=40, rounds=20))
        if postgresql:
            self._start_postgresql()
        self.database_url = self.database_url or f"sqlite:///{self.home / 'quintet.db'}"
        self.fill()
        if mlflow:
            self._add_mlflow()
        for service in SERVICES:
            for number in (1, 2):
                self._add_service(service, number)
        self._add_proxy()
        for number in (1, 2):
            self._add_gateway(number)
        for name, program in self.programs.items():
            if program.process is None:
                self.start_one(name, wait=False)
        for name in self.programs:
            self.wait(name)

    def fill(self) -> None:
        """Put the catalogue into the database, so that events on its tracks are taken."""
        engine = open_engine(self.database_url)
        texts = ("title", "album", "release_date", "isrc", "cover_url", "preview_url")
        facts = ("kind", "fingerprint", "file_name", "sha256", "source", "licence", "imported_at")
        with writing(engine) as connection:
            same = {
                **dict.fromkeys((*texts, "provenance", "licence", "imported_at"), ""),
                **dict.fromkeys(ATTRIBUTES, 0.0),
                "artists": ["A"],
                "explicit": False,
                "import_id": begin_import(connection, dict.fromkeys(facts, "made")),
            }
            upsert_tracks(
                connection, [{**same, "track_id": track_id(n, DIGITS)} for n in range(TRACKS)]
            )
        engine.dispose()

    def start_one(self, name: str, *, wait: bool = True) -> None:
        program = self.programs[name]
        if name.startswith("gateway"):
            program.environment = self._gateway_environment(int(name[-1]))
        program.environment = {
            **environment_without("QUINTET_"),
            **program.environment,
            **self.extra.get(name, {}),
        }
        program.start()
        if wait:
            self.wait(name)

    def wait(self, name: str) -> None:
        """Return once a program answers."""
        end = time.monotonic() + START_SECONDS
        while not self._answers(name):
            process = self.programs[name].process
            assert process is not None
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    f"{name} does not start: {self.programs[name].log.read_text()[-2000:]}"
                )
            time.sleep(0.05)

    def _answers(self, name: str) -> bool:
        port = self.ports[name]
        if name.startswith(SERVICES):
            return is_serving(f"127.0.0.1:{port}", 1.0)
        if name.startswith(("gateway", "mlflow")):
            path = "health" if name == "mlflow" else "healthz"
            with contextlib.suppress(httpx.HTTPError):
                url = f"http://127.0.0.1:{port}/{path}"
                return httpx.get(url, timeout=2, trust_env=False).is_success
            return False
        if name == "postgresql":
            with contextlib.suppress(psycopg.Error):
                address = {"host": "127.0.0.1", "port": port, "user": "postgres"}
                psycopg.connect(**address, connect_timeout=2).close()  # type: ignore[arg-type]
                return True
            return False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        return False

    def stop(self) -> None:
        for program in self.programs.values():
            with contextlib.suppress(Exception):
                program.kill()

    def _unused_port(self) -> int:
        """Choose a port that no other program of the stack was given."""
        while (port := free_ports(1)[0]) in self.ports.values():
            pass
        return port

    @property
    def delay(self) -> Path:
        """Where the proxies read how slow they are."""
        return self.root / "delay"

    def _start_postgresql(self) -> None:
        server = PostgreSQL.make(self.root / "postgresql")
        if server is None:
            self.skipped["postgresql"] = "no PostgreSQL server binaries"
            return
        self.programs["postgresql"], self.ports["postgresql"] = server, server.port
        self.database_url = server.url
        self.start_one("postgresql")

    def _add_mlflow(self) -> None:
        self.ports["mlflow"] = port = self._unused_port()
        served = registry_of(CommandSettings(home=self.home, mlflow_port=port))
        (self.home / "mlflow").mkdir(parents=True, exist_ok=True)
        self.programs["mlflow"] = Program(
            "mlflow", served.command, served.environment, self.root / "mlflow.log"
        )

    def _add_service(self, service: str, number: int) -> None:
        name, upper = f"{service}-{number}", f"QUINTET_{service.upper()}"
        self.ports[name] = port = self._unused_port()
        environment = {
            "QUINTET_HOME": str(self.home),
            f"{upper}_PORT": str(port),
            f"{upper}_FOLLOW_SECONDS": "0.5",
        }
        if service == "ranker" and "mlflow" in self.programs:
            environment |= {
                "QUINTET_MLFLOW_URI": f"http://127.0.0.1:{self.ports['mlflow']}",
                "QUINTET_RANKER_REGISTRY_SECONDS": "1",
                "QUINTET_RANKER_REGISTRY_TIMEOUT": "2",
            }
        command = [sys.executable, "-m", f"quintet_{service}"]
        self.programs[name] = Program(name, command, environment, self.root / f"{name}.log")

    def _add_proxy(self) -> None:
        names = [f"{service}-{number}" for service in SERVICES for number in (1, 2)]
        for name in names:
            self.ports[f"proxy-{name}"] = self._unused_port()
        pairs = [f"{self.ports[f'proxy-{name}']}:{self.ports[name]}" for name in names]
        self.delay.write_text("0", encoding="utf-8")
        command = [sys.executable, "-m", "tools.chaos.proxy", str(self.delay), *pairs]
        self.programs["proxy"] = Program("proxy", command, {}, self.root / "proxy.log")
        self.ports["proxy"] = self.ports[f"proxy-{names[-1]}"]

    def _add_gateway(self, number: int) -> None:
        name = f"gateway-{number}"
        self.ports[name] = self._unused_port()
        command = [sys.executable, "-m", "quintet_gateway"]
        self.programs[name] = Program(name, command, {}, self.root / f"{name}.log")

    def _gateway_environment(self, number: int) -> dict[str, str]:
        """Connect the first gateway through the proxies, the second directly to the services."""
        through = "proxy-" if number == 1 else ""
        addresses = {
            f"QUINTET_GATEWAY_{service.upper()}_ADDRESS": ",".join(
                f"127.0.0.1:{self.ports[f'{through}{service}-{each}']}" for each in (1, 2)
            )
            for service in SERVICES
        }
        return addresses | {
            "QUINTET_HOME": str(self.home),
            "QUINTET_DATABASE_URL": self.database_url,
            "QUINTET_GATEWAY_PORT": str(self.ports[f"gateway-{number}"]),
            "QUINTET_GATEWAY_GRPC_PORT": "0",
        }


@contextlib.contextmanager
def made() -> Iterator[Stack]:
    """Yield a stack in a separate folder, and end all of it."""
    folder = Path(tempfile.mkdtemp(prefix="quintet-chaos-"))
    # PostgreSQL runs as another user.
    folder.chmod(0o755)
    stack = Stack(folder)
    try:
        yield stack
    finally:
        stack.stop()
        subprocess.run(
            ["umount", "-q", str(stack.home / "spool")],
            check=False, stderr=subprocess.DEVNULL, timeout=10,
        )  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
