"""Playlists as JSON documents: Million Playlist Dataset, Spotify's account export, JSPF."""

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from quintet_text.track_ids import ISRC, RECORDING, normal_id, track_id_of

from quintet_training.datasets.chunks import Chunk, items_of
from quintet_training.datasets.columns import named_columns
from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.json_files import flattened, items_at, shape_of
from quintet_training.datasets.playlist_tables import NAMES
from quintet_training.datasets.tables import BATCH_ROWS, Refused

_TRACKS: Final = ("tracks", "items")
# Where playlists stand in JSPF: the specification's place, and those of ListenBrainz' exports.
JSPF_PREFIXES: Final = ("playlist", "item.playlist", "playlists.item.playlist", "")
_IN_TRACK: Final = ("position", "track_id", ISRC, RECORDING, "artist", "title", "added_at")
_MAX_SHOWN: Final = 1000
_MAX_NESTED: Final = 8
_AT: Final = "at"
_PLAIN: Final = frozenset((str, int, float, bool, type(None)))


def read_mpd(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read a slice of the Million Playlist Dataset track by track.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    return items_of(mpd_chunks(path, meter, how))


def read_spotify(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read the playlists of Spotify's account export; episodes of podcasts are passed over.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    return items_of(spotify_chunks(path, meter, how))


def mpd_chunks(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Chunk]:
    """Read a slice of the Million Playlist Dataset, some playlists in memory at a time.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    yield from _chunks(path, meter, how, "mpd")


def spotify_chunks(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Chunk]:
    """Read the playlists of Spotify's account export, as `read_spotify` does.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    yield from _chunks(path, meter, how, "spotify")


@dataclass(frozen=True)
class _Playlist:
    """Tracks of a playlist that wait to be put into columns.

    Attributes:
        first: Number of the first track in the file; the others follow.
        group: The playlist's id.
        name: Its name.
        places: The position of each track.
        tracks: The tracks.
        keys: The keys of all tracks if these are the same and no value has values inside.
    """

    first: int
    group: str
    name: object
    places: Sequence[int]
    tracks: Sequence[Any]
    keys: tuple[str, ...] | None

    def read(self, number: int) -> Item:
        """Read a track, by its number in the playlist."""
        place, track = self.places[number], self.tracks[number]
        return _track(self.first + number, self.group, self.name, place, track)


def _chunks(path: Path, meter: Meter, how: Reading, prefix: str) -> Iterator[Chunk]:
    waiting: list[_Playlist] = []
    number = count = 0
    for playlist, meter.share in items_at(path, "playlists.item", how.encoding):
        tracks = _tracks_of(playlist)
        known = playlist if tracks is not None else {}
        # `pid` numbers the playlists of the whole data set, over all slices.
        name = known.get("pid", known.get("name"))
        if tracks is None or name in (None, ""):
            yield _chunk(waiting)
            number, count, waiting = number + 1, 0, []
            yield Chunk([Refused(number, "playlist: without pid or tracks", _shown(playlist))])
            continue
        # Names are unique within a file only: another account has a "Favourites" as well.
        group = f"{prefix}:{name}" if "pid" in known else f"{prefix}:{path.stem}:{name}"
        places: Sequence[int] = range(len(tracks))
        keys = _common_keys(tracks)
        if keys is None or "track" in keys:
            places = [place for place in places if not _is_episode(tracks[place])]
            meter.passed_over += len(tracks) - len(places)
            tracks = [tracks[place] for place in places]
        waiting.append(_Playlist(number + 1, group, known.get("name"), places, tracks, keys))
        number, count = number + len(tracks), count + len(tracks)
        if count >= BATCH_ROWS:
            yield _chunk(waiting)
            count, waiting = 0, []
    yield _chunk(waiting)


def _shown(value: object) -> str:
    return str(value)[:_MAX_SHOWN]


def _chunk(playlists: list[_Playlist]) -> Chunk:
    """Put tracks into columns if they all have the same keys and plain values, as in the data set.

    Other tracks become items.
    """
    rows = _plain_rows(playlists)
    if rows is not None:
        firsts = list(itertools.accumulate((len(p.tracks) for p in playlists), initial=0))

        def read(row: Mapping[str, Any]) -> Item:
            number = bisect.bisect_right(firsts, row[_AT]) - 1
            return playlists[number].read(row[_AT] - firsts[number])

        return Chunk((), rows, read)
    return Chunk([p.read(number) for p in playlists for number in range(len(p.tracks))])


def _plain_rows(playlists: list[_Playlist]) -> pl.DataFrame | None:
    """Put tracks into columns; None if their keys differ or their values are of several types."""
    listed = [playlist for playlist in playlists if playlist.tracks]
    keys = listed[0].keys if listed else None
    if keys is None or any(p.keys is None or set(p.keys) != set(keys) for p in listed):
        return None
    tracks = [track for playlist in listed for track in playlist.tracks]
    named = _columns(keys)
    owners = np.repeat(np.arange(len(listed)), [len(playlist.tracks) for playlist in listed])
    try:
        rows = pl.DataFrame(
            {
                "playlist_id": pl.Series([playlist.group for playlist in listed])[owners],
                "playlist": pl.Series([p.name for p in listed], dtype=pl.String)[owners],
                # Overwritten by a position that the tracks have.
                "position": [place for playlist in listed for place in playlist.places],
                **{field: [track[key] for track in tracks] for field, key in named.items()},
                _AT: pl.int_range(len(tracks), eager=True),
            }
        )
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return None  # cells of several types, or no text
    return rows


def _common_keys(tracks: Sequence[Any]) -> tuple[str, ...] | None:
    """Give the keys of tracks that have the same ones, and plain values; None for others."""
    if not tracks or not isinstance(tracks[0], dict):
        return None
    keys = tracks[0].keys()
    for track in tracks:
        if not isinstance(track, dict) or track.keys() != keys:
            return None
        if not _PLAIN.issuperset(map(type, track.values())):
            return None
    return tuple(keys)


def _tracks_of(playlist: object) -> list[Any] | None:
    if not isinstance(playlist, dict):
        return None
    listed = (playlist.get(key) for key in _TRACKS)
    return next((tracks for tracks in listed if isinstance(tracks, list)), None)


def _is_episode(item: object) -> bool:
    """Check whether the account's export names no track here: an episode of a podcast."""
    if not isinstance(item, dict) or item.get("track", "") is not None:
        return False
    return not isinstance(item.get("localTrack"), dict)


def _track(number: int, group: str, name: object, place: int, item: object) -> Item:
    if not isinstance(item, dict):
        return Refused(number, "track: not an object", str(item)[:_MAX_SHOWN])
    inner = next(
        (item[key] for key in ("track", "localTrack") if isinstance(item.get(key), dict)), item
    )
    flat = flattened({**item, **inner} if inner is not item else item)
    columns = _columns(tuple(flat))
    values = {field: flat[column] for field, column in columns.items()}
    group_values = {"playlist_id": group, "playlist": name}
    return make_entry(number, {"position": place, **values, **group_values}, item)


@lru_cache(maxsize=1024)
def _columns(keys: tuple[str, ...]) -> dict[str, str]:
    """Map field to key, once for all tracks that have the same keys."""
    # Not the columns of playlists: "name" inside of a track is its title.
    names = {field: NAMES[field] for field in _IN_TRACK}
    return named_columns(keys, names | {"track_id": (*NAMES["track_id"], "uri")})


def read_jspf(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read JSPF playlists, one in memory at a time.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    shape = shape_of(path, how.encoding)
    prefix = next(
        (p for p in JSPF_PREFIXES if shape.has(f"{p}.track" if p else "track")), "playlist"
    )
    number = 0
    playlists = items_at(path, prefix, how.encoding)
    for count, (playlist, meter.share) in enumerate(playlists):
        tracks = playlist.get("track") if isinstance(playlist, dict) else None
        if not isinstance(tracks, list):
            continue
        title = playlist.get("title")
        name = title if isinstance(title, str) and title.strip() else path.stem
        # A file of one playlist gives it the file's name: titles may be repeated or missing.
        group = f"jspf:{path.stem}:{count}" if count else f"jspf:{path.stem}"
        for place, track in enumerate(tracks):
            number += 1
            yield _jspf_track(number, group, name, place, track)


def _jspf_track(number: int, group: str, name: str, place: int, track: object) -> Item:
    if not isinstance(track, dict):
        return Refused(number, "track: not an object", str(track)[:_MAX_SHOWN])
    found = addresses([*strings(track.get("identifier")), *strings(track.get("location"))])
    values = {
        "playlist_id": group,
        "playlist": name,
        "position": place,
        **found,
        "artist": track.get("creator"),
        "title": track.get("title"),
    }
    return make_entry(number, values, track)


def strings(value: object, depth: int = 0) -> list[str]:
    """Collect the texts of a value: JSPF has texts, lists of texts, and objects by name of site."""
    if isinstance(value, str):
        return [value]
    if depth > _MAX_NESTED:
        return []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in strings(each, depth + 1)]


def addresses(texts: list[str]) -> dict[str, str]:
    """Find track id, ISRC and MusicBrainz recording among addresses; a bare word is an id."""
    found: dict[str, str] = {}
    for address in (text.strip() for text in texts):
        if address.lower().startswith(("isrc:", "urn:isrc:")):
            found[ISRC] = address.rpartition(":")[2]
        elif "/" in address and (recording := normal_id(RECORDING, address)):
            # ListenBrainz and MusicBrainz Picard write these.
            found.setdefault(RECORDING, recording)
        elif (known := track_id_of(address)) != address or (
            address and not set(":/\\. ") & set(address)
        ):
            found.setdefault("track_id", known)
    return found
