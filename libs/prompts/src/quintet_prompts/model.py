"""What a language model may answer for a text, and how it becomes the parts of a query.

A model fills the same parts as the parser. Names are looked up in the catalogue, every value is
checked, and words that no part covers are listed: a model cannot drop a condition unseen.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quintet_contract.attributes import ATTRIBUTES, RANGES
from quintet_contract.limits import MAX_LIMIT, MAX_NAME, MAX_PROMPT_PARTS, MAX_YEAR, MIN_YEAR
from quintet_contract.options import SongVersion

from quintet_prompts.items import Content, disliked, excluded, liked, only_by
from quintet_prompts.leftovers import joined
from quintet_prompts.lexicon import lexicon, phrases_of
from quintet_prompts.naming import Found
from quintet_prompts.parts import (
    CatalogueFacts,
    Names,
    Part,
    Phrase,
    Problem,
    Understanding,
)
from quintet_prompts.understanding import assembled

_NAMED: Final = {
    "like_artist": liked,
    "like_track": liked,
    "unlike_artist": disliked,
    "unlike_track": disliked,
    "only_artist": only_by,
    "exclude_artist": excluded,
    "exclude_track": excluded,
}
_FIXED: Final = {
    "only_explicit": Content("explicit", {"filters": {"explicit": True}}),
    "no_explicit": Content("explicit", {"filters": {"explicit": False}}),
    "allow_versions": Content("version", {"variants": "allow"}),
    "no_season": Content("season", {"seasonal": "exclude"}),
    "allow_season": Content("season", {"seasonal": "allow"}),
    "one_per_artist": Content("artist_cap", {"max_per_artist": 1}),
    "new_artists": Content("discovery", {"discovery": 1.0}),
    "familiar_artists": Content("discovery", {"discovery": 0.0}),
    "varied": Content("diversity", {"diversity": 0.5}),
}
_GENRES: Final = {"genre": "genres", "exclude_genre": "excluded_genres"}
_VALUED: Final = ("prefer", "range", "years", "limit", "exclude_version", "lyrics_language")
KINDS: Final = (*_NAMED, *_FIXED, *_GENRES, *_VALUED)
_FIELDS: Final = ("words", "kind", "name", "artist", "attribute", "value", "min", "max")
_TEXT: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": ["number", "null"]}
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["parts"],
    "properties": {
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": list(_FIELDS),
                "properties": {
                    "words": {"type": "string"},
                    "kind": {"type": "string", "enum": list(KINDS)},
                    "name": _TEXT,
                    "artist": _TEXT,
                    "attribute": {"type": ["string", "null"], "enum": [*ATTRIBUTES, None]},
                    "value": _NUMBER,
                    "min": _NUMBER,
                    "max": _NUMBER,
                },
            },
        }
    },
}
"""The JSON Schema of an answer."""
INSTRUCTIONS: Final = (
    "Read a listener's wish for music as parts of a query. Answer with JSON by the schema alone. "
    "`words` repeats the exact words of the wish that a part comes from; fields that a kind does "
    "not need are null. Kinds with a name: like_artist, like_track, unlike_artist, unlike_track, "
    "only_artist, exclude_artist, exclude_track (`name`, and `artist` for a track), genre, "
    f"exclude_genre. exclude_version: `name` is one of {', '.join(SongVersion)}. lyrics_language: "
    "`name` is a code such as en or ko, or `not en`. limit: `value` is a number of tracks. years: "
    "first year `min`, last year `max`. prefer: `attribute` near `value`. range: `attribute` from "
    "`min` to `max`, for conditions that must hold. Ranges of attributes: "
    + ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in RANGES.items())
    + ". Add no part that the wish does not ask for, and leave out words that no kind expresses."
)


class AnswerInvalid(ValueError):
    """Report an answer of a language model that breaks a rule; the message says which."""


@dataclass(frozen=True)
class ModelPart:
    """One checked part of an answer; `start` and `end` are its words' place in the text."""

    start: int
    end: int
    kind: str
    name: str
    artist: str
    attribute: str
    value: float | None
    low: float | None
    high: float | None


