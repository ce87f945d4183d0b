"""What a catalogue and a load need: memory, machines and cost, computed from measured figures.

    .venv/bin/python tests/bench/capacity.py
    .venv/bin/python tests/bench/capacity.py --set machine_usd_month=180 --set peak_share=0.5

Every input has a name, a value and where it is from; `--set` changes one. Requests cost what
`--performance FILE` says, the JSON that `make bench` writes, where there is one.
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
    "snapshot_bytes_a_track": Input(
        319, "measured: features.npy and tracks.arrow of 28,346 tracks, 9.04 MB"
    ),
    "derived_bytes_a_track": Input(
        350, "assumed: what a ranker derives: encoded features, columns, groups, ids by name"
    ),
    "process_bytes": Input(350e6, "assumed: interpreter, libraries, booster of one ranker"),
    "request_core_ms": Input(
        40.0,
        "assumed until make bench's figures are given: one core's time of a request in the ranker",
    ),
    "edge_core_ms": Input(8.0, "assumed: gateway, profile and search together"),
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
    """Returns what so many tracks and requests a second need."""
    numbers = values["audio_dimensions"] + values["taste_dimensions"]
    vectors = tracks * numbers * values["bytes_a_number"]
    # The rows themselves stay with the ranker either way: features are made of them.
    index = vectors * (1 + values["index_overhead_share"])
    rest = (
        tracks * (values["snapshot_bytes_a_track"] + values["derived_bytes_a_track"])
        + values["process_bytes"]
    )
    own, without = (vectors + index + rest) / GB, (vectors + rest) / GB
    milvus = vectors * values["milvus_bytes_a_vector_factor"] * values["replicas"] / GB
    usable = 0.8 * values["machine_gb"]
    cores = requests * values["request_core_ms"] / 1_000 / values["peak_share"]
    rankers = max(2, math.ceil(cores / values["machine_cores"]))
    edge_cores = requests * values["edge_core_ms"] / 1_000 / values["peak_share"]
    edges = max(2, math.ceil(edge_cores / values["machine_cores"]))
    nodes = 0 if own <= usable else max(2, math.ceil(milvus / usable))
    cost = (rankers + edges + nodes) * values["machine_usd_month"]
    return Plan(own, without, milvus, rankers, edges, nodes, cost)


def table(values: dict[str, float]) -> str:
    """Returns the plans as Markdown."""
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
    """Returns the inputs as Markdown."""
    rows = [f"| `{name}` | {each.value:g} | {each.source} |" for name, each in inputs.items()]
    return "\n".join(["| input | value | where it is from |", "| --- | ---: | --- |", *rows])


def read(settings: list[str], performance: Path | None) -> dict[str, Input]:
    """Returns the inputs with what was measured and what was set on the command line.

    Raises:
        ValueError: A name is not known or a value is no number.
    """
    inputs = dict(INPUTS)
    if performance is not None:
        facts = json.loads(performance.read_text(encoding="utf-8"))
        for name in inputs.keys() & facts.keys():
            inputs[name] = Input(float(facts[name]), f"measured: {performance.name}")
    for each in settings:
        name, _, value = each.partition("=")
        if name not in inputs:
            raise ValueError(f"no input is called {name}")
        inputs[name] = Input(float(value), "set on the command line")
    return inputs


def main() -> int:
    """Prints the tables; returns 2 where an input is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--performance", type=Path)
    options = parser.parse_args()
    try:
        inputs = read(options.set, options.performance)
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    values = {name: each.value for name, each in inputs.items()}
    sys.stdout.write(f"{table(values)}\n\n{inputs_table(inputs)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
