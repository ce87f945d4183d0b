"""`quintet up` and `quintet demo`: the real services, in the foreground or for one showing."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from quintet_modelkit.publication import PublicationInvalid, current_folder, read_manifest
from quintet_training.settings import Settings, load_settings
from rich.console import Console

from quintet_command.cli.ask import print_recommendations
from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.gateway import Gateway
from quintet_command.cli.progress import progress_bar

if TYPE_CHECKING:
    from quintet_command.supervisor import Program

READY_SECONDS: Final = 60.0
DEMO_SONGS: Final = (
    "hotel california eagles",
    "bohemian rhapsody queen",
    "back in black ac/dc",
    "smells like teen spirit nirvana",
    "everlong foo fighters",
)
_console = Console()
_errors = Console(stderr=True)


def programs_of(settings: Settings) -> "list[Program]":
    """Returns the processes of a whole installation on this machine."""
    from quintet_command.supervisor import Program

    feedback = ((settings.gateway_grpc_port, "QUINTET_GATEWAY_GRPC_PORT"),)
    gateway = [
        Program(
            name,
            (sys.executable, "-m", f"quintet_{name}"),
            port,
            f"QUINTET_{name.upper()}_PORT",
            more_ports=feedback if name == "gateway" else (),
        )
        for name, port in (
            ("search", settings.search_port),
            ("profile", settings.profile_port),
            ("ranker", settings.ranker_port),
            ("gateway", settings.gateway_port),
        )
    ]
    page = find_spec("quintet_ui.page")
    if page is None or page.origin is None:
        return gateway
    streamlit = (sys.executable, "-m", "quintet_ui")
    return [*gateway, Program("ui", streamlit, settings.ui_port, "QUINTET_UI_PORT")]


def registry_of(settings: Settings) -> "Program":
    """Returns the registry's server: MLflow in one process, on this machine only.

    It has no access tokens of ours, so it is not for other machines to reach; for these, run one
    of your own and set QUINTET_MLFLOW_URI.
    """
    from quintet_command.supervisor import Program

    folder = settings.home.resolve() / "mlflow"
    database = settings.mlflow_backend_url.get_secret_value()
    # SQLAlchemy's default for PostgreSQL is a driver that is not installed.
    database = re.sub("^postgresql:", "postgresql+psycopg:", database)
    server = (sys.executable, "-m", "quintet_command.registry_server")
    return Program(
        "mlflow",
        (*server, "127.0.0.1", str(settings.mlflow_port)),
        settings.mlflow_port,
        "QUINTET_MLFLOW_PORT",
        host="127.0.0.1",
        # Addresses go by environment: a command line is for every user of the machine to read.
        environment={
            "MLFLOW_BACKEND_STORE_URI": database or f"sqlite:///{folder / 'mlflow.db'}",
            "MLFLOW_ARTIFACTS_DESTINATION": settings.mlflow_artifacts or str(folder / "artifacts"),
        },
    )


def up(
    without_ui: Annotated[bool, typer.Option("--without-ui", help="Leave the page out.")] = False,
    without_registry: Annotated[
        bool, typer.Option("--without-registry", help="Leave the registry of models out.")
    ] = False,
) -> None:
    """Run services, page and registry of models in the foreground; Ctrl-C drains all."""
    # Imported here, as everywhere in these modules: `--help` must not wait for what it never uses.
    from quintet_command.supervisor import PortInUse, check_ports, supervise

    settings = load_settings()
    programs = [p for p in programs_of(settings) if not (without_ui and p.name == "ui")]
    # Where one is set, it runs elsewhere already.
    own_registry = not (without_registry or settings.mlflow_uri)
    if own_registry:
        programs.append(registry_of(settings))
    try:
        check_ports(programs, settings.host)
    except PortInUse as fault:
        raise CommandFailed(str(fault)) from fault
    _prepare(settings)
    gateway = Gateway(settings.gateway_url, timeout=2.0, authorities=settings.gateway_ca)

    def announce() -> bool:
        if not gateway.is_ready():
            return False
        _console.print(f"[bold green]ready[/] {settings.gateway_url}/docs", highlight=False)
        if any(program.name == "ui" for program in programs):
            _console.print(f"[bold green]page[/]  http://{settings.host}:{settings.ui_port}")
        if own_registry:
            _console.print(f"[bold green]models[/] {settings.registry_uri}", highlight=False)
        return True

    environment = _environment(settings)
    if own_registry:
        environment["QUINTET_MLFLOW_URI"] = settings.registry_uri
        (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
    code = supervise(programs, environment, settings.home / "run", announce)
    if code:
        raise CommandFailed("a service could not start with these settings; see its line above")


def demo() -> None:
    """Show five real seeds and what is recommended for them, through the real services."""
    settings = load_settings()
    _prepare(settings)
    ports = _free_ports(4)
    names = ("gateway", "search", "profile", "ranker")
    changes = {f"QUINTET_{n.upper()}_PORT": str(p) for n, p in zip(names, ports, strict=True)}
    changes["QUINTET_GATEWAY_GRPC_PORT"] = "0"
    changes["QUINTET_HOST"] = "127.0.0.1"
    changes["QUINTET_GATEWAY_HTTPS_FOLDER"] = ""
    # One showing needs no registry, and takes nothing from one.
    changes["QUINTET_MLFLOW_URI"] = ""
    log = settings.home / "logs" / "demo.log"
    with _running(changes, log) as process:
        gateway = Gateway(f"http://127.0.0.1:{ports[0]}", timeout=10.0)
        _await_ready(gateway, process, log)
        tracks = [gateway.first_track(text) for text in DEMO_SONGS]
        answer = gateway.recommend({"seeds": [track["id"] for track in tracks], "limit": 10})
    print_recommendations(answer, _console)


def prepare() -> None:
    """Make sure that there is a catalogue and a model to serve, and do no more."""
    _prepare(load_settings())


def _prepare(settings: Settings) -> None:
    """Makes sure that there is something to serve; the embedded catalogue where there is none."""
    if _is_prepared(settings):
        return
    from quintet_training.datasets import prepare_embedded
    from quintet_training.steps import publish_model

    with progress_bar(_errors) as tell:
        prepare_embedded(settings, lambda share, text: tell(share / 2, text))
        publish_model(settings.home, lambda share, text: tell(0.5 + share / 2, text))
        tell(1.0, "Catalogue and model are ready")


def _is_prepared(settings: Settings) -> bool:
    """Returns whether a catalogue and a model made for it are published; a look at two files.

    Whether the files are whole is for the services to check; what cannot be read is made anew.
    """
    try:
        catalogue = current_folder(settings.home / "catalogue").name
        manifest = read_manifest(current_folder(settings.home / "models"), verify=False)
    except PublicationInvalid:
        return False
    return bool(manifest.get("catalogue_version") == catalogue)


@contextmanager
def _running(changes: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `quintet up` with other ports, its lines in a file, and drains it at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "quintet_command", "up", "--without-ui", "--without-registry"],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **changes},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _await_ready(gateway: Gateway, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with progress_bar(_errors) as tell:
        while missing := gateway.not_ready():
            tell(1 - len(missing) / 4, f"Starting {', '.join(missing)}")
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"the services did not become ready; their lines are in {log}")
            time.sleep(0.1)
        tell(1.0, "Search, profile, ranker and gateway are serving")


def _free_ports(count: int) -> list[int]:
    """Returns distinct free ports; held together while chosen, so that none is given twice."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _environment(settings: Settings) -> dict[str, str]:
    found = {"QUINTET_HOME": str(settings.home.resolve()), "PYTHONUNBUFFERED": "1"}
    if sys.stdout.isatty():
        # The processes write to pipes of ours, and a person reads what comes out of them.
        forms = [f"QUINTET_{name}_LOG_FORM" for name in ("GATEWAY", "SEARCH", "PROFILE", "RANKER")]
        found |= {form: "console" for form in forms if form not in os.environ}
    return found
