"""What a catalogue and a load need: memory, machines and cost, computed from measured figures.

    .venv/bin/python tools/bench/capacity.py
    .venv/bin/python tools/bench/capacity.py --set machine_usd_month=180 --set peak_share=0.5
    .venv/bin/python tools/bench/capacity.py --performance build/bench.json --page docs/scale.md

Every input has a name, a value and where it is from; `--set` changes one. `--performance` takes the
time of a request and the memory of a ranker from what `make bench` wrote, at two sizes or more;
`--page` writes both tables between the page's marks.
"""

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOURS_A_MONTH: Final = 730
GB: Final = 1e9
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Input:
    """A figure that the tables are computed from.

    Attributes:
        value: In the unit that its name ends with.
        source: "measured", with where, or "assumed", with why.
    """

    value: float
    source: str


INPUTS: Final = {
    "audio_dimensions": Input(14, "the product"),
    "taste_dimensions": Input(64, "the product"),
    "bytes_a_number": Input(4, "float32"),
    "index_overhead_share": Input(
        0.16,
        "measured: a written IVF index takes 65.0 bytes a vector of 14 numbers, 56 of them vector",
    ),
    "ranker_bytes_a_track": Input(
        2_334, "measured: docs/performance.md, a ranker's RSS at 1,200,000 less that at 114,000"
    ),
    "process_bytes": Input(
        423e6, "measured: docs/performance.md, a ranker's RSS at 114,000 less its tracks"
    ),
    "request_core_ms": Input(
        101.8, "measured: docs/performance.md, processor time in the ranker at 1,200,000 tracks"
    ),
    "edge_core_ms": Input(
        18.2, "measured: docs/performance.md, gateway, profile and search at 1,200,000 tracks"
    ),
    "peak_share": Input(0.6, "assumed: cores are used to this share, the rest is for spikes"),
    "machine_cores": Input(16, "assumed machine"),
    "machine_gb": Input(64, "assumed machine"),
    "machine_usd_month": Input(
        400, "assumed, not looked up: 16 cores and 64 GB on demand, November 2026; put in your own"
    ),
    "milvus_bytes_a_vector_factor": Input(
        1.6, "assumed: Milvus's segments, keys and growing data beside the vectors"
    ),
    "replicas": Input(2, "assumed: every vector is held twice, so that a node may go"),
}


@dataclass(frozen=True)
class Plan:
    """What one size needs.

    Attributes:
        ranker_gb: Memory of one ranker process with its own index.
        ranker_gb_milvus: The same with vectors in Milvus alone.
        milvus_gb: Memory of Milvus, replicas included.
        rankers: Machines that rank.
        edges: Machines for gateway, profile and search.
        milvus_machines: Machines of Milvus; 0 where a ranker holds all.
        usd_month: All machines, one month.
    """

    ranker_gb: float
    ranker_gb_milvus: float
    milvus_gb: float
    rankers: int
    edges: int
    milvus_machines: int
    usd_month: float


def plan(tracks: float, requests: float, values: dict[str, float]) -> Plan:
    """Return what so many tracks and requests a second need."""
    numbers = values["audio_dimensions"] + values["taste_dimensions"]
    vectors = tracks * numbers * values["bytes_a_number"]
    # The rows themselves stay with the ranker either way: features are made of them.
    index = vectors * (1 + values["index_overhead_share"])
    held = tracks * values["ranker_bytes_a_track"] + values["process_bytes"]
    own, without = held / GB, (held - index) / GB
    milvus = vectors * values["milvus_bytes_a_vector_factor"] * values["replicas"] / GB
    usable = 0.8 * values["machine_gb"]
    cores = requests * values["request_core_ms"] / 1_000 / values["peak_share"]
    rankers = max(2, math.ceil(cores / values["machine_cores"]))
    edge_cores = requests * values["edge_core_ms"] / 1_000 / values["peak_share"]
    edges = max(2, math.ceil(edge_cores / values["machine_cores"]))
    nodes = 0 if own <= usable else max(2, math.ceil(milvus / usable))
    # A machine with several times the memory is taken to cost as many machines.
    sizes = max(1, math.ceil((without if nodes else own) / usable))
    cost = (rankers * sizes + edges + nodes) * values["machine_usd_month"]
    return Plan(own, without, milvus, rankers, edges, nodes, cost)


