"""How a task runs one `quintet` command in the product's environment."""

import os
import re
import shlex
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from airflow.sdk import Asset

from quintet_airflow.failures import ROOT, home, report_failure

CATALOGUE: Final = Asset("quintet://catalogue")
"""A catalogue was published."""
DRIFT: Final = Asset("quintet://drift")
"""What listeners get has moved away from what the model was made for."""
GATED: Final = Asset("quintet://gated")
"""A model passed the gate; `model` of the event names its bundle."""

DEFAULTS: Final[dict[str, Any]] = {
    "owner": "quintet",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=15),
    "on_failure_callback": report_failure,
    "env": {"QUINTET_HOME": str(home())},
    "append_env": True,
    # Exit codes say what happened; none means "skip" unless a task says so.
    "skip_on_exit_code": None,
}
"""Arguments of every task; a task that needs longer says so."""


def quintet(*arguments: object) -> str:
    """Return the shell command that runs `quintet`.

    The command is QUINTET_COMMAND, or `quintet` on the PATH, or that of a clone.
    """
    command = os.environ.get("QUINTET_COMMAND") or shutil.which("quintet")
    # `exec`, so that a timeout's signal reaches the command and not a shell around it.
    words = [command or str(ROOT / ".venv" / "bin" / "quintet"), *map(str, arguments)]
    return f"exec {shlex.join(words)}"


def run_folder(run_id: str) -> Path:
    """Return the folder of one run's files, the same for each try of each of its tasks."""
    folder = home() / "runs" / re.sub(r"[^A-Za-z0-9._-]+", "-", run_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
