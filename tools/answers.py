"""Record what an installation answers to fixed requests, and compare two recordings.

    python -m tools.answers record HOME before.json [--python OTHER/.venv/bin/python]
    python -m tools.answers compare before.json after.json

A change that must not change behaviour is recorded before and after, with the same QUINTET_HOME:
about 300 requests to `/api/v1`, `/v1`, the original routes and gRPC, healthy and with profile,
search or ranker down. Tracks, order, scores to 1e-6, versions and error codes must be equal; texts
for people, ids and times of a request are not compared.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pyarrow as pa
from quintet_command.ports import free_ports

from tools.processes import Processes, environment_without

Json = Any
Request = tuple[str, str, Json]

SERVICES: Final = ("search", "profile", "ranker")
SEED: Final = 17
TOLERANCE: Final = 1e-6
_READY_SECONDS: Final = 240.0
# A busy machine must not turn an answer into a timeout: behaviour is compared, not speed.
_PATIENT: Final = {"QUINTET_GATEWAY_BUDGET_SECONDS": "30"}
_PER_REQUEST: Final = frozenset(
    {"request_id", "recommendation_id", "trace_id", "load_time", "message", "sentence"}
)
_LIST: Final = "/api/v1/recommendations"
_OPTIONS: Final[Sequence[dict[str, Json]]] = (
    {"targets": {"energy": 0.4}},
    {"filters": {"max_tempo": 130}},
    {"filters": {"min_energy": 0.3, "max_energy": 0.8}},
    {"weights": {"valence": 4, "tempo": 0}},
    {"diversity": 0.5},
    {"flow": True},
    {"max_per_artist": 1},
    {"max_per_artist": 0},
    {"reasons": False},
    {"filters": {"explicit": False}},
    {"diversity": 1.0, "flow": True, "targets": {"tempo": 100}},
    {"filters": {"min_popularity": 40}},
    {"targets": {"popularity": 60}},
)
_INVALID: Final[Sequence[dict[str, Json]]] = (
    {"seeds": []},
    {"seeds": ["x"]},
    {"limit": 501},
    {"limit": 0},
    {"targets": {"energy": 2}},
    {"diversity": -1},
    {"unknown": 1},
    {"filters": {"min_energy": 0.9, "max_energy": 0.1}},
    {"weights": {"energy": 99}},
)
_QUERIES: Final = (
    "love",
    "queen",
    "nirvanna",
    "beyonce",
    "hotel cali",
    "zzzz",
    "",
    "愛",
    "a" * 300,
)
# Runs in the environment that is recorded, with its stubs: reads jobs, prints answers as JSON.
_RPC: Final = """
import json, sys, grpc
from google.protobuf.json_format import MessageToDict
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
ports, jobs = json.load(sys.stdin)
channel = {name: grpc.insecure_channel(f"127.0.0.1:{port}") for name, port in ports.items()}
ranker = ranker_pb2_grpc.RankerServiceStub(channel["ranker"])
profile = profile_pb2_grpc.ProfileServiceStub(channel["profile"])
answers = []
for kind, ids, options in jobs:
    seeds = [profile_pb2.Seed(track_id=each) for each in ids]
    try:
        if kind == "profile":
            request = profile_pb2.BuildProfileRequest(seeds=seeds)
            answers.append(MessageToDict(profile.BuildProfile(request, timeout=30)))
        elif kind == "model":
            model = ranker.GetModel(ranker_pb2.GetModelRequest(), timeout=30)
            answers.append([MessageToDict(model.versions), list(model.feature_names)])
        else:
            request = ranker_pb2.RecommendTracksRequest(seeds=seeds, **options)
            found = ranker.RecommendTracks(request, timeout=30)
            tracks = [[t.track_id, t.rank, t.score, t.similarity] for t in found.tracks]
            answers.append([tracks, MessageToDict(found.versions), MessageToDict(found.pool)])
    except grpc.RpcError as error:
        answers.append(error.code().name)