def read_answer(text: str, content: str) -> list[ModelPart]:
    """Check an answer.

    Args:
        text: The text that was asked about.
        content: The answer's JSON.

    Raises:
        AnswerInvalid: It is no JSON of `SCHEMA`, or names words that the text does not have.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise AnswerInvalid("the answer is not JSON") from None
    parts = answer.get("parts") if isinstance(answer, dict) else None
    if not isinstance(parts, list) or len(parts) > MAX_PROMPT_PARTS:
        raise AnswerInvalid(f"the answer has no list of at most {MAX_PROMPT_PARTS} parts")
    return [_checked(text, part) for part in parts]


def answer_phrases(parts: Sequence[ModelPart]) -> list[Phrase]:
    """List the names of an answer, to look up; similar ones count."""
    names = [name for part in parts for name in (part.name, part.artist) if name]
    genres = [
        other
        for part in parts
        if part.kind in _GENRES
        for other in lexicon().genres.get(part.name, {}).get("also", ())
    ]
    return [
        *(Phrase(name, True) for name in dict.fromkeys(names)),
        *(Phrase(name, False) for name in dict.fromkeys(genres) if name not in set(names)),
    ]


def understand_answer(
    text: str,
    parts: Sequence[ModelPart],
    names: Names,
    facts: CatalogueFacts,
    removed: Collection[str] = (),
) -> Understanding:
    """Compose the parts of an answer to a query, as the parser's parts are.

    Args:
        text: The text.
        parts: From `read_answer`.
        names: The items of each of `answer_phrases(parts)`.
        facts: What the catalogue has.
        removed: Ids of parts to leave out.
    """
    found: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.start, part.end)):
        content, correction = _content(part, names, facts)
        if content is None:
            continue
        same = sum(
            (each.kind, each.start, each.end) == (content.kind, part.start, part.end)
            for each in found
        )
        found.append(
            Part(
                *(content.kind, part.start, part.end, content.piece, content.problem),
                *(content.names, correction, same),
            )
        )
    words = lexicon()
    tokens = words.tokens(text)
    covered = [(part.start, part.end) for part in found]
    left = [
        (place, place + 1)
        for place, token in enumerate(tokens)
        if not token.is_mark
        and not any(start <= token.start < end for start, end in covered)
        and words.noise.at(tokens, place) is None
    ]
    return assembled(found, joined(left, tokens, found, words), facts, removed)


def _checked(text: str, part: Any) -> ModelPart:
    if not isinstance(part, dict) or set(part) - set(_FIELDS):
        raise AnswerInvalid("a part has other fields than the schema")
    words, kind = part.get("words"), part.get("kind")
    if not isinstance(words, str) or not words.strip() or words not in text:
        raise AnswerInvalid("a part names words that the text does not have")
    if kind not in KINDS:
        raise AnswerInvalid("a part is of an unknown kind")
    name, artist, attribute = (part.get(each) or "" for each in ("name", "artist", "attribute"))
    if not all(
        isinstance(each, str) and len(each) <= MAX_NAME for each in (name, artist, attribute)
    ):
        raise AnswerInvalid(f"a name is not a text of at most {MAX_NAME} characters")
    value, low, high = (_number(part.get(each)) for each in ("value", "min", "max"))
    start = text.index(words)
    end = start + len(words)
    read = ModelPart(start, end, kind, name, artist, attribute, value, low, high)
    _check_values(read)
    return read


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnswerInvalid("a number is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise AnswerInvalid("a number is not finite")
    return number


def _check_values(part: ModelPart) -> None:
    """Check that a part has what its kind needs, within the ranges of a query."""
    if part.kind in (*_NAMED, *_GENRES) and not part.name:
        raise AnswerInvalid(f"a part of kind {part.kind} has no name")
    if part.kind == "exclude_version" and part.name not in set(SongVersion):
        raise AnswerInvalid("a version is unknown")
    language = part.name.removeprefix("not ")
    if part.kind == "lyrics_language" and language not in phrases_of("en")["languages"]:
        raise AnswerInvalid("a language is unknown")
    if part.kind in ("prefer", "range") and part.attribute not in RANGES:
        raise AnswerInvalid("an attribute is unknown")
    limits = {
        "prefer": RANGES.get(part.attribute),
        "range": RANGES.get(part.attribute),
        "years": (MIN_YEAR, MAX_YEAR),
        "limit": (1, MAX_LIMIT),
    }.get(part.kind)
    if limits is None:
        return
    is_single = part.kind in ("prefer", "limit")
    values = [
        each for each in ((part.value,) if is_single else (part.low, part.high)) if each is not None
    ]
    if not values or not all(limits[0] <= each <= limits[1] for each in values):
        raise AnswerInvalid(f"a number of kind {part.kind} is missing or out of range")


def _content(
    part: ModelPart, names: Names, facts: CatalogueFacts
) -> tuple[Content | None, tuple[str, str] | None]:
    """Write what a part adds; None for a name that the catalogue does not have."""
    if part.kind in _NAMED:
        found = _found(part, names)
        return (None, None) if found is None else (_NAMED[part.kind](found), found.correction)
    if part.kind in _GENRES:
        forms = (part.name, *lexicon().genres.get(part.name, {}).get("also", ()))
        items = [item for form in forms for item in names.get(form, ()) if item.kind == "genre"]
        name = items[0].name if items else part.name
        problem = None if items else Problem.NOT_IN_CATALOGUE
        return Content("genre", {"filters": {_GENRES[part.kind]: [name]}}, problem), None
    if part.kind in _FIXED:
        content = _FIXED[part.kind]
        if content.kind == "explicit" and not facts.explicit_count:
            return Content(content.kind, content.piece, Problem.NO_DATA), None
        return content, None
    return _valued(part), None


def _found(part: ModelPart, names: Names) -> Found | None:
    kind = part.kind.rpartition("_")[2]
    items = [item for item in names.get(part.name, ()) if item.kind == kind]
    by = {item.id for item in names.get(part.artist, ()) if item.kind == "artist"}
    # The track by the artist named, if the catalogue has it.
    items.sort(key=lambda item: by.isdisjoint(artist for artist, _ in item.artists))
    return Found(0, 0, items[0], part.name) if items else None


def _valued(part: ModelPart) -> Content:
    match part.kind:
        case "limit":
            return Content("limit", {"limit": round(part.value or 1)})
        case "exclude_version":
            return Content("version", {"filters": {"excluded_versions": [part.name]}})
        case "lyrics_language":
            return Content("language", {"lyrics_language": part.name}, Problem.NO_DATA)
        case "prefer":
            return Content("quality", {"targets": {part.attribute: part.value}})
    name = "year" if part.kind == "years" else part.attribute
    bounds = {"min": part.low, "max": part.high}
    filters = {
        f"{end}_{name}": round(value) if name == "year" else value
        for end, value in bounds.items()
        if value is not None
    }
    return Content("years" if name == "year" else "quality", {"filters": filters})
