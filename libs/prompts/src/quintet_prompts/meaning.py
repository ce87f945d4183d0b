"""State what a part of a text means in a sentence, in English or Korean."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quintet_prompts.lexicon import LANGUAGES as LANGUAGES
from quintet_prompts.lexicon import phrases_of
from quintet_prompts.parts import Part


def meaning(part: Part, language: str) -> str:
    """State what a part adds to the query, and why it is not in the query if it is not.

    Args:
        part: The part.
        language: One of `LANGUAGES`.
    """
    phrases = phrases_of(language)
    said = [
        sentence
        for name, value in part.piece.items()
        for sentence in _said(name, value, part, phrases)
    ]
    if not part.piece:
        said = [phrases["nothing"]]
    if part.correction is not None:
        written, name = part.correction
        said.append(phrases["correction"].format(written=written, name=name))
    if part.problem is not None:
        said.append(phrases["problems"][part.problem])
    return " ".join(said)


def _said(name: str, value: Any, part: Part, phrases: Mapping[str, Any]) -> list[str]:
    if name in ("seeds", "negative_seeds"):
        listed = _listed([_seed(seed, part) for seed in value], phrases)
        key = "start" if part.kind == "start" else name
        return [phrases[key].format(names=listed)]
    if name == "filters":
        return _filters(value, part, phrases)
    if name == "targets":
        return [
            phrases["target"].format(
                name=phrases["attributes"][each], value=_value(each, number, phrases)
            )
            for each, number in value.items()
        ]
    if name == "lyrics_language":
        is_negated = value.startswith("not ")
        language = phrases["languages"][value.removeprefix("not ")]
        return [phrases["not_language" if is_negated else "language"].format(name=language)]
    key = f"{name}_{value}" if isinstance(value, str) else name
    if name in ("max_per_artist", "discovery") and not value:
        key = f"no_{name}"
    return [phrases[key].format(value=value)]


def _filters(filters: Mapping[str, Any], part: Part, phrases: Mapping[str, Any]) -> list[str]:
    said = []
    names = dict.fromkeys(name[4:] for name in filters if name.startswith(("min_", "max_")))
    for name in names:
        low, high = filters.get(f"min_{name}"), filters.get(f"max_{name}")
        key = "between" if None not in (low, high) else "least" if high is None else "most"
        if name == "year" and low == high:
            key = "year"
        said.append(
            phrases[key].format(
                name=phrases["attributes"][name],
                low=_value(name, low, phrases),
                high=_value(name, high, phrases),
            )
        )
    for name, value in filters.items():
        if isinstance(value, bool):
            said.append(phrases[f"{name}_{'yes' if value else 'no'}"])
        elif isinstance(value, list):
            words = phrases["versions"] if name == "excluded_versions" else part.names
            listed = _listed([words.get(each, each) for each in value], phrases)
            said.append(phrases[name].format(names=listed))
    return said


def _seed(seed: Mapping[str, str], part: Part) -> str:
    name = next(iter(seed.values()))
    return part.names.get(name, name)


def _listed(names: Sequence[str], phrases: Mapping[str, Any]) -> str:
    return str(phrases["between_names"]).join(names)


def _value(name: str, value: float | None, phrases: Mapping[str, Any]) -> str:
    if value is None:
        return ""
    write = _WRITERS.get(name, _percent)
    units = phrases["units"]
    return str(units[name].format(write(value))) if name in units else write(value)


def _percent(value: float) -> str:
    return f"{100 * value:g}%"


def _plain(value: float) -> str:
    return f"{value:g}"


def _clock(value: float) -> str:
    minutes, seconds = divmod(round(value / 1000), 60)
    return f"{minutes}:{seconds:02d}"


_WRITERS: Final[Mapping[str, Callable[[float], str]]] = {
    "duration_ms": _clock,
    **dict.fromkeys(("tempo", "loudness", "popularity", "year", "mode"), _plain),
}
