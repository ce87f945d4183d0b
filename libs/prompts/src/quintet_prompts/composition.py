"""Compose parts to one query: pieces are merged, and contradictions named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from quintet_contract.limits import MAX_SEEDS

from quintet_prompts.parts import CatalogueFacts, Part, Problem

_LISTS: Final = ("genres", "artist_ids")
_NEUTRAL: Final = {"tempo": 120.0, "loudness": -8.0, "popularity": 50.0, "duration_ms": 210_000.0}
_CHOICES: Final = ("limit", "discovery", "diversity", "variants", "seasonal")
_NO_FIELD: Final = "lyrics_language"


def composed(parts: Sequence[Part], facts: CatalogueFacts) -> tuple[list[Part], dict[str, Any]]:
    """Merge parts to a query.

    Args:
        parts: In the order of the text.
        facts: What the catalogue has.

    Returns:
        The parts, with those marked that are not in the query, and a body for
        `/api/v1/recommendations`. A part "start" is added if the text names nothing to start from.
    """
    marked = _limited([_available(part, facts) for part in parts])
    for index in _contradictory(marked):
        marked[index] = replace(marked[index], problem=Problem.CONTRADICTION)
    query = _merged(part for part in marked if part.problem is None)
    if not query.get("seeds"):
        start = _start(query, facts)
        if start is not None:
            marked.append(start)
            query = _merged(part for part in marked if part.problem is None)
    return marked, query


def _available(part: Part, facts: CatalogueFacts) -> Part:
    if part.problem is None and part.kind == "years" and not facts.dated_count:
        return replace(part, problem=Problem.NO_DATA)
    return part


def _limited(parts: Sequence[Part]) -> list[Part]:
    """Mark seeds beyond the number that a request may have."""
    counts = {"seeds": 0, "negative_seeds": 0}
    seen: dict[str, list[Any]] = {"seeds": [], "negative_seeds": []}
    marked = []
    for part in parts:
        for name in counts if part.problem is None else ():
            for seed in part.piece.get(name, ()):
                if seed in seen[name]:
                    continue
                seen[name].append(seed)
                counts[name] += 1
                if counts[name] > MAX_SEEDS:
                    part = replace(part, problem=Problem.TOO_MANY)
        marked.append(part)
    return marked


def _contradictory(parts: Sequence[Part]) -> set[int]:
    """List the parts that cannot hold together.

    Of two hard conditions neither is used. A preference is left out if a condition excludes it.
    """
    used = [index for index, part in enumerate(parts) if part.problem is None]
    found: set[int] = set()
    for one, other in combinations(used, 2):
        if _conditions_differ(parts[one].piece, parts[other].piece) or _targets_differ(
            parts[one].piece, parts[other].piece
        ):
            found |= {one, other}
    found |= {
        index
        for index in used
        for other in used
        if _is_excluded(parts[index].piece, parts[other].piece)
    }
    # One part may contradict itself: "between 5 and 3 minutes" is sorted, a range of years is not.
    return found | {index for index in used if _is_empty(parts[index].piece)}


def _conditions_differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    mine, theirs = one.get("filters", {}), other.get("filters", {})
    if _is_empty({"filters": _filters([mine, theirs])}):
        return True
    if "explicit" in mine and "explicit" in theirs and mine["explicit"] != theirs["explicit"]:
        return True
    for wanted, excluded in (
        ("genres", "excluded_genres"),
        ("artist_ids", "excluded_artist_ids"),
    ):
        for first, second in ((mine, theirs), (theirs, mine)):
            if set(first.get(wanted, ())) & set(second.get(excluded, ())):
                return True
    return any(name in one and name in other and one[name] != other[name] for name in _CHOICES)


def _targets_differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    mine, theirs = one.get("targets", {}), other.get("targets", {})
    for name in mine.keys() & theirs.keys():
        middle = _NEUTRAL.get(name, 0.5)
        if (mine[name] - middle) * (theirs[name] - middle) < 0:
            return True
    return False


def _is_excluded(piece: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    filters = other.get("filters", {})
    return any(
        value < filters.get(f"min_{name}", value) or value > filters.get(f"max_{name}", value)
        for name, value in piece.get("targets", {}).items()
    )


def _is_empty(piece: Mapping[str, Any]) -> bool:
    filters = piece.get("filters", {})
    return any(
        name.startswith("min_") and value > filters.get(f"max_{name[4:]}", value)
        for name, value in filters.items()
    )


def _merged(parts: Iterable[Part]) -> dict[str, Any]:
    pieces = [part.piece for part in parts]
    query: dict[str, Any] = {}
    for name in ("seeds", "negative_seeds"):
        values: list[Any] = []
        for piece in pieces:
            values += [each for each in piece.get(name, ()) if each not in values]
        if values:
            query[name] = values
    if filters := _filters([piece.get("filters", {}) for piece in pieces]):
        query["filters"] = filters
    if targets := _targets([piece.get("targets", {}) for piece in pieces]):
        query["targets"] = targets
    for piece in pieces:
        query |= {name: piece[name] for name in _CHOICES if name in piece}
    caps = [piece["max_per_artist"] for piece in pieces if "max_per_artist" in piece]
    if caps:
        # "One song per artist" says more than "songs by", which only lifts the cap.
        query["max_per_artist"] = next((cap for cap in caps if cap), 0)
    return query


def _filters(all_filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for filters in all_filters:
        for name, value in filters.items():
            if name not in merged:
                merged[name] = list(value) if isinstance(value, list) else value
            elif isinstance(value, list):
                merged[name] += [each for each in value if each not in merged[name]]
            elif name.startswith("min_"):
                merged[name] = max(merged[name], value)
            elif name.startswith("max_"):
                merged[name] = min(merged[name], value)
    return merged


def _targets(all_targets: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Keep of each attribute the value that is further from the middle."""
    merged: dict[str, float] = {}
    for targets in all_targets:
        for name, value in targets.items():
            middle = _NEUTRAL.get(name, 0.5)
            before = merged.get(name, middle)
            merged[name] = value if abs(value - middle) >= abs(before - middle) else before
    return merged


def _start(query: Mapping[str, Any], facts: CatalogueFacts) -> Part | None:
    """Choose what a list starts from if nothing is named: wanted genres, or the largest ones."""
    filters = query.get("filters", {})
    genres = filters.get("genres") or [
        genre for genre in facts.largest_genres if genre not in filters.get("excluded_genres", ())
    ]
    seeds: list[dict[str, str]] = [{"genre": genre} for genre in genres[:MAX_SEEDS]]
    seeds = seeds or [{"track_id": name} for name in facts.popular_tracks[:MAX_SEEDS]]
    return Part("start", 0, 0, {"seeds": seeds}) if seeds else None
