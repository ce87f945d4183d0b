"""Airflow's last runs, by its REST API v2: cached, and bounded in time and bytes."""

import asyncio
import math
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import httpx
import structlog
from pydantic import BaseModel, Field, SecretStr, ValidationError
from quintet_servicekit.metrics import CACHE

from quintet_gateway.schemas.operations import AirflowState, DagRun, DagRuns, Moment

_log = structlog.get_logger(__name__)
DAGS: Final = (
    *("catalogue_refresh", "ranker_retrain", "promote", "drift_watch", "housekeeping"),
    *("daily_mixes", "backup", "restore_drill"),
)
RUNS: Final = 5
# The operator's page should not wait longer for an Airflow that hangs.
_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 15.0
# An older answer is still shown for so long while Airflow answers slowly.
_STALE_SECONDS: Final = 60.0
# Far above the size of five runs: a longer answer is not Airflow's.
_MOST_BYTES: Final = 1024 * 1024
# Share of a request's budget, so that time is left to write the answer.
_SHARE: Final = 0.75

Found = tuple[AirflowState, Sequence[DagRuns]]
AWAY: Final[Found] = ("away", ())
_REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class _Run(BaseModel):
    """The fields of a DAG run that are read."""

    dag_run_id: str
    state: str = Field(pattern=r"^[a-z_]{1,32}$")
    start_date: Moment | None
    end_date: Moment | None


class _Runs(BaseModel):
    dag_runs: list[_Run]


class _Token(BaseModel):
    access_token: SecretStr


class _LoginRejected(Exception):
    """Airflow rejected the gateway's user and password, or its token."""


class Airflow:
    """Read the last runs of Quintet's DAGs.

    One answer is cached for fifteen seconds, a failure too, so that an Airflow that is down is not
    waited for by every request.

    Args:
        url: Base address, such as http://airflow-api:8080.
        user: User for a token; empty if Airflow gives every caller an administrator's token.
        password: The user's password.
        budget: Seconds within which the gateway answers a request.
    """

    def __init__(
        self, url: str, user: str = "", password: SecretStr | None = None, budget: float = _SECONDS
    ) -> None:
        self._url = url.rstrip("/")
        self._login = {
            "username": user,
            "password": "" if password is None else password.get_secret_value(),
        }
        self._patience = min(_SECONDS, _SHARE * budget)
        self._token: SecretStr | None = None
        self._found: Found = AWAY
        self._until = -math.inf
        self._look: asyncio.Task[None] | None = None
        self._http = httpx.AsyncClient(
            timeout=_SECONDS,
            limits=httpx.Limits(max_connections=len(DAGS), max_keepalive_connections=1),
            # Airflow is in the same network: a proxy for the internet cannot reach it.
            trust_env=False,
        )

    async def last_runs(self) -> Found:
        """Read whether Airflow answers, and the DAGs that it has with their last runs."""
        fresh = time.monotonic() < self._until
        CACHE.labels("airflow", "hit" if fresh else "miss").inc()
        if not fresh:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._refresh())
            # `wait` does not cancel the task: other requests wait for the same answer.
            done, _ = await asyncio.wait((self._look,), timeout=self._patience)
            if not done and time.monotonic() > self._until + _STALE_SECONDS:
                return AWAY
        return self._found

    async def close(self) -> None:
        """End a running request and close the connections."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        await self._http.aclose()

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                self._found = ("on", await self._all_runs())
        except _LoginRejected:
            self._found = ("refused", ())
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValidationError) as fault:
            _log.info("airflow unavailable", error=type(fault).__name__)
            self._found = AWAY
        self._until = time.monotonic() + _KEPT_SECONDS

    async def _all_runs(self) -> list[DagRuns]:
        if self._token is None:
            await self._renew()
        try:
            return await self._ask()
        except _LoginRejected:
            # Tokens end after a day, or with the key that signed them.
            await self._renew()
            return await self._ask()

    async def _ask(self) -> list[DagRuns]:
        asked = [asyncio.create_task(self._runs_of(dag_id)) for dag_id in DAGS]
        try:
            found = await asyncio.gather(*asked)
        finally:
            # `gather` leaves the other requests running if one fails.
            for task in asked:
                task.cancel()
        return [each for each in found if each is not None]

    async def _runs_of(self, dag_id: str) -> DagRuns | None:
        """Read a DAG's last runs; None if Airflow does not have the DAG."""
        headers = {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        request = self._http.build_request(
            "GET",
            f"{self._url}/api/v2/dags/{dag_id}/dagRuns",
            # Newest first; runs that wait have no start date to order by.
            params={"limit": RUNS, "order_by": "-run_after"},
            headers=headers,
        )
        status, content = await self._send(request)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise httpx.ProtocolError(f"answered {status}")
        runs = _Runs.model_validate_json(content).dag_runs[:RUNS]
        return DagRuns(dag_id=dag_id, runs=[self._told(dag_id, run) for run in runs])

    def _told(self, dag_id: str, run: _Run) -> DagRun:
        return DagRun(
            run_id=run.dag_run_id,
            state=run.state,
            start=run.start_date,
            end=run.end_date,
            link=f"{self._url}/dags/{dag_id}/runs/{quote(run.dag_run_id, safe='')}",
        )

    async def _renew(self) -> None:
        """Get a token; without a user, the one that an Airflow without login gives everyone."""
        url = f"{self._url}/auth/token"
        if self._login["username"]:
            request = self._http.build_request("POST", url, json=self._login)
        else:
            request = self._http.build_request("GET", url)
        status, content = await self._send(request)
        if status in (HTTPStatus.OK, HTTPStatus.CREATED):
            self._token = _Token.model_validate_json(content).access_token
        elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _LoginRejected
        else:
            raise httpx.ProtocolError(f"answered {status}")

    async def _send(self, request: httpx.Request) -> tuple[int, bytes]:
        """Send a request and read a bounded answer.

        Returns:
            The status and the body, at most `_MOST_BYTES`.

        Raises:
            _LoginRejected: Airflow answered 401 or 403.
            httpx.HTTPError: There is no answer, or it is too large.
        """
        response = await self._http.send(request, stream=True)
        try:
            if response.status_code in _REFUSALS:
                raise _LoginRejected
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise httpx.ProtocolError("the answer is too large")
            return response.status_code, bytes(content)
        finally:
            await response.aclose()