print(json.dumps(answers))  # noqa: T201
"""


def requests_for(ids: Sequence[str]) -> list[Request]:
    """List the HTTP requests for a catalogue: the same for the same ids."""
    rng = random.Random(SEED)
    listed: list[Request] = [
        ("POST", _LIST, {"seeds": rng.sample(ids, 1 + i % 5), "limit": (10, 50, 200)[i % 3]})
        for i in range(50)
    ]
    for i in range(45):
        options = {**_OPTIONS[i % len(_OPTIONS)], "seeds": rng.sample(ids, 5), "limit": 20}
        listed.append(("POST", _LIST, options))
    for genre in ("rock", "pop", "metal", "nonesuch"):
        mixed = [{"genre": genre}, {"track_id": rng.choice(ids), "weight": 3.0}]
        listed += [("POST", _LIST, {"seeds": seeds}) for seeds in (mixed[:1], mixed)]
    for options in ({"negative_seeds": rng.sample(ids, 2)}, {"seeds": rng.sample(ids, 6)}):
        listed.append(("POST", _LIST, {"seeds": rng.sample(ids, 2), **options}))
    excluded = {"excluded_track_ids": rng.sample(ids, 200)}
    listed.append(("POST", _LIST, {"seeds": rng.sample(ids, 5), "filters": excluded}))
    listed += [("POST", _LIST, {"seeds": rng.sample(ids, 1), **each}) for each in _INVALID]
    return listed + list(_compatible_requests(ids, rng))


def _compatible_requests(ids: Sequence[str], rng: random.Random) -> Iterator[Request]:
    """Yield requests of the Web API, of the original system and for the catalogue."""
    more: Sequence[dict[str, str]] = (
        {},
        {"target_energy": "0.7"},
        {"min_tempo": "90"},
        {"seed_genres": "rock,pop"},
    )
    for i in range(25):
        count = 1 if "seed_genres" in more[i % 4] else 1 + i % 5
        query = {"seed_tracks": ",".join(rng.sample(ids, count)), "limit": "20", **more[i % 4]}
        yield "GET", f"/v1/recommendations?{urlencode(query)}", None
    for text in (
        "limit=10",
        "seed_tracks=bad",
        "seed_genres=rock&limit=0",
        "seed_genres=x&limit=999",
    ):
        yield "GET", f"/v1/recommendations?{text}", None
    for _ in range(8):
        yield "GET", f"/v1/audio-features?ids={','.join(rng.sample(ids, 3))}", None
        yield "GET", f"/v1/tracks/{rng.choice(ids)}", None
    for path in ("tracks/none", "audio-features/none", "nothing", "search?q=love&type=track"):
        yield "GET", f"/v1/{path}", None
    for query_text in _QUERIES:
        yield "GET", f"/api/v1/search?{urlencode({'q': query_text})}", None
    for count in range(6):
        yield "POST", "/recommend_ranked", {"track_ids": rng.sample(ids, count), "limit": 20}
    for path in ("/search?query=love", "/api/v1/genres", "/api/v1/model"):
        yield "GET", path, None


def rpc_jobs(ids: Sequence[str]) -> list[tuple[str, list[str], dict[str, Json]]]:
    """List the gRPC calls for a catalogue: kind, track seeds and options."""
    rng = random.Random(SEED + 1)
    options: Sequence[dict[str, Json]] = (
        {},
        {"limit": 30},
        {"max_per_artist": 0},
        {"diversity": 0.4},
        {"omit_reasons": True},
    )
    jobs = [("rank", rng.sample(ids, 1 + i % 5), options[i % 5]) for i in range(20)]
    jobs += [("rank", ["nope"], {}), ("rank", rng.sample(ids, 1), {"limit": 501}), ("rank", [], {})]
    return [*jobs, ("model", [], {}), *(("profile", rng.sample(ids, 3), {}) for _ in range(5))]


def record(home: Path, python: str) -> dict[str, Json]:
    """Record all answers of an installation that serves a copy of a home.

    Args:
        home: A QUINTET_HOME with catalogue and model.
        python: The interpreter of the environment that is recorded.
    """
    ids = _track_ids(home)
    requests, jobs = requests_for(ids), rpc_jobs(ids)
    # The folder gets a random name and is closed to others.
    with tempfile.TemporaryDirectory(prefix="quintet-answers-", dir="/tmp") as folder:  # nosec B108
        copy = Path(folder) / "home"
        shutil.copytree(home, copy, symlinks=True)
        environment = {**environment_without("QUINTET_"), **_PATIENT, "QUINTET_HOME": str(copy)}
        ports = dict(zip((*SERVICES, "gateway"), free_ports(4), strict=True))
        environment |= {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
        environment["QUINTET_GATEWAY_GRPC_PORT"] = "0"
        with Processes(Path(folder)) as processes:
            for name in (*SERVICES, "gateway"):
                processes.start(name, [python, "-m", f"quintet_{name}"], environment)
            base = f"http://127.0.0.1:{ports['gateway']}"
            processes.await_answer(f"{base}/readyz", _READY_SECONDS)
            recording = {
                "http": _answers(base, requests),
                "grpc": _rpc_answers(python, ports, jobs),
            }
            for down in SERVICES:
                port, closed = free_ports(2)
                changed = {
                    **environment,
                    "QUINTET_GATEWAY_PORT": str(port),
                    f"QUINTET_GATEWAY_{down.upper()}_ADDRESS": f"127.0.0.1:{closed}",
                }
                name = f"gateway-without-{down}"
                processes.start(name, [python, "-m", "quintet_gateway"], changed)
                base = f"http://127.0.0.1:{port}"
                processes.await_answer(f"{base}/healthz", _READY_SECONDS)
                recording[name] = _answers(base, requests[::6])
    return recording


def _track_ids(home: Path) -> list[str]:
    catalogue = home / "catalogue"
    folder = catalogue / (catalogue / "current").read_text(encoding="utf-8").strip()
    with pa.memory_map(str(folder / "tracks.arrow")) as file:
        ids: list[str] = pa.ipc.open_file(file).read_all()["track_id"].to_pylist()
    return ids


def _answers(base: str, requests: Sequence[Request]) -> list[Json]:
    """Ask one request after another; an address of this run is written as `HOST`."""
    answers = []
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        for method, path, body in requests:
            response = client.request(method, path, json=body)
            text = re.sub(r"127\.0\.0\.1:\d+", "HOST", response.text)
            try:
                answer = json.loads(text)
            except ValueError:
                answer = text
            answers.append([[method, path, body], response.status_code, answer])
    return answers


def _rpc_answers(python: str, ports: dict[str, int], jobs: Sequence[Json]) -> list[Json]:
    done = subprocess.run(
        [python, "-c", _RPC],
        input=json.dumps([ports, jobs]),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return [list(pair) for pair in zip(jobs, json.loads(done.stdout), strict=True)]


def differences(before: Json, after: Json, path: str = "") -> Iterator[str]:
    """Yield where two answers differ, but for what belongs to one request alone."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted((before.keys() | after.keys()) - _PER_REQUEST):
            if name not in before or name not in after:
                yield f"{path}.{name}: only {'after' if name in after else 'before'}"
            else:
                yield from differences(before[name], after[name], f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{path}: {len(before)} before, {len(after)} after"
        for place, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from differences(one, other, f"{path}[{place}]")
    elif _is_number(before) and _is_number(after):
        if abs(before - after) > TOLERANCE * max(1.0, abs(before)):
            yield f"{path}: {before} before, {after} after"
    elif before != after:
        yield f"{path}: {str(before)[:60]!r} before, {str(after)[:60]!r} after"


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def compare(before: dict[str, list[Json]], after: dict[str, list[Json]]) -> int:
    """Print what differs between two recordings, and return how many answers do."""
    differing = total = 0
    for group in sorted(before.keys() | after.keys()):
        pairs = list(zip(before.get(group, []), after.get(group, []), strict=True))
        found = [(pair[0][0], list(differences(*pair))) for pair in pairs]
        for request, where in found:
            if where:
                print(f"{group} {json.dumps(request)[:120]}", *where[:5], sep="\n    ")  # noqa: T201
        count = sum(bool(where) for _, where in found)
        print(f"{group}: {count} of {len(pairs)} differ")  # noqa: T201
        differing, total = differing + count, total + len(pairs)
    print(f"{differing} of {total} answers differ")  # noqa: T201
    return differing


def main() -> int:
    """Record or compare; 1 if two recordings differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("home", type=Path, help="a QUINTET_HOME with catalogue and model")
    recording.add_argument("file", type=Path, help="where the answers are written")
    recording.add_argument("--python", default=sys.executable, help="of another environment")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "compare":
        files = (chosen.before, chosen.after)
        return bool(compare(*(json.loads(each.read_text(encoding="utf-8")) for each in files)))
    answers = record(chosen.home, chosen.python)
    chosen.file.write_text(json.dumps(answers), encoding="utf-8")
    print({group: len(listed) for group, listed in answers.items()})  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
