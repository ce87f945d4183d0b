"""Simulated listeners at the gateway: what they do, what they get, and traffic meanwhile."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

from quintet_client import Event, Quintet, QuintetError, Retries
from quintet_client.models import Recommendations
from quintet_client.request_models import EventKind

from tools.rehearsal.failure import RehearsalFailed

LISTENERS = 12
SESSIONS = 3
PROBES = 40
PROBE_LENGTH = 20
SEEDS = 5
_LOOKED_AT = 50
_APPROVALS: Final[tuple[EventKind, ...]] = ("like", "save", "playlist_add")


class Gateway:
    """The gateway as a listener's app sees it; each call is tried once, so that failures count."""

    def __init__(self, address: str) -> None:
        self._client = Quintet(address, timeout=20, retries=Retries(attempts=1))

    def model(self) -> str:
        """Look up the version that the ranker serves; empty while it does not answer."""
        try:
            return self._client.model().versions.model
        except QuintetError:
            return ""

    def not_ready(self) -> list[str]:
        """List the services that are not SERVING yet."""
        try:
            return list(self._client.readiness().not_ready)
        except QuintetError:
            return ["gateway"]

    def recommend(
        self,
        seeds: Sequence[str],
        limit: int,
        *,
        max_per_artist: int | None = None,
        listener: str | None = None,
    ) -> Recommendations:
        """Ask for a list.

        Raises:
            RehearsalFailed: There is none.
        """
        try:
            return self._client.recommend(
                seeds,
                limit=limit,
                max_per_artist=max_per_artist,
                listener=listener,
                reasons=False,
            )
        except QuintetError as fault:
            raise RehearsalFailed(f"recommendations: {fault}") from fault

    def send(self, events: Sequence[Event]) -> int:
        """Send feedback and count the events that were new.

        Raises:
            RehearsalFailed: It was not stored.
        """
        try:
            return self._client.feedback(events).accepted
        except QuintetError as fault:
            raise RehearsalFailed(f"feedback: {fault}") from fault


def listen(gateway: Gateway, taste: Sequence[str], seed: int) -> tuple[int, int]:
    """Lets listeners ask for lists and act on them; returns how many they liked and skipped."""
    draw, liked = random.Random(seed), set(taste)
    counts = Counter[bool]()
    for number in range(LISTENERS):
        for _ in range(SESSIONS):
            seeds = draw.sample(taste, SEEDS)
            answer = gateway.recommend(
                seeds, _LOOKED_AT, max_per_artist=6, listener=f"listener-{number}"
            )
            events = [
                Event(
                    recommendation_id=answer.recommendation_id,
                    track_id=item.track.id,
                    kind=draw.choice(_APPROVALS) if item.track.id in liked else "skip",
                    position=item.rank,
                )
                for item in answer.tracks
            ]
            gateway.send(events)
            counts.update(event.kind != "skip" for event in events)
    return counts[True], counts[False]


def liked_share(gateway: Gateway, taste: Sequence[str], seed: int) -> float:
    """Return the mean share of liked tracks in the first twenty of the same forty requests."""
    draw, liked = random.Random(seed), set(taste)
    shares = []
    for _ in range(PROBES):
        answer = gateway.recommend(draw.sample(taste, SEEDS), PROBE_LENGTH)
        found = [item.track.id for item in answer.tracks]
        shares.append(sum(track_id in liked for track_id in found) / len(found))
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
                answer = self._gateway.recommend(self._draw.sample(self._tracks, SEEDS), 10)
                self.answers[answer.versions.model] += 1
            except RehearsalFailed as fault:
                self.failures.append(str(fault))
