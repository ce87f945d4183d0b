"""Reads the arrays of bundles that were published before they were packed (layout 1)."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, load_matrix, numbers_fit
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative.files import PlaylistArrays, check_learned
from quintet_engine.collaborative.packing import learned_arrays, lists_of
from quintet_engine.collaborative.space import ALL_KINDS, PlaylistSpace, packed
from quintet_engine.collaborative.taste import INPUTS, Taste
from quintet_engine.collaborative.tokens import KINDS, Tokens, rarity_of
from quintet_engine.kernel.layout import Learned, fixed

# Rows that a linear map between two 13-dimensional spaces is fitted on: enough for every digit.
_FITTED = 4096
_CLUSTERS = 3


def load_unpacked(folder: Path, catalogue: Catalogue) -> tuple[Learned, PlaylistArrays]:
    """Read and pack the arrays of layout 1; some seconds for a million tracks.

    Raises:
        OSError, ValueError: A file is missing, damaged, or does not fit the others.
    """
    space = _space(folder / "playlists")
    taste = Taste.of_places(
        load_array(folder / "taste", "places"), load_array(folder / "taste", "regression")
    )
    lengths = fixed(space.lengths, np.float32)
    playlists = PlaylistArrays(lengths, space.alphas, space.triangle)
    try:
        learned = learned_arrays(_tokens(folder / "tokens", catalogue), space, taste)
    except IndexError as fault:
        raise ValueError("the parts of the collaborative model do not fit each other") from fault
    artists = len(catalogue.artist_names)
    check_learned(learned, playlists, len(catalogue), artists, INPUTS)
    return learned, playlists


def load_unpacked_holders(folder: Path) -> sp.csr_matrix:
    """Map which playlist holds which track, sparse float32 (n, p).

    Raises:
        OSError, ValueError: A file is missing or damaged.
    """
    return load_matrix(folder / "playlists", "holders")


def _space(folder: Path) -> PlaylistSpace:
    return PlaylistSpace(
        load_matrix(folder, "holders"),
        {kind: load_matrix(folder, f"rows.{kind}") for kind in KINDS},
        load_array(folder, "counts"),
        load_array(folder, "artist_entries"),
        load_array(folder, "artist_playlists"),
        load_array(folder, "lengths"),
        packed(load_array(folder, "inverse")),
        dict(zip(ALL_KINDS, load_array(folder, "weights").tolist(), strict=True)),
    )


def _tokens(folder: Path, catalogue: Catalogue) -> Tokens:
    names = ("shaped", "sound", "artist", "artist_sound", "album", "facts")
    arrays = {name: load_array(folder, name) for name in names}
    words, audio = load_matrix(folder, "kind.word"), load_matrix(folder, "kind.audio")
    albums = load_matrix(folder, "kind.album").shape[1]
    artist, album, facts = arrays["artist"], arrays["album"], arrays["facts"]
    artists = len(arrays["artist_sound"]) - 1
    if not (numbers_fit(artist, artists + 1) and numbers_fit(album, albums + 1)):
        raise ValueError("the collaborative model names artists or albums that do not exist")
    of_artists, of_albums = np.zeros((artists + 1, 2)), np.zeros((albums + 1, 2))
    # Tracks without a title or an artist are not one album, nor those of one artist.
    of_artists[artists, 0], of_albums[albums] = 1, 1
    of_artists[artist], of_albums[album] = facts[:, [0, 2]], facts[:, [3, 4]]
    clusters, shares = _clusters(audio)
    return Tokens(
        arrays["shaped"],
        _whitening(arrays["shaped"], arrays["sound"]),
        np.linalg.norm(arrays["sound"], axis=1).astype(np.float32),
        artist,
        arrays["artist_sound"],
        catalogue.track_artists,
        album,
        clusters,
        shares,
        audio.shape[1],
        catalogue.year,
        catalogue.known_popularity,
        lists_of(words),
        *rarity_of(words),
        facts[:, 1],
        of_artists.astype(np.float32),
        of_albums.astype(np.float32),
    )


def _whitening(shaped: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the affine map from `Tokens.shaped` to `Tokens.sound`, float32 (14, 13).

    It holds for tracks that were analysed; the others have a sound of length 0.
    """
    analysed = np.flatnonzero(sound.any(axis=1))
    if not len(analysed):
        return np.zeros((shaped.shape[1] + 1, sound.shape[1]), np.float32)
    places = np.linspace(0, len(analysed) - 1, min(_FITTED, len(analysed))).astype(np.int64)
    rows = analysed[places]
    inputs = np.column_stack((shaped[rows], np.ones(len(rows)))).astype(np.float64)
    return np.asarray(np.linalg.lstsq(inputs, sound[rows].astype(np.float64))[0], np.float32)


def _clusters(kinds: sp.csr_matrix) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Lay out the kinds of sound of each track, padded by shares of 0."""
    count, each = kinds.shape[0], np.diff(kinds.indptr)
    if len(each) and each.max() > _CLUSTERS:
        raise ValueError(f"a track of the collaborative model has over {_CLUSTERS} kinds of sound")
    clusters = np.zeros((count, _CLUSTERS), np.int16)
    shares = np.zeros((count, _CLUSTERS), np.float32)
    rows = np.repeat(np.arange(count), each)
    places = np.arange(len(rows)) - np.repeat(kinds.indptr[:-1], each)
    clusters[rows, places], shares[rows, places] = kinds.indices, kinds.data
    return clusters, shares
