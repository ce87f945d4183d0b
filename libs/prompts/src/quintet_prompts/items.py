"""Things that a text asks for or rejects, and what each adds to the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quintet_contract.attributes import RANGES

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.naming import Found, Naming
from quintet_prompts.parts import CatalogueFacts, Piece, Problem
from quintet_prompts.tokens import Token

_NEUTRAL: Final = {"tempo": 120.0, "loudness": -8.0, "popularity": 50.0, "duration_ms": 210_000.0}
_EXTREMES: Final = {
    "tempo": (60.0, 180.0),
    "loudness": (-20.0, 0.0),
    "duration_ms": (90_000.0, 600_000.0),
}
_LIVE: Final = 0.8
"""Liveness from which a track was most likely recorded before an audience, as Spotify documents."""


@dataclass(frozen=True)
class Item:
    """A thing in a text.

    Attributes:
        group: "quality", "genre", "version", "explicit", "season", "language", "discovery",
            "one_per_artist", "diverse" or "name".
        start: Its first token.
        end: The token after its last one.
        value: A quality's key, a genre and its name in the catalogue, a version and so on.
        found: The name, for the group "name".
        asks_negation: A Korean form that only a negation may follow: 시끄럽지.
        intensity: "strong", "weak" or "".
    """

    group: str
    start: int
    end: int
    value: str = ""
    found: Found | None = None
    asks_negation: bool = False
    intensity: str = ""


@dataclass(frozen=True)
class Content:
    """What an item adds to the query, or why it cannot."""

    kind: str
    piece: Piece
    problem: Problem | None = None
    names: Mapping[str, str] = field(default_factory=dict)


class Items:
    """Finds things, and writes what they add.

    Args:
        tokens: The tokens of the text.
        naming: Its names.
        words: The lexicon.
        facts: What the catalogue has.
    """

    def __init__(
        self, tokens: Sequence[Token], naming: Naming, words: Lexicon, facts: CatalogueFacts
    ) -> None:
        self._tokens = tokens
        self._naming = naming
        self._words = words
        self._facts = facts

    def at(self, place: int) -> Item | None:
        """Find the longest thing at a place, names aside."""
        found: list[Item] = []
        groups = {
            "version": "versions",
            "explicit": "explicit",
            "season": "season",
            "language": "languages",
            "discovery": "discovery",
            "one_per_artist": "one_per_artist",
            "diverse": "diverse",
        }
        for group, table in groups.items():
            if (match := self._words.groups[table].at(self._tokens, place)) is not None:
                found.append(Item(group, place, match.end, match.value))
        found += self._qualities(place)
        found += self._genres(place)
        return max(found, key=lambda item: item.end, default=None)

    def _qualities(self, place: int) -> list[Item]:
        found = []
        if (match := self._words.quality.at(self._tokens, place)) is not None:
            found.append(Item("quality", place, match.end, match.value))
        if (stem := self._words.stems.at(self._tokens, place)) is not None:
            quality, asks = stem.value
            found.append(Item("quality", place, stem.end, quality, asks_negation=asks))
        return found

    def _genres(self, place: int) -> list[Item]:
        found = []
        if (match := self._words.genre.at(self._tokens, place)) is not None:
            found.append(Item("genre", place, match.end, match.value))
        if (named := self._naming.genre(place)) is not None:
            found.append(Item("genre", place, *named))
        return found

    def wanted(self, item: Item) -> Content | None:
        """Write what a thing adds that the text asks for; None if nothing is known about it."""
        match item.group:
            case "quality":
                return Content("quality", self._quality(item))
            case "genre":
                name, problem = self._genre_name(item.value)
                return Content("genre", {"filters": {"genres": [name]}}, problem)
            case "version":
                if item.value == "live":
                    return Content("version", {"filters": {"min_liveness": _LIVE}})
                return Content("version", {"variants": "allow"}, Problem.NOT_SUPPORTED)
            case "explicit":
                return self._explicit(is_explicit=item.value == "explicit")
            case "season":
                return Content("season", {"seasonal": "allow"})
            case "language":
                return Content("language", {"lyrics_language": item.value}, Problem.NO_DATA)
        return self._option(item) or (None if item.found is None else liked(item.found))

    def _option(self, item: Item) -> Content | None:
        """Write an option of the list."""
        match item.group:
            case "discovery":
                return Content("discovery", {"discovery": 1.0 if item.value == "new" else 0.0})
            case "one_per_artist":
                return Content("artist_cap", {"max_per_artist": 1})
            case "diverse":
                return Content("diversity", {"diversity": 0.5})
        return None

    def unwanted(self, item: Item) -> Content | None:
        """Write what a thing adds that the text rejects; None if that cannot be expressed."""
        match item.group:
            case "quality":
                negated = self._words.qualities[item.value].get("negated")
                return None if negated is None else Content("quality", {"filters": dict(negated)})
            case "genre":
                name, problem = self._genre_name(item.value)
                return Content("genre", {"filters": {"excluded_genres": [name]}}, problem)
            case "version":
                return Content("version", {"filters": {"excluded_versions": [item.value]}})
            case "explicit":
                return self._explicit(is_explicit=item.value != "explicit")
            case "season":
                return Content("season", {"seasonal": "exclude"})
            case "language":
                value = f"not {item.value}"
                return Content("language", {"lyrics_language": value}, Problem.NO_DATA)
            case "discovery":
                return Content("discovery", {"discovery": 0.0 if item.value == "new" else 1.0})
            case "one_per_artist" | "diverse":
                return None
        return None if item.found is None else excluded(item.found)

    def allowed(self, item: Item) -> Content | None:
        """Write what a thing adds that the text only allows."""
        match item.group:
            case "version":
                return Content("version", {"variants": "allow"})
            case "explicit":
                return Content("explicit", {})
            case "season":
                return Content("season", {"seasonal": "allow"})
        return None

    def _explicit(self, *, is_explicit: bool) -> Content:
        problem = None if self._facts.explicit_count else Problem.NO_DATA
        return Content("explicit", {"filters": {"explicit": is_explicit}}, problem)

    def _genre_name(self, value: str) -> tuple[str, Problem | None]:
        if value not in self._words.genres:
            return value, None
        names = [value, *self._words.genres[value].get("also", ())]
        name = self._naming.genre_named(names)
        return (value, Problem.NOT_IN_CATALOGUE) if name is None else (name, None)

    def _quality(self, item: Item) -> Piece:
        entry = self._words.qualities[item.value]
        if "filters" in entry:
            return {"filters": dict(entry["filters"])}
        targets = {
            name: _moved(name, float(value), item.intensity)
            for name, value in entry["targets"].items()
        }
        return {"targets": {name: int(v) if v == int(v) else v for name, v in targets.items()}}


def _moved(name: str, value: float, intensity: str) -> float:
    """Move a target half the way to its extreme ("very"), or to the middle ("a bit")."""
    neutral = _NEUTRAL.get(name, 0.5)
    low, high = _EXTREMES.get(name, RANGES[name])
    if intensity == "strong":
        value += ((high if value > neutral else low) - value) / 2
    elif intensity == "weak":
        value = (value + neutral) / 2
    return round(value, 3)


def liked(found: Found) -> Content:
    """Start from an artist or a track."""
    return Content("seed", {"seeds": [found.seed]}, names={found.item.id: found.item.name})


def disliked(found: Found) -> Content:
    """Move the list away from an artist or a track."""
    names = {found.item.id: found.item.name}
    return Content("unlike", {"negative_seeds": [found.seed]}, names=names)


def excluded(found: Found) -> Content:
    """Leave an artist or a track out."""
    names = {found.item.id: found.item.name}
    field_name = f"excluded_{found.item.kind}_ids"
    return Content("excluded", {"filters": {field_name: [found.item.id]}}, names=names)


def only_by(found: Found) -> Content:
    """Limit the list to an artist; a track is only started from."""
    if found.item.kind != "artist":
        return liked(found)
    piece: dict[str, Any] = {
        "seeds": [found.seed],
        "filters": {"artist_ids": [found.item.id]},
        # The cap on tracks per artist would end the list after three.
        "max_per_artist": 0,
    }
    return Content("only_by", piece, names={found.item.id: found.item.name})