def table(values: dict[str, float]) -> str:
    """Return the plans as Markdown."""
    lines = [
        "| tracks | requests/s | a ranker, own index | a ranker, Milvus | Milvus | rankers | "
        "gateways | Milvus nodes | USD a month |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for tracks in (1e6, 100e6):
        for requests in (100.0, 10_000.0):
            found = plan(tracks, requests, values)
            lines.append(
                f"| {tracks:,.0f} | {requests:,.0f} | {found.ranker_gb:,.1f} GB "
                f"| {found.ranker_gb_milvus:,.1f} GB | {found.milvus_gb:,.1f} GB | {found.rankers} "
                f"| {found.edges} | {found.milvus_machines} | {found.usd_month:,.0f} |"
            )
    return "\n".join(lines)


def inputs_table(inputs: dict[str, Input]) -> str:
    """Return the inputs as Markdown."""
    rows = [f"| `{name}` | {each.value:,.10g} | {each.source} |" for name, each in inputs.items()]
    return "\n".join(["| input | value | where it is from |", "| --- | ---: | --- |", *rows])


def measured(performance: Path) -> dict[str, Input]:
    """Return the inputs that a run of `make bench` measured.

    Raises:
        ValueError: It measured fewer than two sizes.
    """
    facts = json.loads(performance.read_text(encoding="utf-8"))
    kind = facts["judged"]
    sizes = sorted(
        (int(size), kinds[kind]) for size, kinds in facts["sizes"].items() if kind in kinds
    )
    if len(sizes) < 2:
        raise ValueError(f"{performance} has fewer than two sizes of the {kind} model")
    (least, small), (most, large) = sizes[0], sizes[-1]
    bytes_of = [one["memory_mib"]["ranker"]["rss"] * MIB for one in (small, large)]
    each = (bytes_of[1] - bytes_of[0]) / (most - least)
    times = large["cpu_ms"]
    commit = f"measured: `make bench`, commit {facts['machine']['commit']}, "
    grown, at = f"a ranker's RSS at {most:,} less that at {least:,}", f"at {most:,} tracks"
    return {
        "ranker_bytes_a_track": Input(round(each), commit + grown),
        "process_bytes": Input(
            round(bytes_of[0] - each * least, -6),
            f"{commit}a ranker's RSS at {least:,} less its tracks",
        ),
        "request_core_ms": Input(
            round(times["ranker"], 1), f"{commit}processor time in the ranker {at}"
        ),
        "edge_core_ms": Input(
            round(sum(times.values()) - times["ranker"], 1),
            f"{commit}gateway, profile and search {at}",
        ),
    }


def read(settings: list[str], performance: Path | None) -> dict[str, Input]:
    """Return the inputs with what was measured and what was set on the command line.

    Raises:
        ValueError: A name is not known or a value is no number.
    """
    inputs = dict(INPUTS) if performance is None else INPUTS | measured(performance)
    for each in settings:
        name, _, value = each.partition("=")
        if name not in inputs:
            raise ValueError(f"no input is called {name}")
        inputs[name] = Input(float(value), "set on the command line")
    return inputs


def write(page: Path, part: str, text: str) -> None:
    """Replace a marked part of a page."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(f"<!-- {part}: made by ")
    opened, _, _ = rest.partition("\n")
    _, end, after = rest.partition(f"<!-- /{part} -->")
    if not (mark and end):
        raise ValueError(f"{page} has no part marked {part}")
    page.write_text(f"{before}{mark}{opened}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> int:
    """Print the tables; return 2 where an input is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--performance", type=Path, metavar="BENCH.JSON")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    try:
        inputs = read(options.set, options.performance)
        values = {name: each.value for name, each in inputs.items()}
        if options.page is not None:
            write(options.page, "capacity", table(values))
            write(options.page, "inputs", inputs_table(inputs))
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    sys.stdout.write(f"{table(values)}\n\n{inputs_table(inputs)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
