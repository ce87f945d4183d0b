"""Items of the catalogue by their whole names, and what the catalogue has at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from quintet_contract.limits import MAX_NAME, MAX_NAMES, MAX_SIMILAR_NAMES
from quintet_servicekit.errors import InvalidInput, Reason

from quintet_search.domain.records import ArtistReference, GenreRecord

MAX_ITEMS: Final = 20
"""Items of one name."""


class NameKind(Enum):
    """What has a name."""

    ARTIST = "artist"
    TRACK = "track"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class NameQuery:
    """A name to look up.

    Attributes:
        text: The name.
        similar: Whether similar names count if the catalogue does not have this one.
    """

    text: str
    similar: bool


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An artist, a track or a genre with a name.

    Attributes:
        kind: What it is.
        id: The id of an artist or a track; empty for a genre.
        name: The name as the catalogue writes it.
        artists: The artists of a track.
        is_similar: Whether the name differs from the one requested.
    """

    kind: NameKind
    id: str
    name: str
    artists: tuple[ArtistReference, ...] = ()
    is_similar: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueFacts:
    """What a catalogue has.

    Attributes:
        track_count: The number of tracks.
        dated_count: Tracks with a year of release.
        explicit_count: Tracks that are marked explicit.
        largest_genres: Up to five genres, those with the most tracks first.
        popular_tracks: Ids of up to five tracks, most popular first.
    """

    track_count: int
    dated_count: int
    explicit_count: int
    largest_genres: Sequence[GenreRecord]
    popular_tracks: Sequence[str]


@dataclass(frozen=True, slots=True)
class NameLookup:
    """The items of each name, in the order of the names, and the catalogue's facts."""

    items: Sequence[Sequence[NamedItem]]
    facts: CatalogueFacts
    catalogue_version: str


def check_names(names: Sequence[NameQuery]) -> None:
    """Check how many names are requested, and their length.

    Raises:
        InvalidInput: There are too many, or one is too long.
    """
    similar = sum(name.similar for name in names)
    if len(names) > MAX_NAMES or similar > MAX_SIMILAR_NAMES:
        raise InvalidInput(
            Reason.ID_COUNT,
            f"names must hold 0 to {MAX_NAMES} names, {MAX_SIMILAR_NAMES} of them with similar "
            f"ones; got {len(names)} and {similar}",
            field="names",
        )
    longest = max((len(name.text) for name in names), default=0)
    if longest > MAX_NAME:
        raise InvalidInput(
            Reason.QUERY_LENGTH,
            f"each of names must be up to {MAX_NAME} characters; got {longest}",
            field="names",
        )
