"""What a failed task leaves: one structured line in the log and in a file."""

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FILE: Final = "airflow-failures.jsonl"
ROOT: Final = Path(__file__).parents[3]
"""A clone, where this package is installed from one."""
_logger: Final = logging.getLogger("quintet.airflow")


def home() -> Path:
    """Return QUINTET_HOME, by default that of a clone; absolute, since tasks run elsewhere."""
    return Path(os.environ.get("QUINTET_HOME", ROOT / ".quintet")).resolve()


def report_failure(context: Mapping[str, Any]) -> None:
    """Write who failed, on which try and why; called by Airflow once no try is left."""
    task = context.get("task_instance")
    fault = context.get("exception") or context.get("reason") or ""
    line = json.dumps(
        {
            "time": datetime.now(UTC).isoformat(),
            "event": "task failed" if task is not None else "run failed",
            "dag": getattr(task, "dag_id", None) or str(getattr(context.get("dag"), "dag_id", "")),
            "task": getattr(task, "task_id", ""),
            "run": str(context.get("run_id", "")),
            "try": getattr(task, "try_number", 0),
            "fault": " ".join(str(fault).split())[:500],
        }
    )
    _logger.error(line)
    folder = home() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    # Short appended lines of several processes never mix.
    with (folder / FILE).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
