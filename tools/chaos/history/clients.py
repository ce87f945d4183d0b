"""Clients that send events, undo them and delete listeners, and record each outcome.

Several clients share listeners, so that their operations overlap. A client sends some events again,
as one does that got no answer.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

import httpx

from tools.chaos.history.operations import HistoryFile, Operation, Outcome

PATIENCE_SECONDS: Final = 4.0
ACTS: Final = ("like", "save", "dislike", "playlist_add")
# Answers that say that nothing was stored; any other error leaves open what happened.
_NOTHING: Final = (400, 404, 409, 413, 429)
_KEPT_EVENTS: Final = 40
_BEGUN: Final = time.time() - time.monotonic()


def now() -> float:
    """Return seconds since 1970 by a clock that no change of the time moves."""
    return _BEGUN + time.monotonic()


class Listeners:
    """Listeners that clients share, half of whom are never deleted.

    After a deletion with an unknown outcome, which may take effect at any later time, nothing is
    certain about the listener any more, so that a new one replaces it.
    """

    def __init__(self, count: int, dice: random.Random) -> None:
        self._dice = dice
        self._kept = [f"kept-{number}" for number in range(count // 2)]
        self._used = [f"listener-{number}" for number in range(count - count // 2)]
        self.every = [*self._kept, *self._used]

    def any(self) -> str:
        """Choose a listener."""
        return self._dice.choice([*self._kept, *self._used])

    def to_delete(self) -> str:
        """Choose a listener who may be deleted."""
        return self._dice.choice(self._used)

    def retire(self, listener: str) -> None:
        """Use another listener in place of this one from now on."""
        if listener in self._used:
            self.every.append(f"listener-{len(self.every)}")
            self._used[self._used.index(listener)] = self.every[-1]


class Client:
    """One client: does one operation after the other.

    Args:
        gateways: Their addresses.
        listeners: Shared with other clients.
        queries: Seeds to ask for lists by.
        history: Where every operation is written.
        dice: Chooses what is done.
    """

    def __init__(
        self,
        gateways: Sequence[str],
        listeners: Listeners,
        queries: Sequence[Sequence[str]],
        history: HistoryFile,
        dice: random.Random,
    ) -> None:
        self._gateways, self._queries, self._dice = gateways, queries, dice
        self._listeners, self._history = listeners, history
        self._sent: list[dict[str, Any]] = []

    async def run(self, http: httpx.AsyncClient, pause: float) -> None:
        """Do operations until cancelled.

        Args:
            http: For all requests.
            pause: Mean seconds between two of them.
        """
        steps: list[tuple[Callable[[httpx.AsyncClient], Any], int]] = [
            *((self._event, 70), (self._again, 8), (self._undo, 10)),
            *((self._export, 7), (self._delete, 5)),
        ]
        names, weights = zip(*steps, strict=True)
        while True:
            (step,) = self._dice.choices(names, weights)
            await step(http)
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def _event(self, http: httpx.AsyncClient) -> None:
        """Ask for a list, and send an event on one of its tracks."""
        listener = self._listeners.any()
        seeds = list(self._dice.choice(self._queries))
        body = {"seeds": seeds, "limit": 20, "reasons": False, "listener": listener}
        answer = await self._do("list", http, "POST", "/api/v1/recommendations", body)
        if answer is None:
            return
        event = {
            "event_id": uuid4().hex,
            "recommendation_id": answer["recommendation_id"],
            "track_id": self._dice.choice(answer["tracks"])["track"]["id"],
            "kind": self._dice.choice(ACTS),
            "listener": listener,
        }
        self._sent = [*self._sent[-_KEPT_EVENTS:], event]
        await self._send(http, event)

    async def _again(self, http: httpx.AsyncClient) -> None:
        """Send an event again that was sent before, whatever its outcome was."""
        if self._sent:
            await self._send(http, self._dice.choice(self._sent))

    async def _send(self, http: httpx.AsyncClient, event: Mapping[str, Any]) -> None:
        facts = {
            "event": event["event_id"],
            "listener": event["listener"],
            "track": event["track_id"],
            "act": event["kind"],
        }
        await self._do("event", http, "POST", "/api/v1/feedback", event, facts)

    async def _undo(self, http: httpx.AsyncClient) -> None:
        if self._sent:
            event = self._dice.choice(self._sent)["event_id"]
            path = f"/api/v1/feedback/{event}"
            await self._do("undo", http, "DELETE", path, facts={"event": event})

    async def _delete(self, http: httpx.AsyncClient) -> None:
        listener = self._listeners.to_delete()
        path = f"/api/v1/listeners/{listener}"
        if await self._do("delete", http, "DELETE", path, facts={"listener": listener}) is None:
            self._listeners.retire(listener)

    async def _export(self, http: httpx.AsyncClient) -> None:
        listener = self._listeners.any()
        path = f"/api/v1/listeners/{listener}/export"
        await self._do("export", http, "GET", path, facts={"listener": listener})

    async def _do(
        self, kind: str, http: httpx.AsyncClient, method: str, path: str,
        body: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        """Send one request to one gateway, and write down the operation; None if it was not ok."""
        url, start, answer = f"{self._dice.choice(self._gateways)}{path}", now(), None
        outcome = Outcome.UNKNOWN
        try:
            response = await http.request(method, url, json=body, timeout=PATIENCE_SECONDS)
            outcome = outcome_of(response.status_code)
            if outcome is Outcome.OK:
                answer = {"lines": response.text} if kind == "export" else response.json()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            outcome = Outcome.FAILED
        except httpx.HTTPError:
            pass
        finally:
            # Also of a request that is on its way when the record ends.
            more = {} if answer is None else _seen(kind, answer)
            self._history.add(Operation(kind, start, now(), outcome, {**(facts or {}), **more}))
        return answer


def outcome_of(status: int) -> Outcome:
    """Classify an answer by its HTTP status."""
    if 200 <= status < 300:
        return Outcome.OK
    return Outcome.FAILED if status in _NOTHING else Outcome.UNKNOWN


def _seen(kind: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an answer says that the checker needs."""
    if kind == "list":
        return {"version": answer["versions"]["model"]}
    return {"events": exported_events(answer["lines"])} if kind == "export" else {}


def exported_events(text: str) -> list[str]:
    """Return the ids of the events of an export, in its order."""
    records = map(json.loads, text.splitlines())
    return [str(each["event_id"]) for each in records if each["record"] == "event"]
