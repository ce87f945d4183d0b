"""What a text is read as: parts of a query, words that were not understood, and the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Piece = Mapping[str, Any]
"""Fields of the body of `/api/v1/recommendations`; `lyrics_language` beside them has no field."""


class Problem(StrEnum):
    """Why a part is not in the query."""

    NOT_IN_CATALOGUE = "not_in_catalogue"
    NO_DATA = "no_data"
    CONTRADICTION = "contradiction"
    TOO_MANY = "too_many"
    OUT_OF_RANGE = "out_of_range"
    NOT_SUPPORTED = "not_supported"


class NamedItem(NamedTuple):
    """An artist, a track or a genre of the catalogue.

    Attributes:
        kind: "artist", "track" or "genre".
        id: The id of an artist or track; empty for a genre.
        name: As the catalogue writes it.
        artists: Ids and names of a track's artists.
        is_similar: Whether the name differs from the phrase it was found for.
    """

    kind: str
    id: str
    name: str
    artists: tuple[tuple[str, str], ...] = ()
    is_similar: bool = False


Names = Mapping[str, Sequence[NamedItem]]
"""The items of each phrase; artists, then tracks, then genres, most popular first."""


@dataclass(frozen=True)
class Phrase:
    """A phrase that may be a name.

    Attributes:
        text: As written, or the name of a genre that the text has in other words.
        similar: Whether similar names count: the words around say that it is a name.
    """

    text: str
    similar: bool


@dataclass(frozen=True)
class CatalogueFacts:
    """What the catalogue has.

    Attributes:
        track_count: The number of tracks.
        dated_count: Tracks with a year of release.
        explicit_count: Tracks that are marked explicit.
        largest_genres: Genres with the most tracks, the largest first.
        popular_tracks: Ids of the most popular tracks.
    """

    track_count: int
    dated_count: int
    explicit_count: int
    largest_genres: Sequence[str]
    popular_tracks: Sequence[str]


@dataclass(frozen=True)
class Part:
    """One part of a text, and what it adds to the query.

    Attributes:
        kind: What it is about, such as "seed", "quality" or "length".
        start: Its first character in the text.
        end: The character after its last one; equal to `start` for a part that no words say.
        piece: What it adds to the query.
        problem: Why it is not in the query; None if it is.
        names: Ids in `piece` → name, for sentences.
        correction: The name as written and as the catalogue has it, if they differ.
        number: Distinguishes parts of one kind that come from the same words.
    """

    kind: str
    start: int
    end: int
    piece: Piece
    problem: Problem | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    correction: tuple[str, str] | None = None
    number: int = 0

    @property
    def id(self) -> str:
        """The same for the same part of the same text."""
        place = f"{self.kind}:{self.start}-{self.end}"
        return f"{place}.{self.number}" if self.number else place


@dataclass(frozen=True)
class Leftover:
    """Words that were not understood: characters `start` to `end` of the text."""

    start: int
    end: int


@dataclass(frozen=True)
class Understanding:
    """A text as a query.

    Attributes:
        parts: In the order of the text; those with a problem are not in the query.
        not_understood: Words that no part covers, in the order of the text.
        query: A body for `/api/v1/recommendations`; without seeds only if the catalogue is empty.
        removed: Ids of the parts that were left out on request.
        unknown: Ids to remove that no part has.
    """

    parts: Sequence[Part]
    not_understood: Sequence[Leftover]
    query: Mapping[str, Any]
    removed: Sequence[str] = ()
    unknown: Sequence[str] = ()
