"""State of operation: the report that `quintet drift` wrote, and Airflow's last runs."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import ValidationError

from quintet_gateway.schemas.operations import DriftFacts, OperationsResponse

if TYPE_CHECKING:
    from quintet_gateway.adapters.airflow import Airflow

_log = structlog.get_logger(__name__)
REPORT: Final = "drift.json"
# Far above the size of a report: the bound keeps a wrong file out of memory.
_MOST_BYTES: Final = 256 * 1024


class Operations:
    """Read the drift report and Airflow's runs, each bounded in time and size.

    Args:
        home: QUINTET_HOME.
        airflow: Client of Airflow; None if it is not configured.
    """

    def __init__(self, home: Path, airflow: "Airflow | None") -> None:
        self._report = home / REPORT
        self._airflow = airflow

    async def overview(self) -> OperationsResponse:
        """Collect the state of operation; a part that cannot be read is empty, never an error."""
        drift = await asyncio.to_thread(read_report, self._report)
        if self._airflow is None:
            return OperationsResponse(drift=drift, airflow="off", dags=[])
        state, dags = await self._airflow.last_runs()
        return OperationsResponse(drift=drift, airflow=state, dags=list(dags))

    async def close(self) -> None:
        """Close the connections."""
        if self._airflow is not None:
            await self._airflow.close()


def read_report(path: Path) -> DriftFacts | None:
    """Read a drift report; None, with a warning in the log, if the file is missing or broken."""
    try:
        # Opening a pipe would block until a process writes to it.
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            _log.warning("drift report too large", path=str(path))
            return None
        return DriftFacts.model_validate_json(content)
    except (OSError, ValidationError) as fault:
        _log.warning("drift report unreadable", path=str(path), error=type(fault).__name__)
        return None
