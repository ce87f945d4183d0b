"""quintet-protos and quintet-client as users get them: built, installed alone, typed, run.

`QUINTET_DIST` names packages that are built already, as `make release-check` does.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.slow import slow

UV = str(Path(sys.executable).parent / "uv")
EXAMPLES = sorted(path.name for path in (ROOT / "client" / "examples").glob("*.py"))
pytestmark = slow("installs from PyPI")


def run(*command: object, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="session")
def dist(tmp_path_factory) -> Path:
    if given := os.environ.get("QUINTET_DIST"):
        return Path(given)
    folder = tmp_path_factory.mktemp("dist")
    for name in ("quintet-protos", "quintet-client"):
        run(UV, "build", "--package", name, "--out-dir", folder)
    return folder


@pytest.fixture(scope="session", params=["whl", "tar.gz"])
def python(request, dist, tmp_path_factory) -> Path:
    """The interpreter of a fresh environment: both packages, what they ask for, and mypy."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(UV, "venv", "--python", sys.executable, folder)
    (protos,) = dist.glob(f"quintet_protos*.{request.param}")
    (client,) = dist.glob(f"quintet_client*.{request.param}")
    interpreter = folder / "bin" / "python"
    wanted = (protos, f"quintet-client[grpc] @ file://{client}", "mypy", "types-grpcio")
    run(UV, "pip", "install", "--python", interpreter, *wanted)
    return interpreter


def test_nothing_of_quintets_own_but_the_two_is_installed(python):
    listed = run(UV, "pip", "list", "--python", python, "--format", "freeze")
    names = {line.partition("==")[0].partition(" ")[0] for line in listed.splitlines()}
    assert {name for name in names if name.startswith("quintet")} == {
        "quintet-client",
        "quintet-protos",
    }
    assert not names & {"fastapi", "numpy", "lightgbm", "mlflow"}


def test_they_import_outside_of_the_source(python, tmp_path):
    program = (
        "import quintet_client, quintet_client.rpc, importlib.metadata as m;"
        "print(quintet_client.__file__, m.version('quintet-client'), m.version('quintet-protos'))"
    )
    path, client, protos = run(python, "-c", program, cwd=tmp_path).split()
    assert Path(path).is_relative_to(python.parents[1])
    assert client == protos


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_typed_strictly(python, tmp_path, name):
    source = (ROOT / "client" / "examples" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(source, encoding="utf-8")
    told = run(python, "-m", "mypy", "--strict", name, cwd=tmp_path)
    assert "Success" in told


def test_a_mistake_in_a_call_is_seen_by_the_type_checker(python, tmp_path):
    wrong = "from quintet_client import Quintet\nQuintet().recommend(['a'], limits=3)\n"
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    done = subprocess.run(
        [str(python), "-m", "mypy", "--strict", "wrong.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert 'Unexpected keyword argument "limits"' in done.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_against_a_gateway(python, stack, token, tmp_path, name):
    said = run(
        python,
        ROOT / "client" / "examples" / name,
        cwd=tmp_path,
        QUINTET_URL=stack.base,
        QUINTET_TOKEN=token,
        QUINTET_SEARCH=f"127.0.0.1:{stack.ports['search']}",
        QUINTET_RANKER=f"127.0.0.1:{stack.ports['ranker']}",
        QUINTET_CERTIFICATE=f"{stack.home}/tls/gateway",
    )
    assert len(said.splitlines()) >= 4


def test_wheels_and_sources_hold_types_licence_and_contracts(dist):
    (protos,) = dist.glob("quintet_protos*.whl")
    (client,) = dist.glob("quintet_client*.whl")
    (source,) = dist.glob("quintet_protos*.tar.gz")
    (client_source,) = dist.glob("quintet_client*.tar.gz")
    inside = zipfile.ZipFile(protos).namelist()
    assert "quintet/py.typed" in inside
    assert "quintet/ranker/v1/ranker_pb2.pyi" in inside
    for wheel, marker in ((protos, "quintet/py.typed"), (client, "quintet_client/py.typed")):
        names = zipfile.ZipFile(wheel).namelist()
        assert marker in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert not [name for name in names if not re.match(r"quintet(_client|_protos)?[/-]", name)]
    with tarfile.open(source) as archive:
        assert any(name.endswith("quintet/ranker/v1/ranker.proto") for name in archive.getnames())
    with tarfile.open(client_source) as archive:
        assert any(name.endswith("examples/five_songs.py") for name in archive.getnames())
