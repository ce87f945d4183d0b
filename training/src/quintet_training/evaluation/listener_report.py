"""The result of an evaluation on one listener's own data: as JSON, and as a table for a person."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from quintet_training.evaluation.baselines import STANDARDISED_COSINE
from quintet_training.evaluation.intervals import Interval, intervals
from quintet_training.evaluation.listening import FIRST

WITH_MEMORY: Final = "with_memory"
WITHOUT_MEMORY: Final = "without_memory"
BY_RULE: Final = "by_rule"
_NAMES: Final = {
    WITH_MEMORY: "Quintet with your memory",
    BY_RULE: "with your memory, by the rule",
    WITHOUT_MEMORY: "the same without memory",
    STANDARDISED_COSINE: "audio cosine",
    "same_artist": "same artist",
    "popularity": "popularity",
}


@dataclass(frozen=True)
class ListenerSection:
    """All methods on the sessions or the playlists of a listener.

    Attributes:
        name: `sessions` or `playlists`.
        cases: How many were asked about.
        next_songs: Songs that came next, on average.
        chance: Of these, how many a random list of `FIRST` has, on average.
        methods: Method to the number of them in the first `FIRST`, with its interval.
        gains: Method to what the memory gains on it, paired by session or playlist.
    """

    name: str
    cases: int
    next_songs: float
    chance: float
    methods: Mapping[str, Interval]
    gains: Mapping[str, Interval]

    @classmethod
    def of(
        cls,
        name: str,
        truths: Sequence[int],
        chance: float,
        found: Mapping[str, np.ndarray],
        seed: int,
    ) -> "ListenerSection":
        """Summarise the hits of every method, float64 (cases,) each."""
        names = list(found)
        columns = np.column_stack([found[each] for each in names])
        gains = columns[:, [names.index(WITH_MEMORY)]] - columns
        return cls(
            name,
            len(truths),
            float(np.mean(truths)),
            chance,
            dict(zip(names, intervals(columns, seed), strict=True)),
            {
                each: gain
                for each, gain in zip(names, intervals(gains, seed), strict=True)
                if each != WITH_MEMORY
            },
        )


@dataclass(frozen=True)
class ListenerReport:
    """The result of an evaluation on one listener's own data.

    Attributes:
        kind: The model asked: "trained", on playlists of others, or "bootstrap".
        training_playlists: How many playlists it learned from; 0 for a bootstrap model.
        listener_queries: From how many earlier sessions and lists of listeners it learned how a
            memory counts; 0 if a memory counts by the rule.
        sections: Sessions, playlists or both.
    """

    kind: str
    training_playlists: int
    listener_queries: int
    sections: tuple[ListenerSection, ...]

    def to_json(self) -> str:
        """Write everything as JSON."""
        return json.dumps({"first": FIRST, **asdict(self)}, indent=1, sort_keys=True)


def listener_tables(report: ListenerReport) -> Group:
    """Lay a report out for a terminal of 80 columns."""
    parts: list[RenderableType] = []
    for one in report.sections:
        parts += [_sentence(one), _table(one)]
    learned = (
        f"a model trained on {report.training_playlists} playlists, none of them from this data"
        if report.training_playlists
        else "the bootstrap model: there are too few other playlists to train on"
    )
    memory = (
        f"how a memory counts it learned from {report.listener_queries} earlier sessions and lists"
        if report.listener_queries
        else "a memory counts by the rule: earlier sessions and lists are too few to learn from, "
        "or nothing better was learned"
    )
    parts.append(f"Asked was {learned}; {memory}.")
    return Group(*parts)


def _sentence(one: ListenerSection) -> str:
    found, base = one.methods[WITH_MEMORY], one.methods[WITHOUT_MEMORY]
    return (
        f"Of your next {one.next_songs:.1f} songs, {found.mean:.1f} were in the first {FIRST}; "
        f"without your memory {base.mean:.1f}, by chance {one.chance:.2g}. "
        f"({one.cases} {one.name})"
    )


def _table(one: ListenerSection) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("method", no_wrap=True)
    for heading in (f"in the first {FIRST}", "95 % interval", "memory gains", "95 % interval"):
        table.add_column(heading, justify="right")
    for name, value in one.methods.items():
        gain = one.gains.get(name)
        table.add_row(
            _NAMES.get(name, name),
            f"{value.mean:.2f}",
            f"{value.lower:.2f} to {value.upper:.2f}",
            "" if gain is None else f"{gain.mean:+.2f}",
            "" if gain is None else f"{gain.lower:+.2f} to {gain.upper:+.2f}",
        )
    table.add_row("chance", f"{one.chance:.2f}", "", "", "")
    return table
