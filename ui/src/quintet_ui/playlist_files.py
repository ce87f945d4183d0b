"""The list as playlist files: CSV for transfer services, JSPF, and M3U8 of files on this disk."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import quintet_playlists
from quintet_client.models import RankedTrack
from quintet_playlists import Entry

from quintet_ui.reasons import sentence_of
from quintet_ui.tracks import byline
from quintet_ui.translations import Translations

COLUMNS: Final = (
    "rank", "track_id", "title", "artist", "album", "release_date", "duration_ms", "isrc",
    "score", "similarity", "url", "why",
)  # fmt: skip


_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_MOST_NAME: Final = 80
_DASH: Final = " \u2013 "


def file_name(title: str, kind: str) -> str:
    """Make the name of a file from a title: without signs that a file system forbids."""
    stem = _line(_FORBIDDEN.sub(" ", title))[:_MOST_NAME].strip(" .")
    return f"{stem or 'quintet'}.{kind}"


def m3u8_of(title: str, tracks: Sequence[RankedTrack], paths: Mapping[str, str]) -> bytes:
    """Write an extended M3U playlist in UTF-8, of the tracks that have a file.

    Args:
        title: Of the playlist.
        tracks: The list.
        paths: Paths of files by track id; a player plays nothing else.
    """
    own = (ranked for ranked in tracks if ranked.track.id in paths)
    entries = (replace(_entry(each), location=paths[each.track.id]) for each in own)
    return quintet_playlists.m3u8_of(title, entries)


def csv_of(tracks: Sequence[RankedTrack], texts: Translations) -> bytes:
    """Write a table in UTF-8 with a byte-order mark, so that spreadsheets read it as UTF-8."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for ranked in tracks:
        track = ranked.track
        table.writerow(
            _cell(value)
            for value in (
                ranked.rank, track.id, track.title, byline(track), track.album,
                track.release_date, track.duration_ms, track.isrc,
                _number(ranked.score), _number(ranked.similarity), track.external_url,
                sentence_of(ranked, texts),
            )
        )  # fmt: skip
    return text.getvalue().encode("utf-8-sig")


def jspf_of(
    title: str,
    tracks: Sequence[RankedTrack],
    texts: Translations,
    recordings: Mapping[str, str] | None = None,
) -> bytes:
    """Write a JSPF playlist, with the reasons as annotations.

    Args:
        title: Of the playlist.
        tracks: The list.
        texts: In the language of the reasons.
        recordings: MusicBrainz ids of recordings by track id.
    """
    known = recordings or {}
    entries = (
        replace(
            _entry(ranked),
            note=sentence_of(ranked, texts),
            recording_mbid=known.get(ranked.track.id, ""),
        )
        for ranked in tracks
    )
    return quintet_playlists.jspf_of(title, entries)


def lines_of(tracks: Sequence[RankedTrack]) -> str:
    """Write a line of artist and title for each track, as services for transfers read text."""
    return "\n".join(
        _DASH.join(filter(None, (_line(byline(each.track)), _line(each.track.title))))
        or each.track.id
        for each in tracks
    )


def _entry(ranked: RankedTrack) -> Entry:
    track = ranked.track
    return Entry(
        track.title,
        byline(track),
        _line(_address(ranked)),
        track.album,
        track.duration_ms,
        track.isrc,
    )


def _address(ranked: RankedTrack) -> str:
    track = ranked.track
    return track.external_url or track.preview_url or f"quintet:track:{track.id}"


def _number(value: float | None) -> str:
    """Write a number for a cell; an unknown one leaves it empty."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(value: object) -> object:
    """Escape a cell so that no spreadsheet runs it as a formula; numbers stay numbers."""
    # These characters begin a formula; a quote makes it text (OWASP, CSV injection).
    if isinstance(value, str) and value[:1] in {"=", "+", "@", "\t", "\r"}:
        return f"'{value}"
    if isinstance(value, str) and value.startswith("-") and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
