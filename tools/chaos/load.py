"""Requests at their times whatever becomes of those before, each answer compared with the truth."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind

LIMIT = 20
QUERIES = 40
# A gateway that answers nothing for so long is left alone for a second, as a balancer would do.
PATIENCE_SECONDS = 2.5
LEFT_ALONE_SECONDS = 1.0


class Truth:
    """The right list of each query, by the engine itself: whole, and in the order of cosine."""

    def __init__(self, bundle: Path) -> None:
        whole = Engine.load(bundle)
        bare = Engine(whole.catalogue, whole.index, None, whole.versions, whole.recipe)
        names = whole.catalogue.track_ids(np.arange(len(whole.catalogue)))
        self.known = set(names)
        dice = random.Random(5)
        self.queries = [tuple(dice.sample(names, dice.randint(1, 5))) for _ in range(QUERIES)]
        self._lists = {
            (seeds, kind): [track.track_id for track in engine.recommend(_query(seeds)).tracks]
            for seeds in self.queries
            for kind, engine in (("whole", whole), ("booster", bare))
        }

    def fault(self, seeds: tuple[str, ...], answer: dict[str, Any]) -> str:
        """Return what is wrong with an answer; empty where it is right for what it says it is."""
        ids = [track["track"]["id"] for track in answer["tracks"]]
        kind = "booster" if "booster" in answer["degraded"] else "whole"
        if len(set(ids)) != len(ids) or not set(ids) <= self.known or set(ids) & set(seeds):
            return "a track twice, unknown, or a seed"
        if ids != self._lists[seeds, kind]:
            return f"not the {kind} list"
        if any(not track["track"]["title"] for track in answer["tracks"]):
            return "" if "search" in answer["degraded"] else "a title is missing"
        return ""


def _query(seeds: tuple[str, ...]) -> Query:
    chosen = tuple(Seed(SeedKind.TRACK, each) for each in seeds)
    return Query(chosen, limit=LIMIT, reasons=False, discovery=DEFAULT_DISCOVERY)


@dataclass
class Request:
    """One recommendation asked for, or one event sent.

    Attributes:
        sent: When, in monotonic seconds.
        event: The event's id; empty for a recommendation.
        status: Of the answer; 0 where none came.
        degraded: What the answer said it was without.
        wrong: What is wrong with it.
        seconds: Until the answer.
    """

    sent: float
    event: str = ""
    status: int = 0
    degraded: tuple[str, ...] = ()
    wrong: str = ""
    seconds: float = 0.0

    @property
    def answered(self) -> bool:
        return self.status == 200


@dataclass
class Load:
    """Asks so many times a second, and sends an event on each list that comes back.

    Attributes:
        gateways: Where; one that does not answer is passed over for the next, as a balancer would.
        truth: What is right.
        rate: Recommendations a second.
        requests: All that were sent.
    """

    gateways: Sequence[str]
    truth: Truth
    rate: float
    requests: list[Request] = field(default_factory=list)
    _down: dict[str, float] = field(default_factory=dict)
    _turn: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=50)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as self._http:
            due = time.monotonic()
            try:
                while True:
                    self._spawn(self._recommend())
                    due += 1.0 / self.rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(10):
                        while self._open:
                            await asyncio.wait(set(self._open))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _recommend(self) -> None:
        seeds = random.choice(self.truth.queries)
        # Without a listener, whose memory would make each list another one.
        body = {"seeds": list(seeds), "limit": LIMIT, "reasons": False}
        request, answer = await self._send("/api/v1/recommendations", body)
        if answer is not None:
            request.degraded = tuple(answer["degraded"])
            request.wrong = self.truth.fault(seeds, answer)
            await self._event(answer)

    async def _event(self, answer: dict[str, Any]) -> None:
        track = random.choice(answer["tracks"])
        body = {
            "event_id": uuid4().hex,
            "recommendation_id": answer["recommendation_id"],
            "track_id": track["track"]["id"],
            "kind": "like",
        }
        request, told = await self._send("/api/v1/feedback", body, body["event_id"])
        if told is not None:
            request.degraded = tuple(told["degraded"])

    async def _send(
        self, path: str, body: dict[str, Any], event: str = ""
    ) -> tuple[Request, dict[str, Any] | None]:
        """Send to one gateway, and to the next where that one gives no answer at all."""
        request = Request(time.monotonic(), event)
        self.requests.append(request)
        for gateway in self._order():
            try:
                response = await self._http.post(
                    f"{gateway}{path}", json=body, timeout=PATIENCE_SECONDS
                )
            except httpx.HTTPError:
                self._down[gateway] = time.monotonic() + LEFT_ALONE_SECONDS
                continue
            request.status = response.status_code
            request.seconds = time.monotonic() - request.sent
            return request, response.json() if response.is_success else None
        request.seconds = time.monotonic() - request.sent
        return request, None

    def _order(self) -> list[str]:
        self._turn += 1
        turned = [*self.gateways[self._turn % 2 :], *self.gateways[: self._turn % 2]]
        now = time.monotonic()
        return sorted(turned, key=lambda gateway: self._down.get(gateway, 0.0) > now)
