"""The packed arrays of a collaborative model in a bundle, and the checks before they are used.

Compiled code uses the numbers in these files as places in other arrays, so each is checked once,
when a bundle is loaded: types, shapes, and that every number lies within what it points into.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, numbers_fit, save_arrays, starts_fit
from quintet_engine.collaborative.taste import Taste
from quintet_engine.kernel.layout import (
    ALBUM_TITLE,
    NAMED_ARTIST,
    SHAPED,
    YEARS,
    Learned,
    Lists,
    Weighted,
    fixed,
)

LAYOUT: Final = 2
"""Raised whenever arrays change their meaning; a bundle of another layout is rejected."""
Array = NDArray[Any]
_PARTS: Final[Mapping[Any, type[Any]]] = {Lists: Lists, Weighted: Weighted}
_DTYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("starts", "members", "names", "taste_places"), np.int32),
    "clusters": np.int16,
    "taste": np.uint16,
}
"""Of arrays, and of parts of lists; float32 by default."""
# In files, places in the taste space are rows of a table.
_OF_TASTE: Final = ("taste", "taste_starts")


class PlaylistArrays(NamedTuple):
    """What a model holds of p playlists besides `Learned`.

    Attributes:
        lengths: float32 (p,), tracks in each.
        alphas: float32 (6,), the weight of each kind of token in their kernel.
        inverse: float32 (p · (p + 1) / 2,), see `PlaylistSpace.triangle`.
    """

    lengths: Array
    alphas: Array
    inverse: Array


def save_learned(folder: Path, learned: Learned, playlists: PlaylistArrays) -> None:
    """Write `<name>.npy` for each array, and `<name>.<part>.npy` for the parts of lists."""
    taste = Taste(learned.taste, learned.taste_starts, learned.regression).places
    save_arrays(
        folder,
        {
            **dict(_flat(learned)),
            **playlists._asdict(),
            "taste": taste.view(np.uint16),
            "taste_places": np.arange(len(taste), dtype=np.int32),
        },
    )


def _flat(learned: Learned) -> Iterator[tuple[str, Array]]:
    for name, value in learned._asdict().items():
        if name in _OF_TASTE:
            continue
        if isinstance(value, Lists | Weighted):
            for part, array in value._asdict().items():
                yield f"{name}.{part}", array
        else:
            yield name, value


def load_learned(
    folder: Path, tracks: int, artists: int, inputs: int
) -> tuple[Learned, PlaylistArrays]:
    """Map and check what `save_learned` wrote.

    Args:
        folder: The folder it was written to.
        tracks: How many tracks the catalogue has.
        artists: How many artists it has.
        inputs: How many inputs the taste regression has.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged or does not fit the others; the message names the array.
    """
    fields: dict[str, Any] = {}
    for name, kind in Learned.__annotations__.items():
        if name in _OF_TASTE:
            continue
        parts = _PARTS.get(kind)
        if parts is None:
            fields[name] = _load(folder, name, name)
        else:
            members = (_load(folder, f"{name}.{part}", part) for part in parts._fields)
            fields[name] = parts(*members)
    taste, starts = _load_taste(folder, tracks)
    learned = Learned(**fields, taste=taste, taste_starts=starts)
    playlists = PlaylistArrays(*(_load(folder, name, name) for name in PlaylistArrays._fields))
    check_learned(learned, playlists, tracks, artists, inputs)
    return learned, playlists


def check_learned(
    learned: Learned, playlists: PlaylistArrays, tracks: int, artists: int, inputs: int
) -> None:
    """Check that all arrays fit each other, and a catalogue of so many tracks and artists.

    Raises:
        ValueError: One does not; the message names it.
    """
    if len(np.atleast_1d(learned.artists)) != artists + 1:
        raise ValueError(f"the collaborative model's artists are not the catalogue's {artists:,}")
    _check_shapes(learned, playlists, tracks, inputs)
    _check_numbers(learned, len(playlists.lengths))


def saved_holders(folder: Path) -> sp.csr_matrix:
    """Map which playlist holds which track, sparse float32 (n, p), from saved arrays.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged or does not fit the others.
    """
    starts, members = (_load(folder, f"holders.{part}", part) for part in Lists._fields)
    playlists = len(_load(folder, "lengths", "lengths"))
    if not (starts_fit(starts, len(members)) and numbers_fit(members, playlists)):
        raise ValueError(f"the collaborative model's holders point beyond {playlists} playlists")
    ones = np.ones(len(members), np.float32)
    return sp.csr_matrix((ones, members, starts), shape=(len(starts) - 1, playlists))


def _load(folder: Path, file: str, name: str) -> Array:
    array = load_array(folder, file)
    dtype = np.dtype(_DTYPES.get(name, np.float32))
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(f"the model's {file} holds {array.dtype} instead of {dtype}, row by row")
    return fixed(array, dtype)


def _load_taste(folder: Path, tracks: int) -> tuple[Array, Array]:
    """Map the places in the taste space: their bytes, and where each starts."""
    taste, places = (_load(folder, name, name) for name in ("taste", "taste_places"))
    if taste.ndim != 2 or len(taste) != tracks or places.shape != (tracks,):
        raise ValueError(f"the collaborative model's taste is not of {tracks} tracks")
    if not numbers_fit(places, tracks):
        raise ValueError(f"the collaborative model's places in taste point beyond {tracks}")
    starts = places.astype(np.int64) * (2 * taste.shape[1])
    return taste.reshape(-1).view(np.uint8), fixed(starts, np.int64)


def _check_shapes(learned: Learned, playlists: PlaylistArrays, tracks: int, inputs: int) -> None:
    """Check that all arrays are of the same tracks, playlists, artists, albums and words.

    Raises:
        ValueError: One is not.
    """
    count, words, dimensions = (
        len(array) if array.ndim == 1 else -1
        for array in (playlists.lengths, learned.rarity, np.atleast_2d(learned.regression)[0])
    )
    artists, albums = len(np.atleast_1d(learned.artists)), len(np.atleast_1d(learned.albums))
    clusters = len(np.atleast_1d(learned.by_cluster.starts)) - 1
    wanted: dict[str, tuple[Array, tuple[int, ...]]] = {
        "sound": (learned.sound, (tracks, 16)),
        "names": (learned.names, (tracks, 2)),
        "clusters": (learned.clusters, (tracks, 3)),
        "shares": (learned.shares, (tracks, 3)),
        "word_scale": (learned.word_scale, (tracks,)),
        "rarity": (learned.rarity, (words,)),
        "artists": (learned.artists, (artists, 18)),
        "albums": (learned.albums, (albums, 2)),
        "taste": (learned.taste, (2 * tracks * dimensions,)),
        "taste_starts": (learned.taste_starts, (tracks,)),
        "whitening": (learned.whitening, (SHAPED + 1, SHAPED)),
        "regression": (learned.regression, (inputs, dimensions)),
        "triangle": (learned.triangle, (learned.triangle.shape[0], inputs)),
        "lengths": (playlists.lengths, (count,)),
        "alphas": (playlists.alphas, (6,)),
        "inverse": (playlists.inverse, (count * (count + 1) // 2,)),
        "words": (learned.words.starts, (tracks + 1,)),
        "holders": (learned.holders.starts, (tracks + 1,)),
        "by_artist": (learned.by_artist.starts, (artists,)),
        "by_album": (learned.by_album.starts, (albums,)),
        "by_word": (learned.by_word.starts, (words + 1,)),
        "by_year": (learned.by_year.starts, (YEARS + 1,)),
        "by_cluster": (learned.by_cluster.starts, (clusters + 1,)),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(f"the collaborative model's {name} is {array.shape}, not {shape}")


def _check_numbers(learned: Learned, playlists: int) -> None:
    """Check that every number in lists and tables lies within what it points into.

    Raises:
        ValueError: One does not.
    """
    lists: dict[str, tuple[Lists | Weighted, int]] = {
        "words": (learned.words, len(learned.rarity)),
        "holders": (learned.holders, playlists),
    }
    for name in ("by_artist", "by_album", "by_word", "by_year", "by_cluster"):
        lists[name] = (getattr(learned, name), playlists)
    for name, (each, limit) in lists.items():
        values = getattr(each, "values", each.members)
        if each.members.ndim != 1 or values.shape != each.members.shape:
            raise ValueError(f"the collaborative model's {name} has parts of different lengths")
        if not (starts_fit(each.starts, len(each.members)) and numbers_fit(each.members, limit)):
            raise ValueError(f"the collaborative model's {name} points beyond its {limit} members")
    numbers: dict[str, tuple[Array, int]] = {
        # A number one beyond the last artist or album stands for an unknown one.
        "artists of tracks": (learned.names[:, NAMED_ARTIST], len(learned.artists)),
        "albums of tracks": (learned.names[:, ALBUM_TITLE], len(learned.albums)),
        "kinds of sound": (learned.clusters, len(learned.by_cluster.starts) - 1),
    }
    for name, (array, limit) in numbers.items():
        if not numbers_fit(array, limit):
            raise ValueError(f"the collaborative model's {name} point beyond {limit}")
