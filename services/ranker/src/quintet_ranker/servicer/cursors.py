"""Write radio sessions as cursors and read them back.

A cursor is a RadioState with a checksum. It is not secret and grants nothing: an altered one would
only steer the caller's own session. So every value of it is bounded here, and the checksum detects
damage. The gateway signs what it returns.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from google.protobuf.message import DecodeError
from quintet.ranker.v1 import radio_pb2, ranker_pb2
from quintet_contract.limits import (
    DEFAULT_ARTIST_GAP,
    MAX_ARTIST_GAP,
    MAX_NAME,
    MAX_RADIO_TRACKS,
)
from quintet_engine.query import QueryInvalid, Seasonal, Variants
from quintet_engine.radio_session import MOST_MARKS, Mark, Session, check
from quintet_servicekit.errors import AppError, InvalidInput, Reason
from quintet_servicekit.messages import NUMBER_OF, VERSION_NUMBERS, seed_message, seed_of

from quintet_ranker.servicer.requests import SEASONAL, SONG_VARIANTS, filters_of

_CHECKSUM_BYTES: Final = 4


def session_of(options: radio_pb2.RadioOptions) -> Session:
    """Read the options of a session that starts; unset fields get their defaults.

    Raises:
        InvalidInput: An attribute is unknown or occurs twice.
    """
    return Session(
        tuple(seed_of(seed) for seed in options.seeds),
        filters_of(options.filters),
        options.artist_gap if options.HasField("artist_gap") else DEFAULT_ARTIST_GAP,
        SONG_VARIANTS.get(options.variants, Variants.EXCLUDE),
        SEASONAL.get(options.seasonal, Seasonal.EXCLUDE),
    )


def cursor_of(session: Session) -> bytes:
    """Write a session; equal sessions have equal cursors."""
    state = radio_pb2.RadioState(
        options=_options(session),
        played=session.played.tolist(),
        recent_track_ids=session.recent,
        likes=_marks(session.likes),
        finishes=_marks(session.finishes),
        skips=_marks(session.skips),
    )
    content = state.SerializeToString(deterministic=True)
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") + content


def read_cursor(cursor: bytes) -> Session:
    """Read a session.

    Raises:
        InvalidInput: It is not a cursor, is damaged, or has values that no session has.
    """
    checksum, content = cursor[:_CHECKSUM_BYTES], cursor[_CHECKSUM_BYTES:]
    if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        raise _invalid()
    try:
        state = radio_pb2.RadioState.FromString(content)
        session = Session(
            **vars(session_of(state.options))
            | {
                "played": np.array(state.played, np.uint32),
                "recent": tuple(state.recent_track_ids),
                "likes": _read_marks(state.likes),
                "finishes": _read_marks(state.finishes),
                "skips": _read_marks(state.skips),
            }
        )
        check(session)
    except (DecodeError, AppError, QueryInvalid) as fault:
        raise _invalid() from fault
    if not _is_bounded(session):
        raise _invalid()
    return session


def _invalid() -> InvalidInput:
    return InvalidInput(
        Reason.CURSOR_INVALID,
        "cursor must be the cursor of an answer, unaltered; start again from seeds",
        field="cursor",
    )


def _is_bounded(session: Session) -> bool:
    """Check what the parts of a session promise each other."""
    marks = (session.likes, session.finishes, session.skips)
    names = (*session.recent, *(mark.track_id for each in marks for mark in each))
    return (
        session.length <= MAX_RADIO_TRACKS
        and len(session.recent) <= min(MAX_ARTIST_GAP, session.length)
        and all(len(each) <= MOST_MARKS for each in marks)
        and all(mark.position <= session.length for each in marks for mark in each)
        and all(len(name) <= MAX_NAME for name in names)
    )


def _options(session: Session) -> radio_pb2.RadioOptions:
    filters = ranker_pb2.Filters(
        genres=session.filters.genres,
        explicit=session.filters.explicit,
        # Sets have no order, and equal sessions have equal cursors.
        excluded_track_ids=sorted(session.filters.excluded_tracks),
        excluded_artist_ids=sorted(session.filters.excluded_artists),
        sources=session.filters.sources,
        min_year=session.filters.years[0],
        max_year=session.filters.years[1],
        excluded_genres=session.filters.excluded_genres,
        artist_ids=session.filters.artists,
        excluded_versions=sorted(
            VERSION_NUMBERS[each] for each in session.filters.excluded_versions
        ),
    )
    for name, (low, high) in session.filters.ranges.items():
        filters.ranges.add(attribute=NUMBER_OF[name], min=low, max=high)
    allows = session.variants is Variants.ALLOW, session.seasonal is Seasonal.ALLOW
    return radio_pb2.RadioOptions(
        seeds=[seed_message(seed) for seed in session.seeds],
        filters=filters,
        artist_gap=session.artist_gap,
        variants=ranker_pb2.SONG_VARIANTS_ALLOW if allows[0] else ranker_pb2.SONG_VARIANTS_EXCLUDE,
        seasonal=(
            ranker_pb2.SEASONAL_SONGS_ALLOW if allows[1] else ranker_pb2.SEASONAL_SONGS_EXCLUDE
        ),
    )


def _marks(marks: Sequence[Mark]) -> list[radio_pb2.RadioMark]:
    return [radio_pb2.RadioMark(track_id=name, position=at) for name, at in marks]


def _read_marks(marks: Iterable[radio_pb2.RadioMark]) -> tuple[Mark, ...]:
    return tuple(Mark(mark.track_id, mark.position) for mark in marks)
