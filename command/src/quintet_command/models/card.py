"""A model's card: what it is, what it learned from, how good it is, where it fails."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from quintet_files import write_atomically
from quintet_modelkit.registry import DATA, ModelRecord, Registry

_COMPARED: Final = ("difference", "ratio")
# Suffixes of metrics that are the ends of another's interval.
_BOUNDS: Final = (".lower", ".upper")
_DECILE: Final = "decile_"
_SLICE, _BASELINE = "slice", "baseline"
_AGAINST, _DECILES, _OTHER = "Against baselines", "By popularity of the track", "Other numbers"
_COUNTS: Final = ("tracks", "playlists", "rows")
_WITHOUT_PLAYLISTS: Final = (
    "It was trained without playlists and feedback: a start, which cannot judge taste."
)
_LIMITS: Final = (
    "It recommends only tracks of its catalogue; other tracks can be neither recommended "
    "nor seeds.",
    "Its audio features describe the sound of a recording, not its words, meaning or quality.",
    "It learned taste from the playlists named above; it serves listeners, languages and "
    "genres that are rare there less well.",
    "Tracks without any playlist are ranked by their features alone; see the section "
    "`cold` if there is one.",
    "Intervals show how the numbers vary over playlists of the same origin, not how other "
    "listeners would judge.",
)


def write_card(registry: Registry, record: ModelRecord, path: Path) -> None:
    """Write the card of a model.

    Args:
        registry: The registry of the model.
        record: With metrics and parameters.
        path: The file to write or replace; its folder is created.
    """
    # The registry keeps sources and licences beside the model, so any machine can write the card.
    data = json.loads(registry.read(record, DATA))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, card(record, registry.features(record), data, registry.name))


def card(record: ModelRecord, features: Sequence[str], data: Mapping[str, Any], name: str) -> str:
    """Render a card as Markdown.

    Args:
        record: With metrics and parameters.
        features: Their names.
        data: The logged data manifest.
        name: The registered model's.
    """
    sections = [
        _head(record, features, name),
        _data(data),
        _metrics(record.metrics),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(record)),
        _made(record),
    ]
    return "\n\n".join(part for part in sections if part) + "\n"


def _head(record: ModelRecord, features: Sequence[str], name: str) -> str:
    promoted = "never"
    if record.promote_time is not None:
        promoted = f"{record.promote_time:%Y-%m-%d %H:%M} UTC"
    rows = [
        ("model", f"`{name}` version {record.version}, bundle `{record.bundle}`"),
        ("aliases", ", ".join(record.aliases) or "none"),
        ("kind", _KINDS.get(record.kind, record.kind)),
        ("catalogue", f"`{record.catalogue}`"),
        ("registered", f"{record.create_time:%Y-%m-%d %H:%M} UTC"),
        ("became champion", promoted),
        ("features", f"{len(features)}, SHA-256 `{record.feature_hash[:12]}…`"),
        ("bundle's SHA-256", f"`{record.digest}`"),
    ]
    intro = (
        "Recommends tracks that fit one to five seeds: channels retrieve candidates, a "
        "LightGBM LambdaRank booster ranks them.\n\nThis card is for anyone who decides whether to "
        "use the model: its data, quality and limits.\n`quintet models card` writes it from the "
        "registry; do not edit it."
    )
    return f"# Model card\n\n{intro}\n\n{_table(('', ''), rows)}"


_KINDS: Final = {
    "bootstrap": "bootstrap: trained on the catalogue's own groups, before there are playlists",
    "trained": "trained on playlists",
}


def _data(data: Mapping[str, Any]) -> str:
    catalogue, training = data.get("catalogue", {}), data.get("training", {})
    parts = ["## Data and licences"]
    if catalogue:
        count = _count(catalogue.get("track_count", ""))
        parts.append(f"Catalogue `{catalogue.get('catalogue_version', '')}`, {count} tracks:")
        parts.append(_origins(catalogue.get("sources", ())))
    if training:
        count, rows = (_count(training.get(name, "")) for name in ("playlists", "rows"))
        parts.append(
            f"Playlists learned from: {count}, with {rows} tracks in all; SHA-256 "
            f"`{str(training.get('sha256', ''))[:12]}…`:"
        )
        parts.append(_origins(training.get("sources", ())))
    return "\n\n".join(parts)


def _origins(sources: Sequence[Mapping[str, Any]]) -> str:
    """Write origins as a table; counts are whatever the origins give beside name and licence."""
    counts = [n for n in _COUNTS if any(n in source for source in sources)]
    rows = [
        (
            str(source.get("name", "")),
            str(source.get("licence", "")) or "not stated",
            *(_count(source.get(name, "")) for name in counts),
        )
        for source in sources
    ]
    return _table(("origin", "licence", *counts), rows) if rows else "No origin is recorded."


def _metrics(metrics: Mapping[str, float]) -> str:
    """Tables by slice: names are `metric.slice`, `baseline.metric.slice` or `difference.…`."""
    if not metrics:
        return "## Metrics\n\nThis model was not evaluated."
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted(name for name in metrics if not name.endswith(_BOUNDS)):
        groups.setdefault(_group_of(name), []).append(name)
    text = ["## Metrics"]
    if any(kind == _SLICE for kind, _ in groups):
        text.append("Means over held-out playlists, with 95 % intervals if they were computed.")
    else:
        text.append("This model was not evaluated.")
    for section in sorted(name for kind, name in groups if kind == _SLICE):
        ours = groups[_SLICE, section]
        text.append(f"### {section.replace('_', ' ')}\n\n" + _values(metrics, ours, 1))
        if theirs := groups.get((_BASELINE, section)):
            text.append("Baselines:\n\n" + _values(metrics, theirs, 2))
    for title in (_AGAINST, _DECILES, _OTHER):
        if names := groups.get((title, "")):
            text.append(f"### {title}\n\n" + _values(metrics, sorted(names, key=_decile), None))
    return "\n\n".join(text)


def _group_of(name: str) -> tuple[str, str]:
    parts = name.split(".")
    if parts[0] in _COMPARED:
        return _AGAINST, ""
    if any(part.startswith(_DECILE) for part in parts):
        return _DECILES, ""
    # `metric.slice` or `baseline.metric.slice`; names of other origins have other lengths.
    kind = {2: _SLICE, 3: _BASELINE}.get(len(parts), _OTHER)
    return kind, "" if kind == _OTHER else parts[-1]


def _decile(name: str) -> tuple[str, int]:
    """Give the key that sorts `decile_10` after `decile_9`."""
    head, _, tail = name.partition(_DECILE)
    number = tail.split(".")[0]
    return head, int(number) if number.isdigit() else 0


def _values(metrics: Mapping[str, float], names: Iterable[str], end: int | None) -> str:
    rows = []
    for name in names:
        low, high = (metrics.get(name + bound) for bound in _BOUNDS)
        interval = "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
        rows.append((f"`{'.'.join(name.split('.')[:end])}`", _number(metrics[name]), interval))
    return _table(("metric", "value", "95 % interval"), rows)


def _limits(record: ModelRecord) -> list[str]:
    lines = list(_LIMITS)
    if record.kind == "bootstrap":
        lines.insert(0, _WITHOUT_PLAYLISTS)
    if undefined := record.tags.get("undefined_metrics"):
        lines.append(f"Not defined on the data at hand: {undefined.replace(',', ', ')}.")
    return lines


def _made(record: ModelRecord) -> str:
    rows = [(f"`{name}`", value) for name, value in sorted(record.parameters.items())]
    return "## How it was made\n\n" + _table(("parameter", "value"), rows) if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    # A bar or a line break within a cell would end it.
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.4g}"
