"""`quintet search` and `quintet recommend` need the client part of quintet-command and no more."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HEAVY = {
    *(
        "mlflow",
        "optuna",
        "lightgbm",
        "matplotlib",
        "numpy",
        "polars",
        "pyarrow",
        "scipy",
        "circus",
    ),
    *("sqlalchemy", "quintet_training", "quintet_engine", "quintet_store", "quintet_modelkit"),
}
# Runs the command and prints, after its own output, which packages it has loaded.
LOADED = """
import sys
from quintet_command.cli import main
try:
    main()
finally:
    print("loaded", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def dependencies(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """What installing a package brings, without any extra."""
    if name not in found:
        found[name] = distribution(name)
        for line in found[name].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                dependencies(wanted.name.lower(), found)
    return found


@pytest.fixture(scope="module")
def client_only(tmp_path_factory) -> dict[str, str]:
    """An environment where only quintet-command without its extra is installed, by links."""
    folder = tmp_path_factory.mktemp("site")
    sources = [
        str(ROOT / each / "src")
        for each in (
            *("command", "client", "libs/settings", "libs/contract"),
            *("libs/files", "libs/text"),
        )
    ]
    for each in dependencies("quintet-command", {}).values():
        tops = {Path(file.parts[0]) for file in each.files or () if file.parts[0] != ".."}
        for top in tops:
            place = Path(str(each.locate_file(top)))
            if place.suffix != ".pth" and place.exists() and not (folder / top).exists():
                (folder / top).symlink_to(place)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *sources])}


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """A gateway that answers a search with one track."""
    empty = ("album_id", "release_date", "isrc", "cover_url", "preview_url", "external_url")
    track: dict[str, object] = {
        **dict.fromkeys((*empty, "provenance", "licence"), ""),
        **{"id": "6rqhFgbbKwnb9MLmUQDhG6", "title": "Hotel California", "album": "Greatest Hits"},
        **{"popularity": 82, "duration_ms": 391_376, "explicit": False, "genres": ["rock"]},
        "artists": [{"id": "a", "name": "Eagles"}],
    }
    match = {"track": track, "score": 1.0, "recommendable": True, "source": "catalogue"}
    page = {"tracks": [match], "total": 1, "next_page_token": "", "catalogue": "cat-1"}
    body = json.dumps({**page, "source": "catalogue", "degraded": []}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output free of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def quintet(*arguments: str, isolated: bool = True, **environment: str):
    # -S leaves site-packages out, so PYTHONPATH is all that can be imported.
    flags = ["-S"] if isolated else []
    return subprocess.run(
        [sys.executable, *flags, "-c", LOADED, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"COLUMNS": "160", "PATH": os.environ["PATH"], **environment},
        check=False,
    )


def loaded(output: str) -> set[str]:
    return set(output.rpartition("loaded ")[2].split())


@pytest.mark.parametrize("command", ["search", "recommend", "radio", "path"])
@pytest.mark.parametrize("isolated", [True, False])
def test_help_loads_no_library_of_the_operator(client_only, command, isolated):
    environment = client_only if isolated else {}
    shown = quintet(command, "--help", isolated=isolated, **environment)
    assert shown.returncode == 0, shown.stderr
    assert f"quintet {command}" in re.sub(r"\s+", " ", shown.stdout) or "Usage" in shown.stdout
    assert not HEAVY & loaded(shown.stdout)


@pytest.mark.parametrize("isolated", [True, False])
def test_search_asks_the_gateway_without_the_operators_libraries(client_only, gateway, isolated):
    environment = client_only if isolated else {}
    found = quintet("search", "x", isolated=isolated, QUINTET_GATEWAY_URL=gateway, **environment)
    assert found.returncode == 0, found.stderr
    assert "6rqhFgbbKwnb9MLmUQDhG6" in found.stdout
    assert not HEAVY & loaded(found.stdout)


def test_recommend_says_in_one_line_that_no_gateway_answers(client_only):
    closed = "http://127.0.0.1:1"
    refused = quintet("recommend", "x", QUINTET_GATEWAY_URL=closed, **client_only)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: no gateway answers at {closed}")
    assert refused.stderr.count("\n") == 1
    assert not HEAVY & loaded(refused.stdout)


@pytest.mark.parametrize(
    "arguments", [["up"], ["doctor"], ["train"], ["clients", "list"], ["batch-recommend", "a", "b"]]
)
def test_an_operators_command_says_what_to_install(client_only, arguments):
    refused = quintet(*arguments, **client_only)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"error: quintet {arguments[0]} needs the extra `operator`, which is not installed; "
        "in the repository, run: uv sync --package quintet-command --extra operator\n"
    )


def test_a_wrong_address_is_named_by_its_setting(client_only):
    refused = quintet("search", "x", QUINTET_GATEWAY_URL="nonsense", **client_only)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: QUINTET_GATEWAY_URL: ")
