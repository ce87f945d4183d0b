"""A soak: the whole installation at half load, its memory and descriptors watched.

`python -m tools.soak --minutes 30` prints a table and writes `build/soak.json`; the exit
code is 1 where a process's own memory grows or descriptors leak beyond the stated bounds.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psutil
from scipy import stats

from tools import leftovers
from tools.installation import SERVICES, Installation, installed

SAMPLE_SECONDS = 10.0
# The first part fills caches and pools and is not measured.
WARM_SHARE = 1 / 3
MOST_MIB_AN_HOUR = 40.0
MOST_MORE_DESCRIPTORS = 8
MEBI = 1024 * 1024
WORDS = ("love", "night", "hotel", "rock", "blue", "dance", "heart", "time", "run", "sun")


@dataclass
class Series:
    """What was seen of one process: seconds, its own memory and all of it in MiB, descriptors."""

    seconds: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def look(self, process: psutil.Process, now: float) -> None:
        memory = process.memory_full_info()
        self.seconds.append(now)
        self.own.append(memory.uss / MEBI)
        self.resident.append(memory.rss / MEBI)
        self.descriptors.append(process.num_fds())

    def verdict(self, minutes: float) -> dict[str, Any]:
        """Slopes in MiB an hour (Theil and Sen, 95 %), and the most descriptors early and late."""
        warm = minutes * 60 * WARM_SHARE
        times = np.array(self.seconds)
        late = times >= warm
        slope, _, low, high = stats.theilslopes(np.array(self.own)[late], times[late] / 3600)
        resident = stats.theilslopes(np.array(self.resident)[late], times[late] / 3600)[0]
        open_late = np.array(self.descriptors)[late]
        half = len(open_late) // 2
        early, last = int(open_late[:half].max()), int(open_late[half:].max())
        return {
            "own_mib": round(self.own[-1], 1),
            "own_mib_an_hour": round(float(slope), 2),
            "low": round(float(low), 2),
            "high": round(float(high), 2),
            "resident_mib_an_hour": round(float(resident), 2),
            "descriptors_early": early,
            "descriptors_late": last,
            # Growth counts where it is both larger than the bound and more than noise.
            "flat": bool(slope <= MOST_MIB_AN_HOUR or low <= 0),
            "tight": last <= early + MOST_MORE_DESCRIPTORS,
        }


@dataclass
class Load:
    """What was sent, and what came back."""

    sent: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    late: int = 0
    seconds: list[float] = field(default_factory=list)

    def count(self, code: str) -> None:
        self.codes[code] = self.codes.get(code, 0) + 1


class Client:
    """Sends what listeners, apps and a few mistaken programs send."""

    def __init__(self, running: Installation, http: httpx.AsyncClient, songs: list[str]) -> None:
        self._running = running
        self._http = http
        self._songs = songs
        self._chance = random.Random(11)
        self._token = ""
        self._renew_time = 0.0
        self._shown: list[tuple[str, str]] = []
        self.load = Load()

    async def send(self) -> None:
        if time.monotonic() >= self._renew_time:
            self._renew_time = time.monotonic() + 600
            self._token = await asyncio.to_thread(self._running.token)
        self.load.sent += 1
        started = time.perf_counter()
        try:
            answer = await self._request(self._chance.random())
            self.load.count(str(answer.status_code))
            self._learn(answer)
        except httpx.HTTPError as fault:
            self.load.count(type(fault).__name__)
        self.load.seconds.append(time.perf_counter() - started)

    async def _request(self, draw: float) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        seeds = self._chance.sample(self._songs, self._chance.randint(1, 5))
        listener = f"listener-{self._chance.randrange(500)}"
        if draw < 0.5:
            body: Any = {"seeds": seeds, "limit": 20, "listener": listener}
            return await self._http.post("/api/v1/recommendations", json=body, headers=headers)
        if draw < 0.6:
            params = {"seed_tracks": ",".join(seeds), "limit": "20"}
            return await self._http.get("/v1/recommendations", params=params, headers=headers)
        if draw < 0.8:
            params = {"q": self._chance.choice(WORDS), "limit": "20"}
            return await self._http.get("/api/v1/search", params=params, headers=headers)
        if draw < 0.9 and self._shown:
            body = {"events": [self._event(listener)]}
            return await self._http.post("/api/v1/feedback", json=body, headers=headers)
        if draw < 0.95:
            return await self._http.get(f"/api/v1/tracks/{seeds[0]}", headers=headers)
        body = {"seeds": ["nobody"] * self._chance.randint(0, 9), "limit": -1}
        return await self._http.post("/api/v1/recommendations", json=body, headers=headers)

    def _event(self, listener: str) -> dict[str, Any]:
        recommendation, track = self._chance.choice(self._shown)
        return {
            "event_id": uuid4().hex,
            "recommendation_id": recommendation,
            "track_id": track,
            "event": "like",
            "listener": listener,
        }

    def _learn(self, answer: httpx.Response) -> None:
        if answer.request.url.path == "/api/v1/recommendations" and answer.is_success:
            told = answer.json()
            self._shown.append((told["recommendation_id"], told["tracks"][0]["track"]["id"]))
            del self._shown[:-200]


def main() -> int:
    leftovers.watch()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests/s; 0: half of capacity")
    parser.add_argument("--out", type=Path, default=Path("build/soak.json"))
    options = parser.parse_args()
    with installed() as running:
        report = asyncio.run(soak(running, options.minutes, options.rate))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    on_progress(report)
    return 0 if report["passed"] else 1


async def soak(running: Installation, minutes: float, rate: float) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=running.base, verify=running.trusted, trust_env=False, timeout=10, limits=limits
    ) as http:
        client = Client(running, http, await songs_of(running, http))
        capacity = await measure(client)
        rate = rate or capacity / 2
        client.load = Load()
        series = {name: Series() for name in SERVICES}
        watching = asyncio.create_task(watch(running, series))
        await offer(client, rate, minutes * 60)
        watching.cancel()
    load = client.load
    verdicts = {name: seen.verdict(minutes) for name, seen in series.items()}
    faults = {code: n for code, n in load.codes.items() if not code.startswith(("2", "4"))}
    held = all(each["flat"] and each["tight"] for each in verdicts.values())
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": minutes,
        "capacity": round(capacity, 1),
        "rate": round(rate, 1),
        "sent": load.sent,
        "codes": load.codes,
        "late": load.late,
        "median_ms": round(float(np.median(load.seconds)) * 1000, 1),
        "p99_ms": round(float(np.percentile(load.seconds, 99)) * 1000, 1),
        "bounds": {"mib_an_hour": MOST_MIB_AN_HOUR, "descriptors": MOST_MORE_DESCRIPTORS},
        "processes": verdicts,
        "series": {name: asdict(seen) for name, seen in series.items()},
        "passed": held and not running.processes.ended() and not faults,
    }


async def songs_of(running: Installation, http: httpx.AsyncClient) -> list[str]:
    headers = {"Authorization": f"Bearer {running.token()}"}
    found: list[str] = []
    for word in WORDS:
        answer = await http.get(
            "/api/v1/search", params={"q": word, "limit": "50"}, headers=headers
        )
        found += [each["track"]["id"] for each in answer.raise_for_status().json()["tracks"]]
    return sorted(set(found))


async def measure(client: Client, seconds: float = 15.0) -> float:
    """Return requests a second of eight clients that send as soon as they are answered."""
    until = time.monotonic() + seconds

    async def again() -> None:
        while time.monotonic() < until:
            await client.send()

    await asyncio.gather(*(again() for _ in range(8)))
    return client.load.sent / seconds


async def offer(client: Client, rate: float, seconds: float) -> None:
    """Send at a steady rate, whatever comes back: a slow answer delays no other request."""
    started = time.monotonic()
    open_calls: set[asyncio.Task[None]] = set()
    for number in range(int(rate * seconds)):
        wait = started + number / rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif wait < -1:
            client.load.late += 1
        task = asyncio.create_task(client.send())
        open_calls.add(task)
        task.add_done_callback(open_calls.discard)
    await asyncio.gather(*open_calls)


async def watch(running: Installation, series: dict[str, Series]) -> None:
    processes = {name: psutil.Process(running.processes[name].pid) for name in SERVICES}
    started = time.monotonic()
    while True:
        for name, process in processes.items():
            series[name].look(process, time.monotonic() - started)
        await asyncio.sleep(SAMPLE_SECONDS)


def on_progress(report: dict[str, Any]) -> None:
    sys.stdout.write(
        f"{report['minutes']:g} minutes at {report['rate']}/s (capacity {report['capacity']}/s): "
        f"{report['sent']} sent, {report['codes']}, median {report['median_ms']} ms, "
        f"p99 {report['p99_ms']} ms\n"
    )
    for name, each in report["processes"].items():
        sys.stdout.write(
            f"{name:8} {each['own_mib']:7.1f} MiB  {each['own_mib_an_hour']:+7.2f} MiB/h "
            f"[{each['low']:+.2f}, {each['high']:+.2f}]  descriptors {each['descriptors_early']} → "
            f"{each['descriptors_late']}\n"
        )
    sys.stdout.write("passed\n" if report["passed"] else "FAILED\n")


if __name__ == "__main__":
    sys.exit(main())
