"""Playlists as JSON documents: Million Playlist Dataset, Spotify's account export, JSPF."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from quintet_text.track_ids import ISRC, RECORDING, normal_id, track_id_of

from quintet_training.datasets.columns import named_columns
from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.json_files import flattened, items_at, shape_of
from quintet_training.datasets.playlist_tables import NAMES
from quintet_training.datasets.tables import Refused

_TRACKS: Final = ("tracks", "items")
# Where playlists stand in JSPF: the specification's place, and those of ListenBrainz' exports.
JSPF_PREFIXES: Final = ("playlist", "item.playlist", "playlists.item.playlist", "")
_IN_TRACK: Final = ("position", "track_id", ISRC, RECORDING, "artist", "title", "added_at")
_MAX_SHOWN: Final = 1000
_MAX_NESTED: Final = 8


def read_mpd(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read a slice of the Million Playlist Dataset, one playlist in memory at a time.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    yield from _playlists(path, meter, how, "mpd")


def read_spotify(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read the playlists of Spotify's account export; episodes of podcasts are passed over.

    Raises:
        DatasetInvalid: It is not well-formed JSON, or beyond its bounds.
    """
    yield from _playlists(path, meter, how, "spotify")


def _playlists(path: Path, meter: Meter, how: Reading, prefix: str) -> Iterator[Item]:
    number = 0
    for playlist, meter.share in items_at(path, "playlists.item", how.encoding):
        tracks = _tracks_of(playlist)
        known = playlist if tracks is not None else {}
        # `pid` numbers the playlists of the whole data set, over all slices.
        name = known.get("pid", known.get("name"))
        if tracks is None or name in (None, ""):
            number += 1
            yield Refused(number, "playlist: without pid or tracks", str(playlist)[:_MAX_SHOWN])
            continue
        # Names are unique within a file only: another account has a "Favourites" as well.
        group = f"{prefix}:{name}" if "pid" in known else f"{prefix}:{path.stem}:{name}"
        for place, track in enumerate(tracks):
            if isinstance(track, dict) and track.get("track", "") is None and _is_episode(track):
                meter.passed_over += 1
                continue
            number += 1
            yield _track(number, group, known.get("name"), place, track)


def _tracks_of(playlist: object) -> list[Any] | None:
    if not isinstance(playlist, dict):
        return None
    listed = (playlist.get(key) for key in _TRACKS)
    return next((tracks for tracks in listed if isinstance(tracks, list)), None)


def _is_episode(item: Mapping[str, Any]) -> bool:
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
