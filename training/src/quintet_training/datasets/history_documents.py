"""Histories as documents: Spotify's library, ListenBrainz' feedback, YouTube, iTunes."""

import json
import plistlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.parsers.expat import ExpatError

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import Meter, Reading
from quintet_training.datasets.json_files import items_at
from quintet_training.datasets.listens import Ban, Listen, make_listen
from quintet_training.datasets.playlist_events import listen_track, objects_of
from quintet_training.datasets.sessions import seconds_of
from quintet_training.datasets.tables import Refused

_MAX_PLIST: Final = 256 * 1024**2
"""Bytes of a Library.xml: some 200,000 songs; its parser keeps all of them in memory."""
# What YouTube writes around a title, by language.
_WATCHED: Final = (
    *(("Watched ", ""), ("Listened to ", ""), ("Vous avez regardé ", ""), ("Has visto ", "")),
    *(("Hai guardato ", ""), ("", " angesehen"), ("", " を視聴しました")),
    ("", "을(를) 시청했습니다."),
)
_TOPIC: Final = " - Topic"
# Parts of an iTunes library that are no songs.
_NO_SONG: Final = ("Podcast", "Movie", "TV Show", "Audiobook", "Music Video", "Has Video")
_LIBRARY: Final = {"tracks": "save", "bannedTracks": "dislike"}


def listens_of_spotify_library(
    path: Path, meter: Meter, how: Reading
) -> Iterator[Listen | Ban | Refused]:
    """Read the saved tracks, banned tracks and banned artists of Spotify's YourLibrary.json.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    number = 0
    for key, kind in _LIBRARY.items():
        for item, meter.share in items_at(path, f"{key}.item", how.encoding):
            number += 1
            if not isinstance(item, dict):
                yield Refused(number, f"{key}: not an object", str(item)[:1000])
                continue
            names = {"track_id": "uri", "artist": "artist", "title": "track"}
            track = {field: item.get(name) for field, name in names.items()}
            yield make_listen(number, track, None, kind)
    for item, meter.share in items_at(path, "bannedArtists.item", how.encoding):
        number += 1
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str) and name.strip():
            yield Ban(name.strip())
        else:
            yield Refused(number, "bannedArtists: without a name", str(item)[:1000])


def listens_of_listenbrainz_feedback(
    path: Path, meter: Meter, how: Reading
) -> Iterator[Listen | Refused]:
    """Read what a user of ListenBrainz loved (score 1) and hated (score -1).

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    for item in objects_of(path, meter, how, "score", "created"):
        if isinstance(item, Refused):
            yield item
            continue
        number, opinion = item
        opinion.pop("user_id", None)
        facts, score = opinion.get("track_metadata"), opinion.get("score")
        kind = {1: "like", -1: "dislike"}.get(score) if isinstance(score, int) else None
        if kind is None:
            meter.passed_over += 1
        elif isinstance(facts, dict):
            at = seconds_of(opinion.get("created"))
            yield make_listen(number, listen_track(facts), at, kind)
        else:
            yield Refused(number, "feedback: without track_metadata", json.dumps(opinion))


def listens_of_youtube(path: Path, meter: Meter, how: Reading) -> Iterator[Listen | Refused]:
    """Read the songs of YouTube's watch-history.json; other videos are passed over.

    Raises:
        DatasetInvalid: The file is damaged, beyond its bounds, or cannot be read.
    """
    for item in objects_of(path, meter, how, "title", "time"):
        if isinstance(item, Refused):
            yield item
            continue
        number, video = item
        channel = _channel(video)
        if video.get("header") != "YouTube Music" and not channel.endswith(_TOPIC):
            meter.passed_over += 1
            continue
        at = seconds_of(video.get("time"))
        if at is None:
            yield Refused(number, "time: not a time", json.dumps(video))
            continue
        track = {"artist": channel.removesuffix(_TOPIC), "title": _title(video.get("title"))}
        yield make_listen(number, track, at)


def _channel(video: Mapping[str, Any]) -> str:
    first = next(iter(video.get("subtitles") or ()), None)
    return str(first.get("name") or "") if isinstance(first, dict) else ""


def _title(value: object) -> str:
    text = str(value or "")
    for start, end in _WATCHED:
        if text.startswith(start) and text.endswith(end):
            return text[len(start) : len(text) - len(end)]
    return text


def listens_of_itunes(path: Path, meter: Meter, how: Reading) -> Iterator[Listen | Refused]:  # noqa: ARG001 - the signature of a reader
    """Read play counts, skip counts and loved tracks of an iTunes or Music Library.xml.

    Raises:
        DatasetInvalid: It is too large, damaged, or no library.
    """
    if path.stat().st_size > _MAX_PLIST:
        raise DatasetInvalid(f"{path}: more than {_MAX_PLIST:,} bytes")
    try:
        with path.open("rb") as stream:
            library = plistlib.load(stream, fmt=plistlib.FMT_XML)
    except (plistlib.InvalidFileException, ExpatError, ValueError, TypeError, KeyError,
            AttributeError, IndexError, OverflowError, RecursionError) as fault:  # fmt: skip
        raise DatasetInvalid(f"{path}: damaged or no library of iTunes") from fault
    tracks = library.get("Tracks") if isinstance(library, dict) else None
    if not isinstance(tracks, dict):
        raise DatasetInvalid(f"{path}: no library of iTunes: it has no Tracks")
    for number, track in enumerate(tracks.values(), 1):
        meter.share = number / len(tracks)
        if not isinstance(track, dict) or any(track.get(name) for name in _NO_SONG):
            meter.passed_over += 1
            continue
        yield from _itunes_track(number, track)


def _itunes_track(number: int, track: Mapping[str, Any]) -> Iterator[Listen | Refused]:
    names = {"artist": track.get("Artist"), "title": track.get("Name")}
    for kind, counted, when in (
        ("play", "Play Count", "Play Date UTC"),
        ("skip", "Skip Count", "Skip Date"),
    ):
        count, at = track.get(counted), _seconds(track.get(when))
        if isinstance(count, int) and 0 < count < 2**31 and at is not None:
            yield make_listen(number, names, at, kind, count=count)
    for kind, marks in (("like", ("Loved", "Favorited")), ("dislike", ("Disliked",))):
        if any(track.get(mark) is True for mark in marks):
            yield make_listen(number, names, _seconds(track.get("Date Added")), kind)


def _seconds(value: object) -> int | None:
    # A date of a property list is UTC without saying so.
    return int(value.replace(tzinfo=UTC).timestamp()) if isinstance(value, datetime) else None
