"""A real MLflow server, real bundles, and a wire between that can be cut."""

import contextlib
import json
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from quintet_command.ports import free_ports
from quintet_command.programs import registry_of
from quintet_command.settings import CommandSettings
from quintet_modelkit.publication import write_manifest
from quintet_modelkit.registry import Registry
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue
from tools.processes import Processes

START_SECONDS = 120.0


@dataclass(frozen=True)
class Server:
    port: int
    home: Path

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> Path:
        return self.home / "mlflow" / "artifacts"


@contextlib.contextmanager
def serving(home: Path, **settings: Any) -> Iterator[Server]:
    """Runs the registry that `quintet up` runs, by its own command and environment."""
    port = free_ports(1)[0]
    program = registry_of(CommandSettings(home=home, mlflow_port=port, **settings))
    (home / "mlflow").mkdir(parents=True)
    server, processes = Server(port, home), Processes(home)
    processes.start("mlflow", program.command, program.environment)
    try:
        processes.await_answer(f"{server.uri}/health", START_SECONDS)
        yield server
    finally:
        # Engines kill what takes longer, and call anything but 0 a failure.
        assert processes.stop(10) == {"mlflow": 0}


@pytest.fixture(scope="session", autouse=True)
def short_waits() -> Iterator[None]:
    """MLflow's limits hold for a whole process; here nothing waits long."""
    names = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="session")
def serving_registry() -> Callable[..., contextlib.AbstractContextManager[Server]]:
    """Starts another server, with other settings."""
    return serving


@pytest.fixture
def registry(server) -> Registry:
    """A registry that no other test writes to."""
    return Registry(server.uri, f"model-{uuid.uuid4().hex[:12]}")


def _publish(home: Path, count: int, seed: int) -> None:
    source = {"name": "made", "licence": "CC0", "tracks": count}
    publish_catalogue(home, count, seed=seed, digits=4, sources=[source])


@dataclass(frozen=True)
class Workshop:
    """Makes bundles: one catalogue, and as many models of it as are asked for."""

    home: Path

    def bundle(self, rounds: int = 8) -> Path:
        version = publish_model(self.home, parameters=BootstrapParameters(groups=20, rounds=rounds))
        return self.home / "models" / version

    def altered(self, source: Path, **changes: Any) -> Path:
        """A whole bundle, checksums and all, whose manifest or golden request says otherwise."""
        folder = source.with_name(f"altered-{uuid.uuid4().hex[:12]}")
        shutil.copytree(source, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        if golden := changes.pop("golden", None):
            (folder / "golden.json").write_text(json.dumps(golden))
        content = {k: v for k, v in manifest.items() if k not in ("files", "format")}
        write_manifest(folder, {**content, "model_version": folder.name, **changes})
        return folder


@pytest.fixture(scope="session")
def workshop(tmp_path_factory) -> Workshop:
    """Where models are made; rankers under test have homes of their own."""
    home = tmp_path_factory.mktemp("workshop")
    _publish(home, 1500, 3)
    return Workshop(home)


@pytest.fixture
def home(tmp_path) -> Path:
    """A ranker's home that serves a small model of another catalogue."""
    home = tmp_path / "home"
    _publish(home, 150, 11)
    publish_model(home, parameters=BootstrapParameters(groups=10, rounds=4))
    return home


def register(registry: Registry, bundle: Path, **metrics: float) -> str:
    return registry.register(bundle, metrics, {"rounds": 1}, {}, {}, bundle.name)


@pytest.fixture(scope="session")
def enrol() -> Callable[..., str]:
    """Registers a bundle and returns its number."""
    return register


class Wire:
    """A TCP forwarder to the registry that can refuse, stall, or cut answers short.

    Attributes:
        mode: "open", "refuse", "stall" (nothing comes back) or "cut".
        limit: Bytes of one answer that pass before "cut" ends it and "stall" stops it.
        touched: Set whenever a limit was met or a connection refused.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.mode = "open"
        self.limit = 0
        self.touched = threading.Event()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: str, limit: int = 0) -> None:
        self.mode, self.limit = mode, limit
        self.touched.clear()
        for end in self._ends:  # kept-alive connections must not outlive a change
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.set("refuse")
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                self.touched.set()
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [near, far]
            for source, target, answers in ((near, far, False), (far, near, True)):
                arguments = (source, target, answers)
                threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if answers and self.mode in ("cut", "stall") and passed > self.limit:
                    self.touched.set()
                    if self.mode == "stall":
                        continue
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def wire(server) -> Iterator[Wire]:
    made = Wire(server.port)
    yield made
    made.close()
