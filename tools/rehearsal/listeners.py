"""Simulated listeners at the gateway: what they do, what they get, and traffic meanwhile."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from tools.rehearsal.processes import RehearsalFailed

LISTENERS = 12
SESSIONS = 3
PROBES = 40
PROBE_LENGTH = 20
SEEDS = 5
_LOOKED_AT = 50


class Gateway:
    """The gateway as a listener's app sees it."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=20, trust_env=False)

    def model(self) -> str:
        """Returns the version that the ranker serves; empty while it does not answer."""
        try:
            answer = self._client.get("/api/v1/model")
            return str(answer.json()["versions"]["model"]) if answer.is_success else ""
        except (httpx.HTTPError, ValueError, KeyError):
            return ""

    def not_ready(self) -> list[str]:
        """Returns what is not serving yet."""
        try:
            return list(self._client.get("/readyz").json()["not_ready"])
        except (httpx.HTTPError, ValueError, KeyError):
            return ["gateway"]

    def recommend(self, seeds: Sequence[str], **more: Any) -> dict[str, Any]:
        """Returns a list.

        Raises:
            RehearsalFailed: There is none.
        """
        body = {"seeds": list(seeds), "reasons": False, **more}
        return self._posted("/api/v1/recommendations", body)

    def tell(self, events: Sequence[dict[str, Any]]) -> int:
        """Sends events and returns how many were new."""
        return int(self._posted("/api/v1/feedback", {"events": list(events)})["accepted"])

    def _posted(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.post(path, json=body)
            answer.raise_for_status()
        except httpx.HTTPStatusError as fault:
            raise RehearsalFailed(f"{path}: {fault.response.text[:300]}") from fault
        except httpx.HTTPError as fault:
            raise RehearsalFailed(f"{path}: {fault!r}") from fault
        return dict(answer.json())


def listen(gateway: Gateway, taste: Sequence[str], seed: int) -> tuple[int, int]:
    """Lets listeners ask for lists and act on them; returns how many they liked and skipped."""
    draw, liked = random.Random(seed), set(taste)
    counts = Counter[bool]()
    for number in range(LISTENERS):
        for _ in range(SESSIONS):
            seeds = draw.sample(taste, SEEDS)
            answer = gateway.recommend(
                seeds, limit=_LOOKED_AT, max_per_artist=6, listener=f"listener-{number}"
            )
            events = [
                {
                    "event_id": str(uuid.uuid4()),
                    "recommendation_id": answer["recommendation_id"],
                    "track_id": track["track"]["id"],
                    "kind": draw.choice(("like", "save", "playlist_add"))
                    if track["track"]["id"] in liked
                    else "skip",
                    "position": track["rank"],
                }
                for track in answer["tracks"]
            ]
            gateway.tell(events)
            counts.update(event["kind"] != "skip" for event in events)
    return counts[True], counts[False]


def liked_share(gateway: Gateway, taste: Sequence[str], seed: int) -> float:
    """Returns the mean share of liked tracks in the first twenty of the same forty requests."""
    draw, liked = random.Random(seed), set(taste)
    shares = []
    for _ in range(PROBES):
        answer = gateway.recommend(draw.sample(taste, SEEDS), limit=PROBE_LENGTH)
        found = [track["track"]["id"] for track in answer["tracks"]]
        shares.append(sum(track in liked for track in found) / len(found))
    return sum(shares) / len(shares)


class Traffic:
    """Asks one request after the other, from a thread, and counts answers and failures."""

    def __init__(self, address: str, tracks: Sequence[str], seed: int) -> None:
        self._gateway = Gateway(address)
        self._tracks, self._draw = tracks, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        # A pause, so that training keeps most of the processor.
        while not self._stop.wait(0.1):
            try:
                answer = self._gateway.recommend(self._draw.sample(self._tracks, SEEDS), limit=10)
                self.answers[answer["versions"]["model"]] += 1
            except RehearsalFailed as fault:
                self.failures.append(str(fault))
