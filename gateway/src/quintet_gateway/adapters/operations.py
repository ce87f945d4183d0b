"""What is known of how things are run: the report that `quintet drift` left, and Airflow's runs."""

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
_MOST_BYTES: Final = 256 * 1024


class Operations:
    """Reads both, each within its bounds.

    Args:
        home: Folder of all state.
        airflow: Asks Airflow; None where it is not configured.
    """

    def __init__(self, home: Path, airflow: "Airflow | None") -> None:
        self._report = home / REPORT
        self._airflow = airflow

    async def overview(self) -> OperationsResponse:
        """Returns all that is known; what cannot be known now is empty, never an error."""
        drift = await asyncio.to_thread(read_report, self._report)
        if self._airflow is None:
            return OperationsResponse(drift=drift, airflow="off", dags=[])
        state, dags = await self._airflow.last_runs()
        return OperationsResponse(drift=drift, airflow=state, dags=list(dags))

    async def close(self) -> None:
        """Closes the connections."""
        if self._airflow is not None:
            await self._airflow.close()


def read_report(path: Path) -> DriftFacts | None:
    """Returns a report; None where there is none, or nothing that could be one."""
    try:
        # Opening a pipe would wait for whoever writes.
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
