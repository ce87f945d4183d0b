"""The table for people, the JSON for machines, and docs/performance.md made from the JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.bench.serving.goals import Goal, against_naive, rows_of

ROOT = Path(__file__).parents[3]


def machine() -> dict[str, Any]:
    """Return what this was measured on."""
    model = platform.processor() or platform.machine()
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "commit": commit,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


COLUMNS = (
    ("tracks", 9),
    ("what", 21),
    ("p50", 8),
    ("p95", 8),
    ("p99", 8),
    ("p99.9", 8),
    ("at /s", 7),
    ("peak /s", 8),
    ("CPU ms", 7),
    ("per core", 8),
    ("/ naive", 7),
    ("x lists", 7),
    ("floor A", 8),
    ("B", 7),
    ("engine", 7),
    ("cold", 7),
    ("start s", 8),
)


def table(found: Mapping[str, Any]) -> list[str]:
    """Return one line for each row and each rival; times in milliseconds at half of saturation.

    `per core`: lists a second of one core, by processor time. `/ naive`: p50 over that of the
    naive version at the same size. `x lists`: lists a second at most over those of the naive one.
    """
    rows = [[name for name, _ in COLUMNS]]
    for size, what, one in rows_of(found):
        rows.append(_row(f"{size:,}", what, one, against_naive(found, size, one)))
    for size, rivals in found.get("rivals", {}).items():
        for name, one in rivals.items():
            rows.append(_row(f"{int(size):,}", name, one, (None, None)))
    widths = [width for _, width in COLUMNS]
    return ["".join(f"{cell:>{w + 1}}" for cell, w in zip(r, widths, strict=True)) for r in rows]


def _row(
    size: str,
    what: str,
    one: Mapping[str, Any],
    naive: tuple[float | None, float | None],
) -> list[str]:
    half, floor = one["half"], one.get("floor", {})
    cpu = sum(one["cpu_ms"].values())
    return [
        size,
        what,
        *(_number(half[name]) for name in ("p50", "p95", "p99", "p99.9")),
        _number(one["half_rate"]),
        _number(one["saturation_rps"]),
        _number(cpu),
        _number(1000 / cpu if cpu else None),
        *(_number(ratio, 2) for ratio in naive),
        *(_number(floor.get(name), 2) for name in ("A", "B", "engine")),
        _number(one.get("cold", {}).get("first")),
        _number(one.get("start_s")),
    ]


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def details(found: Mapping[str, Any]) -> list[str]:
    """Return what does not fit the table, a line each."""
    lines = []
    for size, kinds in found["sizes"].items():
        for kind, one in kinds.items():
            lines += _details_of(f"{int(size):,} {kind}", one, found["machine"]["cores"])
    for size, rivals in found.get("rivals", {}).items():
        for name, one in rivals.items():
            memory = ", ".join(f"{n} {m['rss']:.0f}" for n, m in one["memory_mib"].items())
            lines.append(f"{int(size):,} {name}: RSS MiB {memory}; status {one['codes']}")
    return lines


def _details_of(label: str, one: Mapping[str, Any], cores: int) -> list[str]:
    floor = one["floor"]
    wall = one["saturation_rps"] * floor["A"] / 1000 / cores
    lines = [
        f"{label}: CPU ms a request "
        + ", ".join(f"{name} {value:.2f}" for name, value in one["cpu_ms"].items())
        + f"; generator {one['generator_cpu_share']:.2f} of a core",
        f"{label}: memory MiB as RSS/PSS/anonymous "
        + ", ".join(
            f"{name} {m['rss']:.0f}/{m['pss']:.0f}/{m['anonymous']:.0f}"
            for name, m in one["memory_mib"].items()
        ),
        f"{label}: floor ms search {floor['search']:.2f} + predict {floor['predict']:.2f}; "
        f"as the engine calls them {floor['own_search']:.2f} + {floor['own_predict']:.2f} for "
        f"{floor['candidates']:.0f} candidates; shares of 50 rows {floor['shares']:.2f}",
        f"{label}: peak over {cores} cores of floor A alone, by wall clock {wall:.2f}; cold first "
        f"{one['cold']['first']:.0f} ms, median of 20 {one['cold']['median']:.0f} ms (page cache "
        f"{'dropped' if one['cold_disk'] else 'as it was'}); status {one['codes']}",
    ]
    if one["stages_ms"]:
        whole = sum(one["half_cpu_ms"].values())
        stages = ", ".join(
            f"{name} {value:.2f} ({value / whole:.0%})" for name, value in one["stages_ms"].items()
        )
        lines.append(
            f"{label}: stages ms by wall clock, as a share of a request's CPU ms: {stages}"
        )
    if bare := one.get("without_reasons"):
        parts = ", ".join(f"{name} {value:.2f}" for name, value in bare["cpu_ms"].items())
        lines.append(f"{label}, no reasons: CPU ms a request {parts}; status {bare['codes']}")
    for share, rate in one["rates"].items():
        times = ", ".join(f"{n} {rate[n]:.1f}" for n in ("p50", "p95", "p99", "p99.9"))
        lines.append(f"{label}: at {share} of saturation, {rate['rps']:.0f}/s: {times}")
    for name in ("overload", "swap", "long"):
        if name in one:
            facts = ", ".join(f"{key} {_fact(value)}" for key, value in one[name].items())
            lines.append(f"{label}: {name}: {facts}")
    return lines


def _fact(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def text_of(found: Mapping[str, Any], goals: Sequence[Goal]) -> str:
    """Return the whole report for people."""
    here = found["machine"]
    head = (
        f"{here['cpu']}, {here['cores']} cores, load before {here['load_before'][0]}, "
        f"Python {here['python']}, commit {here['commit']}; tracks from {found['source']}; "
        f"medians of short windows, milliseconds at half of saturation, open loop; "
        f"five seeds, limit 50, with and without reasons, caches {found['caches']}"
    )
    lines = [head, "", *table(found), "", *details(found), ""]
    lines += [f"judged: the {found['judged']} model", *(goal.line() for goal in goals)]
    return "\n".join(lines) + "\n"


def write_page(found: Mapping[str, Any], goals: Sequence[Goal], path: Path) -> None:
    """Write docs/performance.md; text after the marker is kept."""
    marker = "<!-- measured above, said below -->\n"
    said = ""
    if path.is_file():
        said = path.read_text(encoding="utf-8").partition(marker)[2]
    title = (
        "# Performance\n\nThis page shows latency, throughput and memory of the whole product "
        "under load, the goals, and what limits the missed ones.\nRead it before you size a "
        "machine or change a request's path. `make bench` writes the figures from "
        "`build/bench.json`.\n\n## Figures\n\n"
    )
    body = f"```text\n{text_of(found, goals)}```\n\n"
    path.write_text(title + body + marker + said, encoding="utf-8")


def write_json(found: Mapping[str, Any], goals: Sequence[Goal], path: Path) -> None:
    """Write everything measured and how each goal was judged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    judged = [
        {"name": g.name, "value": g.value, "goal": g.bound, "at_least": g.at_least, "met": g.met}
        for g in goals
    ]
    path.write_text(json.dumps({**found, "goals": judged}, indent=2) + "\n", encoding="utf-8")
