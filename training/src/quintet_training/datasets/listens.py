"""What a history holds: listens and opinions, each on a track that it names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quintet_contract.limits import LEAST_PLAYED_MS
from quintet_text.track_ids import ISRC, RECORDING

from quintet_training.datasets.entries import Entry, Meter, make_entry
from quintet_training.datasets.sessions import seconds_of
from quintet_training.datasets.tables import Refused

# Fields that can name a track; one without any of them is no listen to a song.
_OF_TRACK: Final = ("track_id", ISRC, RECORDING, "artist", "title")
# An entry needs a playlist and a position; a session gives them later.
_PLACE: Final = {"playlist_id": "history", "playlist": "listening session", "position": 0}


@dataclass(frozen=True)
class Listen:
    """One thing that a listener did with a track.

    Attributes:
        entry: Names the track; playlist and position have no meaning.
        kind: One of `quintet_contract.limits.SIGNAL_KINDS`.
        at: Seconds since 1970; None for an opinion without a time.
        played_ms: Milliseconds heard; None if the history does not say.
        owner: The user that the row names; empty for none.
        count: Plays that a row without single times stands for.
    """

    entry: Entry
    kind: str
    at: int | None
    played_ms: int | None = None
    owner: str = ""
    count: int = 1


@dataclass(frozen=True)
class Ban:
    """An artist that a listener never wants."""

    artist: str


def make_listen(
    line: int,
    track: Mapping[str, Any],
    at: int | None,
    kind: str = "play",
    *,
    played_ms: int | None = None,
    owner: str = "",
    count: int = 1,
) -> Listen | Refused:
    """Make a listen of values, or reject the row with its reason; a short play becomes a skip.

    Args:
        line: Line, row or item, from 1.
        track: Fields of `Entry` that name the track.
        at: Seconds since 1970; None if unknown.
        kind: What was done.
        played_ms: Milliseconds heard; None if unknown.
        owner: The user; not written to the quarantine.
        count: Plays that the row stands for.
    """
    entry = make_entry(line, {**track, **_PLACE}, dict(track))
    if isinstance(entry, Refused):
        return entry
    if kind == "play" and played_ms is not None and played_ms < LEAST_PLAYED_MS:
        kind = "skip"
    return Listen(entry, kind, at, played_ms, owner, count)


def listens_of_rows(
    rows: Iterable[tuple[int, dict[str, Any]] | Refused], meter: Meter
) -> Iterator[Listen | Refused]:
    """Read rows of a table with a column of times; rows that name no track are passed over.

    Args:
        rows: (line, field to value), with `listened_at` and, if known, `played_ms` and `owner`.
        meter: Counts episodes of podcasts, as Spotify's extended history has them.
    """
    for row in rows:
        if isinstance(row, Refused):
            yield row
            continue
        line, values = row
        owner = str(values.pop("owner", None) or "").strip()
        played_ms = milliseconds_of(values.pop("played_ms", None))
        at = seconds_of(values.pop("listened_at"))
        if at is None:
            yield Refused(line, "listened_at: not a time", str(values))
        elif not any(str(values.get(name) or "").strip() for name in _OF_TRACK):
            meter.passed_over += 1
        else:
            yield make_listen(line, values, at, played_ms=played_ms, owner=owner)


def milliseconds_of(value: object) -> int | None:
    """Read a listening time; None for what is no number, so that the listen counts."""
    try:
        return None if value is None else int(float(str(value)))
    except (ValueError, OverflowError):
        return None
