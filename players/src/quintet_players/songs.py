"""Songs and artists as a player knows them, and the distances between them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quintet_client.models import SongPath, SourceMatch, Track, TrackPlace


@dataclass(frozen=True)
class Asker:
    """For whom songs are sought.

    Attributes:
        source: The source whose ids count.
        listener: Whose memory counts; empty for nobody.
    """

    source: str
    listener: str = ""


@dataclass(frozen=True)
class Song:
    """A song as the player knows it.

    Attributes:
        item_id: The server's id.
        track: Names and length.
        place: Artists and album by the server's ids.
        distance: 0 near to 1 far: of the seeds, or of the song before on a path; None if unknown.
    """

    item_id: str
    track: Track
    place: TrackPlace
    distance: float | None = None


@dataclass(frozen=True)
class Names:
    """A song by id and title alone."""

    item_id: str
    title: str


@dataclass(frozen=True)
class SimilarArtist:
    """An artist like another.

    Attributes:
        artist_id: The server's id; empty for sources without ids of artists.
        name: As the server writes it.
        distance: Of the nearest of its songs, 0 to 1; None if unknown.
        matches: Pairs of a song of the other artist and the song of this one that it is near to.
    """

    artist_id: str
    name: str
    distance: float | None
    matches: tuple[tuple[Names, Names], ...]


def spread(names: Sequence[str], count: int) -> list[str]:
    """Choose up to so many names, spread evenly over all."""
    if len(names) <= count:
        return [*names]
    return [names[index * len(names) // count] for index in range(count)]


def distance_of(similarity: float | None) -> float | None:
    """Convert a cosine, -1 to 1, to the angle as a share of half a turn, 0 near to 1 far."""
    if similarity is None:
        return None
    return math.acos(max(-1.0, min(1.0, similarity))) / math.pi


def steps_of(found: SongPath) -> tuple[dict[str, Track], dict[str, float | None]]:
    """Read the tracks of a path by id, and the distance of each from the one before."""
    tracks = {each.track.id: each.track for each in found.tracks}
    steps: dict[str, float | None] = {
        each.track.id: each.transition.distance if each.transition else 0.0 for each in found.tracks
    }
    return tracks, steps


def grouped(
    songs: Sequence[Song], nearest: Mapping[str, Names], other: SourceMatch, count: int
) -> list[SimilarArtist]:
    """Group songs by the first artist of each, in their order."""
    groups: dict[tuple[str, str], list[Song]] = {}
    for song in songs:
        # Sources without ids of artists name them as the catalogue does.
        here = song.place.artists
        known = here or song.track.artists
        if known and (not here or here[0].id != other.id):
            groups.setdefault((here[0].id if here else "", known[0].name), []).append(song)
    artists = []
    for (artist_id, name), own in list(groups.items())[:count]:
        distances = [song.distance for song in own if song.distance is not None]
        matches = tuple(
            (nearest[song.track.id], Names(song.item_id, song.track.title))
            for song in own
            if song.track.id in nearest
        )
        artists.append(SimilarArtist(artist_id, name, min(distances, default=None), matches))
    return artists
