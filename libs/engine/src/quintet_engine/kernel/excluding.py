"""Finds the tracks that are surely the same as others: releases and versions."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import RECORDING, SONG, Lists, Numbers, Tracks
from quintet_engine.kernel.signatures import LISTS, TRACKS, reads, tuple_of, writes


@inlined
def _shares_artist(artists: Any, row: Any, other: Any) -> Any:
    for each in range(artists.starts[row], artists.starts[row + 1]):
        for place in range(artists.starts[other], artists.starts[other + 1]):
            if artists.members[each] == artists.members[place]:
                return True
    return False


@compiled(
    tuple_of(writes(np.int64), writes(np.uint8))(
        *(TRACKS, LISTS, LISTS, reads(np.int16)),
        *(reads(np.int32), reads(np.int32), types.int64),
    )
)
def releases_and_versions(
    tracks: Tracks,
    recordings: Lists,
    songs: Lists,
    version: NDArray[np.int16],
    released: Numbers,
    originals: Numbers,
    copies: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """List all releases of some rows and the sure versions of others, see `exclusions`.

    Args:
        tracks: The catalogue.
        recordings: Rows of each recording.
        songs: Rows of each song.
        version: int16 (n,), flags of each row.
        released: int32, rows whose recordings are listed.
        originals: int32 (k,), rows whose versions are listed.
        copies: The flags of which one makes a row a copy.

    Returns:
        Rows in any order, some of them twice; uint8 (k,), 1 for an original of whose song some
        tracks are not listed.
    """
    size = 0
    for row in released:
        recording = tracks.numbers[row, RECORDING]
        size += recordings.starts[recording + 1] - recordings.starts[recording]
    for row in originals:
        song = tracks.numbers[row, SONG]
        if song >= 0:
            size += songs.starts[song + 1] - songs.starts[song]
    found, unsure, count = np.empty(size, np.int64), np.zeros(len(originals), np.uint8), 0
    for row in released:
        recording = tracks.numbers[row, RECORDING]
        for each in range(recordings.starts[recording], recordings.starts[recording + 1]):
            found[count] = recordings.members[each]
            count += 1
    for place in range(len(originals)):
        row = originals[place]
        song = tracks.numbers[row, SONG]
        if song < 0:
            continue
        is_copy = version[row] & copies
        for each in range(songs.starts[song], songs.starts[song + 1]):
            other = songs.members[each]
            if is_copy or version[other] & copies or _shares_artist(tracks.artists, row, other):
                found[count] = other
                count += 1
            else:
                unsure[place] = 1
    return found[:count], unsure
