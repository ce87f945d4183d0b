"""What is measured of one running system, in which order."""

import json
import shutil
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench.serving.floor import Floor
from tools.bench.serving.load import Load, Shot, percentiles, wait_idle, write_bodies
from tools.bench.serving.processes import Running, drop_page_cache, product
from tools.bench.serving.worlds import World

PATH = "/api/v1/recommendations"
USERS = 8
"""Of the closed loop that finds saturation: enough to keep both cores busy, too few to shed."""
IN_TIME = 2.0
"""Seconds within which an answer counts under overload: the gateway's budget."""
COLD = 20
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        scale: Multiplies the length of windows.
        starts: How often the processes are started.
        windows: Windows of load at half of saturation.
        rates: Further shares of saturation, one window each.
        overload: Windows at three times saturation.
        swaps: Models swapped under load.
        bare: Windows of load at half of saturation without reasons.
        long: Pairs of a list of 50 and one of 500 tracks.
    """

    scale: float = 1.0
    starts: int = 1
    windows: int = 5
    rates: tuple[float, ...] = ()
    overload: int = 0
    swaps: int = 0
    bare: int = 0
    long: int = 0


def measure_product(
    world: World, kind: str, plan: Plan, logs: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """Measures the real services with one model of a world."""
    from quintet_modelkit.publication import set_current

    set_current(world.home / "models", world.versions[kind])
    bodies = logs / "bodies.json"
    write_bodies(bodies, track_ids(world), seed=5)
    load = Load(bodies, PATH, plan.scale)
    found: dict[str, Any] = {"model": kind}
    starts = []
    with ExitStack() as stack:
        floor = stack.enter_context(Floor(world.bundle(kind)))
        floor.measure()
        on_progress("start")
        for number in range(plan.starts):
            # Drops the files' pages from the cache if this machine allows it, and maps them again.
            found["cold_disk"] = drop_page_cache() if not number else found["cold_disk"]
            last = number == plan.starts - 1
            with ExitStack() as one:
                target = one.enter_context(product(world.home, logs / f"{kind}.log"))
                starts.append(target.start_seconds)
                if not number:
                    found["cold"] = _cold(target, bodies)
                if last:
                    stack.push(one.pop_all())
        found["start_s"] = statistics.median(starts)
        found["starts_s"] = starts
        _measure_warm(found, target, load, floor, plan, on_progress)
        names = track_ids(world)
        if plan.bare:
            on_progress("without reasons")
            found["without_reasons"] = without_reasons(target, names, plan, logs)
        if plan.long:
            on_progress("lists of 500")
            found["long"] = long_lists(target, names, plan.long)
        if plan.swaps:
            on_progress("swap")
            found["swap"] = _swap(world, kind, target, load, found["half_rate"], plan.swaps)
    return found


def _measure_warm(
    found: dict[str, Any],
    target: Running,
    load: Load,
    floor: Floor,
    plan: Plan,
    on_progress: OnProgress,
) -> None:
    on_progress("warm up")
    wait_idle(target, 30)  # the ranker compiles its trees in the background
    load.closed(target, USERS, 4)
    on_progress("saturation")
    peaks = [load.closed(target, USERS, 3) for _ in range(3)]
    found["saturation_rps"] = statistics.median(len(s.good) / s.seconds for s in peaks)
    found["cpu_ms"] = cpu_per_request(peaks)
    found["generator_cpu_share"] = _generator_share(peaks)
    rate = found["half_rate"] = found["saturation_rps"] / 2
    on_progress(f"half of saturation, {rate:.0f} a second")
    shots = []
    before = _stages(target)
    for _ in range(plan.windows):
        wait_idle(target)
        floor.measure()
        shots.append(load.open(target, rate, 4))
    found["floor"] = floor.median()
    found["half"] = median_of(shots)
    found["half_pooled"] = percentiles(shots)
    found["half_cpu_ms"] = cpu_per_request(shots)
    found["codes"] = _codes([*peaks, *shots])
    found["memory_mib"] = {name: asdict(part) for name, part in target.memory().items()}
    found["stages_ms"] = _stages_between(before, _stages(target))
    found["rates"] = {}
    for share in plan.rates:
        shot = load.open(target, share * found["saturation_rps"], 4)
        found["rates"][f"{share:g}"] = {
            "rps": share * found["saturation_rps"],
            **shot.percentiles(),
        }
    if plan.overload:
        on_progress("three times saturation")
        wait_idle(target)
        found["overload"] = _overload(target, load, found["saturation_rps"], plan.overload)
        wait_idle(target)


def without_reasons(
    target: Running, names: Sequence[str], plan: Plan, logs: Path
) -> dict[str, Any]:
    """Measure lists that are not explained, as `_measure_warm` measures those that are."""
    bodies = logs / "bare-bodies.json"
    write_bodies(bodies, names, seed=7, reasons=False)
    load = Load(bodies, PATH, plan.scale)
    load.closed(target, USERS, 2)
    peaks = [load.closed(target, USERS, 2) for _ in range(3)]
    peak = statistics.median(len(s.good) / s.seconds for s in peaks)
    shots = []
    for _ in range(plan.bare):
        wait_idle(target)
        shots.append(load.open(target, peak / 2, 3))
    return {
        "saturation_rps": peak,
        "cpu_ms": cpu_per_request(peaks),
        "half_rate": peak / 2,
        "half": median_of(shots),
        "codes": _codes([*peaks, *shots]),
    }


def long_lists(target: Running, names: Sequence[str], pairs: int) -> dict[str, float]:
    """Compare a list of 500 tracks with reasons to one of 50, one request at a time, in turn."""
    random = np.random.default_rng(8)
    took: dict[int, list[float]] = {50: [], 500: []}
    for _ in range(pairs + 1):
        seeds = [names[row] for row in random.choice(len(names), 5, replace=False)]
        for limit, times in took.items():
            began = time.perf_counter()
            _post(target, json.dumps({"seeds": seeds, "limit": limit}))
            times.append(1000 * (time.perf_counter() - began))
    # The first pair warms up.
    medians = {limit: statistics.median(times[1:]) for limit, times in took.items()}
    return {"p50_50": medians[50], "p50_500": medians[500], "ratio": medians[500] / medians[50]}


def _post(target: Running, body: str) -> None:
    """Ask for one list and read the answer.

    Raises:
        HTTPError: The answer is not 200.
    """
    request = urllib.request.Request(
        target.url + PATH, body.encode(), {"Content-Type": "application/json"}
    )
    # The address is that of a server which this program started.
    with urllib.request.urlopen(request, timeout=10) as answer:  # nosec B310
        answer.read()


def flame(world: World, kind: str, logs: Path, folder: Path, on_progress: OnProgress) -> None:
    """Record where gateway and ranker spend their time at half of saturation, as SVG."""
    import subprocess
    import sys

    from quintet_modelkit.publication import set_current

    set_current(world.home / "models", world.versions[kind])
    bodies = logs / "bodies.json"
    write_bodies(bodies, track_ids(world), seed=5)
    load = Load(bodies, PATH)
    folder.mkdir(parents=True, exist_ok=True)
    with product(world.home, logs / "flame.log") as target:
        load.closed(target, USERS, 3)
        wait_idle(target, 30)  # the ranker compiles its trees in the background
        peak = load.closed(target, USERS, 4)
        rate = len(peak.good) / peak.seconds / 2
        on_progress(f"recording at {rate:.0f} a second")
        recorders = [
            subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("py-spy")), "record", "--nonblocking"),
                    *("--pid", str(target.pids[name]), "--duration", "12", "--rate", "100"),
                    *("--output", str(folder / f"{name}.svg"), "--format", "flamegraph"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name in ("gateway", "ranker")
        ]
        load.open(target, rate, 14)
        for recorder in recorders:
            if recorder.wait(timeout=60):
                raise RuntimeError("py-spy could not record")


def measure_rival(target: Running, bodies: Path, path: str, plan: Plan) -> dict[str, Any]:
    """Measures another implementation with the same generator."""
    load = Load(bodies, path, plan.scale)
    load.closed(target, USERS, 3)
    peaks = [load.closed(target, USERS, 2) for _ in range(3)]
    peak = statistics.median(len(s.good) / s.seconds for s in peaks)
    shots = [load.open(target, peak / 2, 3) for _ in range(plan.windows)]
    return {
        "start_s": target.start_seconds,
        "saturation_rps": peak,
        "cpu_ms": cpu_per_request(peaks),
        "half_rate": peak / 2,
        "half": median_of(shots),
        "codes": _codes([*peaks, *shots]),
        "memory_mib": {name: asdict(part) for name, part in target.memory().items()},
    }


def median_of(shots: Sequence[Shot]) -> dict[str, float]:
    """Return the median over windows of each percentile, in milliseconds.

    A window is too short for p99.9, which is that of all windows together.
    """
    each = [shot.percentiles() for shot in shots]
    found = {name: statistics.median(one[name] for one in each) for name in each[0]}
    return {**found, "p99.9": percentiles(shots)["p99.9"]}


def cpu_per_request(shots: Sequence[Shot]) -> dict[str, float]:
    """Return CPU milliseconds a request of each process: the median over windows."""
    return {
        name: statistics.median(1000 * s.cpu[name] / max(1, len(s.took)) for s in shots)
        for name in shots[0].cpu
    }


def _generator_share(shots: Sequence[Shot]) -> float:
    """Return the part of one core that the load generator took."""
    return statistics.median(shot.own_cpu / shot.seconds for shot in shots)


def _codes(shots: Sequence[Shot]) -> dict[str, int]:
    codes = np.concatenate([shot.codes for shot in shots])
    values, counts = np.unique(codes, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _cold(target: Running, bodies: Path) -> dict[str, float]:
    """Return milliseconds of the first request after the start, of the first few, and failures."""
    took, failed = [], 0
    for body in json.loads(bodies.read_text(encoding="utf-8"))[:COLD]:
        began = time.perf_counter()
        try:
            _post(target, body)
        except urllib.error.HTTPError:
            failed += 1
        took.append(1000 * (time.perf_counter() - began))
    return {"first": took[0], "median": statistics.median(took), "failed": failed}


def _overload(target: Running, load: Load, peak: float, windows: int) -> dict[str, Any]:
    shots = [load.open(target, 3 * peak, 5, patience=IN_TIME + 0.5) for _ in range(windows)]
    good = statistics.median(shot.within(IN_TIME) for shot in shots)
    return {
        "offered_rps": 3 * peak,
        "goodput_rps": good,
        "share": good / peak,
        "half_second_rps": statistics.median(shot.within(0.5) for shot in shots),
        "codes": _codes(shots),
        "not_sent": sum(shot.dropped for shot in shots),
        "generator_cpu_share": _generator_share(shots),
        **{name: value for name, value in median_of(shots).items() if name in ("p50", "p99")},
    }


def _swap(
    world: World, kind: str, target: Running, load: Load, rate: float, swaps: int
) -> dict[str, Any]:
    """Publish the same model under other names while requests come at half of saturation."""
    import threading

    models = world.home / "models"
    spans: list[tuple[float, float]] = []
    made: list[Path] = []

    def publish_all() -> None:
        time.sleep(2.0)
        for number in range(swaps):
            began = time.time()
            made.append(_renamed(models, world.versions[kind], f"{kind}-swap{number}"))
            _await_version(target, made[-1].name, began + 40)
            spans.append((began, time.time()))
            time.sleep(2.0)

    try:
        before = load.open(target, rate, 6)
        publisher = threading.Thread(target=publish_all)
        publisher.start()
        shots = []
        while publisher.is_alive():
            shots.append(load.open(target, rate, 6))
        publisher.join()
    finally:
        from quintet_modelkit.publication import set_current

        set_current(models, world.versions[kind])
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
    return _judge_swap([before], shots, spans)


def _judge_swap(
    quiet: list[Shot], shots: list[Shot], spans: list[tuple[float, float]]
) -> dict[str, Any]:
    sent = np.concatenate([shot.sent[shot.codes == 200] for shot in shots])
    took = np.concatenate([shot.good for shot in shots]) * 1000
    inside = np.zeros(len(sent), dtype=np.bool_)
    for began, ended in spans:
        inside |= (sent >= began) & (sent <= ended + 0.25)
    calm = np.concatenate([took[~inside], *[shot.good * 1000 for shot in quiet]])
    during = took[inside]
    if not len(during) or not spans:
        return {"swaps": len(spans)}
    return {
        "swaps": len(spans),
        "seconds": statistics.median(ended - began for began, ended in spans),
        "requests_during": len(during),
        "p50_before": float(np.percentile(calm, 50)),
        "p99_before": float(np.percentile(calm, 99)),
        "p50_during": float(np.percentile(during, 50)),
        "p99_during": float(np.percentile(during, 99)),
        "failed": sum(int((shot.codes != 200).sum()) for shot in shots),
    }


def _renamed(models: Path, version: str, name: str) -> Path:
    """Publish a bundle again under another name; the files are shared by hard links."""
    from quintet_modelkit.publication import MANIFEST, publish, staged

    with staged(models) as folder:
        for source in sorted((models / version).rglob("*")):
            target = folder / source.relative_to(models / version)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif source.name != MANIFEST or source.parent != models / version:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(source)
        manifest = json.loads((models / version / MANIFEST).read_text(encoding="utf-8"))
        manifest["model_version"] = name
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        return publish(folder, models, name)


def _await_version(target: Running, version: str, deadline: float) -> None:
    import grpc
    from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{target.ports['ranker']}") as channel:
        stub = ranker_pb2_grpc.RankerServiceStub(channel)
        while time.time() < deadline:
            answer = stub.GetModel(ranker_pb2.GetModelRequest(), timeout=5)
            if answer.versions.model_version == version:
                return
            if answer.refused_version == version:
                raise RuntimeError(f"the ranker refused {version}: {answer.refused_reason}")
            time.sleep(0.1)
    raise RuntimeError(f"the ranker did not take {version}")


def _stages(target: Running) -> dict[str, tuple[float, float]]:
    """Return seconds and calls of each stage so far, from the ranker's metrics."""
    from prometheus_client.parser import text_string_to_metric_families

    url = f"http://127.0.0.1:{target.ports['ranker_metrics']}/metrics"
    # The address is that of a server which this program started.
    with urllib.request.urlopen(url, timeout=5) as answer:  # nosec B310
        text = answer.read().decode()
    found: dict[str, dict[str, float]] = {"_sum": {}, "_count": {}}
    for family in text_string_to_metric_families(text):
        if family.name == "quintet_stage_seconds":
            for sample in family.samples:
                into = found.get(sample.name[len(family.name) :])
                if into is not None:
                    into[sample.labels["stage"]] = sample.value
    return {name: (found["_sum"][name], count) for name, count in found["_count"].items()}


def _stages_between(
    before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]
) -> dict[str, float]:
    """Return the mean milliseconds of each stage meanwhile."""
    means = {}
    for name, (seconds, calls) in after.items():
        old_seconds, old_calls = before.get(name, (0.0, 0.0))
        if calls > old_calls:
            means[name] = 1000 * (seconds - old_seconds) / (calls - old_calls)
    return means


def track_ids(world: World) -> list[str]:
    import pyarrow as pa
    from quintet_modelkit.publication import current_folder
    from quintet_modelkit.snapshot import TRACKS

    folder = current_folder(world.home / "catalogue")
    with pa.memory_map(str(folder / TRACKS)) as source:
        names = pa.ipc.open_file(source).read_all().column("track_id")
        rows = np.random.default_rng(1).choice(len(names), min(20_000, len(names)), replace=False)
        return [str(name) for name in names.take(rows).to_pylist()]
