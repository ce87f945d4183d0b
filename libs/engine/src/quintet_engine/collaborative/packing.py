"""Packs tokens, playlists and taste into the arrays that compiled code reads."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.catalogue import Catalogue, entries_of
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.kernel.layout import (
    ALBUM_TITLE,
    ARTIST_POPULARITY,
    ARTIST_TRACKS,
    FIRST_YEAR,
    NAMED_ARTIST,
    NO_YEAR,
    RANK_IN_ARTIST,
    SHAPED,
    SOUND_LENGTH,
    YEAR,
    Learned,
    Listed,
    Lists,
    Pool,
    Tracks,
    Weighted,
    WordLists,
    fixed,
    narrow,
)


def learned_arrays(tokens: Tokens, space: PlaylistSpace, taste: Taste) -> Learned:
    """Pack what was learned from playlists; see `layout.Learned`."""
    # Words are numbered by how many playlists have them, see `layout.Listed`.
    order = by_length(space.rows["word"])
    numbers = np.empty(len(order), np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    words = Lists(tokens.word_lists.starts, fixed(numbers[tokens.word_lists.members], np.int32))
    return Learned(
        sound=_sound(tokens, space),
        names=fixed(np.column_stack((tokens.artist, tokens.album)), np.int32),
        clusters=fixed(tokens.clusters, np.int16),
        shares=fixed(tokens.shares, np.float32),
        words=words,
        word_scale=fixed(tokens.word_scale, np.float32),
        rarity=fixed(tokens.rarity[order], np.float32),
        holders=lists_of(space.holders),
        artists=_artists(tokens, space),
        albums=fixed(tokens.album_facts, np.float32),
        by_artist=_weighted(space.rows["artist"]),
        by_album=_weighted(space.rows["album"]),
        by_word=_weighted(space.rows["word"][order]),
        by_year=_weighted(space.rows["year"]),
        by_cluster=_weighted(space.rows["audio"]),
        taste=taste.pages,
        taste_starts=taste.starts,
        whitening=fixed(tokens.whitening, np.float32),
        regression=fixed(taste.regression, np.float32),
        triangle=fixed(taste.triangle, np.float32),
    )


def listed_arrays(space: PlaylistSpace, learned: Learned) -> Listed:
    """Pack the tracks and artists on playlists; see `layout.Listed`."""
    rows = by_length(space.holders)
    rows = rows[np.diff(space.holders.indptr)[rows] > 0]
    artists = by_length(space.rows["artist"])
    artists = artists[np.diff(space.rows["artist"].indptr)[artists] > 0]
    return Listed(
        fixed(rows, np.int32),
        lists_of(space.holders[rows]),
        fixed(artists, np.int32),
        _weighted(space.rows["artist"][artists]),
        fixed(learned.artists[artists, ARTIST_POPULARITY], np.float32),
    )


def pool_arrays(pool: ContentPool, tracks: Tracks, learned: Learned) -> Pool:
    """Pack the content pool; see `layout.Pool`."""
    sizes = np.diff(learned.words.starts)[pool.rows]
    order = np.argsort(sizes, kind="stable")
    rows = pool.rows[order]
    starts = np.concatenate(([0], np.cumsum(sizes[order])))
    words = learned.words.members[entries_of(learned.words.starts, rows)[0]]
    width = narrow(len(learned.rarity))
    return Pool(
        fixed(rows, np.int32),
        fixed(pool.popularity[order], np.float32),
        fixed(_year_places(tracks.audio[rows, YEAR]), np.int16),
        fixed(learned.clusters[rows], np.int16),
        fixed(learned.shares[rows], np.float32),
        Lists(fixed(starts, np.int32), fixed(words, width)),
        fixed(learned.word_scale[rows], np.float32),
    )


def word_lists(by_word: Weighted, playlists: int) -> WordLists:
    """Pack the playlists of each word; see `layout.WordLists`.

    Args:
        by_word: `Learned.by_word`.
        playlists: How many playlists there are.
    """
    least = np.full(playlists, np.inf, np.float32)
    np.minimum.at(least, by_word.members, by_word.values)
    is_least = by_word.values == least[by_word.members]
    starts = np.concatenate(([0], np.cumsum(is_least)))[by_word.starts]
    least[np.isinf(least)] = 0  # a playlist without words
    plain = fixed(by_word.members[is_least], narrow(playlists))
    return WordLists(
        fixed(least, np.float32),
        Lists(fixed(starts, np.int32), plain),
        Weighted(
            fixed(by_word.starts - starts, np.int32),
            fixed(by_word.members[~is_least], np.int32),
            fixed(by_word.values[~is_least], np.float32),
        ),
    )


def _year_places(year: NDArray[np.float32]) -> NDArray[np.int64]:
    """Do as `numeric.year_place`, without the compiler."""
    base = np.nan_to_num(np.maximum(year, FIRST_YEAR), nan=FIRST_YEAR + NO_YEAR) - FIRST_YEAR
    return np.asarray(np.minimum(base, NO_YEAR), np.int64)


def by_length(matrix: sp.csr_matrix) -> NDArray[np.int64]:
    """Order the rows of a sparse matrix by their number of entries, equal ones by number."""
    return np.argsort(np.diff(matrix.indptr), kind="stable").astype(np.int64)


def _sound(tokens: Tokens, space: PlaylistSpace) -> NDArray[np.float32]:
    columns = (tokens.shaped, tokens.lengths, tokens.rank, space.counts)
    return fixed(np.column_stack(columns), np.float32)


def _artists(tokens: Tokens, space: PlaylistSpace) -> NDArray[np.float32]:
    known = np.column_stack((space.artist_entries, space.artist_playlists, space.artist_squares))
    known = np.vstack((known, np.zeros((1, known.shape[1]), np.float32)))
    return fixed(np.column_stack((tokens.artist_sound, known, tokens.artist_facts)), np.float32)


def lists_of(matrix: sp.csr_matrix) -> Lists:
    """Take the members of the rows of a sparse matrix of ones."""
    return Lists(fixed(matrix.indptr, np.int32), fixed(matrix.indices, np.int32))


def _weighted(matrix: sp.csr_matrix) -> Weighted:
    parts: tuple[Any, ...] = (matrix.indptr, matrix.indices, matrix.data)
    dtypes = (np.int32, np.int32, np.float32)
    return Weighted(*(fixed(part, dtype) for part, dtype in zip(parts, dtypes, strict=True)))


def tokens_of(learned: Learned, catalogue: Catalogue) -> Tokens:
    """Make the tokens of packed arrays, which stay where they are."""
    return Tokens(
        shaped=learned.sound[:, :SHAPED],
        whitening=learned.whitening,
        lengths=learned.sound[:, SOUND_LENGTH],
        artist=learned.names[:, NAMED_ARTIST],
        artist_sound=learned.artists[:, :SHAPED],
        artists=catalogue.track_artists,
        album=learned.names[:, ALBUM_TITLE],
        clusters=learned.clusters,
        shares=learned.shares,
        cluster_count=len(learned.by_cluster.starts) - 1,
        year=catalogue.year,
        popularity=catalogue.known_popularity,
        word_lists=learned.words,
        rarity=learned.rarity,
        word_scale=learned.word_scale,
        rank=learned.sound[:, RANK_IN_ARTIST],
        artist_facts=learned.artists[:, [ARTIST_TRACKS, ARTIST_POPULARITY]],
        album_facts=learned.albums,
    )
