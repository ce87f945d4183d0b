"""What a process imports before it is ready: nothing heavy that most of them never use."""

import subprocess
import sys

import pytest

_HEAVY = {
    "gateway": {"alembic", "httpx", "mlflow", "numba", "pandas", "psycopg"},
    "memory": {"alembic", "numba", "numpy", "pandas", "psycopg"},
    "profile": {"faiss", "lightgbm", "numba", "pandas"},
    "ranker": {"mlflow", "numba", "pandas", "pymilvus", "sqlalchemy"},
    "search": {"faiss", "numba", "pandas", "redis", "spotipy"},
}
# Of tracebacks in colour, and of tokens and certificates, which are off by default.
_NOWHERE = {"cryptography", "jwt", "rich"}


def imported_by(statements: str) -> set[str]:
    ending = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run(
        [sys.executable, "-c", f"{statements}\n{ending}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("name", sorted(_HEAVY))
def test_a_start_waits_for_nothing_that_it_does_not_use(name: str) -> None:
    # A port out of range ends the start once everything is imported and settings are read.
    found = imported_by(
        f"import os; os.environ['QUINTET_{name.upper()}_PORT'] = '-1'\n"
        f"from quintet_{name}.__main__ import main\n"
        "assert main() == 2"
    )
    assert f"quintet_{name}" in found
    assert not found & (_HEAVY[name] | _NOWHERE)


@pytest.mark.parametrize("group", ["analyse", "catalog", "library", "playlists"])
def test_a_command_imports_no_trainer_before_it_trains(group: str) -> None:
    found = imported_by(
        f"from quintet_command.cli import group\nassert group({group!r}).registered_commands"
    )
    assert "quintet_training" in found or group == "library"
    assert not found & {"lightgbm", "mlflow", "optuna"}


def test_arrow_converts_without_pandas_and_others_still_get_it() -> None:
    found = imported_by(
        "import pyarrow as pa\n"
        "from quintet_modelkit.import_guard import without_pandas\n"
        "with without_pandas():\n"
        "    import lightgbm\n"
        "import sys\n"
        "assert pa.array(['a', None]).to_numpy(zero_copy_only=False).tolist() == ['a', None]\n"
        "assert 'pandas' not in sys.modules\n"
        "import pandas\n"
    )
    assert {"lightgbm", "pandas"} <= found
