"""Tokens of tracks: artist, album title, words, year and kind of sound, as sparse matrices.

Playlists are compared by their tokens, and tracks that no playlist holds get a place by them. A
token is one thing that tracks have in common. Nothing here reads a playlist or a genre.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Self

import faiss as _faiss
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, Encoded, key_angle, normalise_rows
from quintet_text.normal_form import normalise

from quintet_engine.catalogue import Catalogue, Groups, Mask, Rows, Weights, by_number, entries_of
from quintet_engine.computed_rows import ComputedRows, Select
from quintet_engine.kernel.layout import FIRST_YEAR, REACH, YEARS, Lists, fixed

faiss: Any = _faiss
Numbers = NDArray[np.int32]

KINDS: Final = ("artist", "album", "word", "year", "audio")
"""The kinds of tokens besides the track itself."""
POPULARITY: Final = "popularity"
"""A kind of token of the taste space alone: playlists are not compared by it."""
SHAPED: Final = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
    "mode",
)
"""The attributes of `Tokens.shaped`, in order; two coordinates of the key follow."""
# Attributes with a long tail get a logarithm; this is added first, so that near-zero values do not
# become outliers.
_LOGGED: Final = {
    "instrumentalness": 1e-3,
    "speechiness": 0.02,
    "acousticness": 1e-2,
    "liveness": 1e-2,
}
# Standard deviations beyond which a score says nothing more.
_CLIP: Final = 4.0
# Kinds of sound: so many clusters, or fewer for a small catalogue; each track is in three of them.
_SOUNDS: Final = 200
_TRACKS_PER_SOUND: Final = 20
_NEAREST_SOUNDS: Final = 3
# Popularity is 0..100: tokens for 0, 10 … 100. Each track has those near its popularity, by a
# normal curve of this standard deviation; values below the least one are left out.
_POPULARITY_STEP: Final = 10.0
_POPULARITY_SPREAD: Final = 15.0
_LEAST_POPULARITY: Final = 0.1
# Words of fewer tracks are noise; words of more than this share of all tracks say nothing.
_LEAST_WORD_TRACKS: Final = 4
_MOST_WORD_SHARE: Final = 0.2
# An artist's mean is shrunk towards the catalogue's as if two average tracks were added.
_PRIOR_TRACKS: Final = 2.0
_WORD: Final = re.compile(r"\W+")


@dataclass(frozen=True)
class Tokens:
    """Tokens and catalogue-only statistics; n tracks, a artists, b album titles, w words.

    Attributes:
        shaped: float32 (n, 13), z-scores of `SHAPED` (skewed ones on a logarithm) and the key.
        whitening: float32 (14, 13), maps `shaped` to `sound`: factors, then a constant.
        lengths: float32 (n,), of the rows of `sound`.
        artist: int32 (n,), the first artist, a if unknown.
        artist_sound: float32 (a + 1, 13), unit, each artist's mean of `shaped`, shrunk.
        artists: The artists of each track, guests included.
        album: int32 (n,), the album title, b if unknown.
        clusters: int16 (n, 3), kinds of sound; of a track that was not analysed, its artist's.
        shares: float32 (n, 3), the share of each, 0 where a track has fewer.
        cluster_count: How many kinds of sound there are.
        year: float32 (n,), NaN if unknown.
        popularity: float32 (n,), 0..100, NaN if unknown.
        word_lists: The words of each track.
        rarity: float32 (w,), the words' inverse document frequency.
        word_scale: float32 (n,), one over the length of each track's tf-idf row.
        rank: float32 (n,), see `FACTS`.
        artist_facts: float32 (a + 1, 2), tracks, and greatest popularity.
        album_facts: float32 (b + 1, 2), tracks, and artists.
    """

    shaped: Encoded
    whitening: Encoded
    lengths: Weights
    artist: Numbers
    artist_sound: Encoded
    artists: Groups
    album: Numbers
    clusters: NDArray[np.int16]
    shares: Weights
    cluster_count: int
    year: Weights
    popularity: Weights
    word_lists: Lists
    rarity: Weights
    word_scale: Weights
    rank: Weights
    artist_facts: Weights
    album_facts: Weights

    @classmethod
    def of(cls, catalogue: Catalogue, seed: int) -> Self:
        """Compute the tokens of a catalogue; the same each time for a random seed."""
        shaped = shape_audio(catalogue)
        count = len(catalogue.artist_names)
        artist = np.where(catalogue.first_artist >= 0, catalogue.first_artist, count)
        analysed = catalogue.analysed
        titles = catalogue.snapshot.tracks.column("title").to_pylist()
        albums = catalogue.snapshot.tracks.column("album").to_pylist()
        album, album_count = _album_titles(albums)
        words = _words(titles, albums)
        rarity, word_scale = rarity_of(words)
        clusters, shares, cluster_count = _sounds(shaped[:, : len(SHAPED)], seed, analysed)
        if analysed is not None:
            clusters, shares = _with_artists_sounds(clusters, shares, artist, count, analysed)
        whitening = _whitening(shaped, artist, analysed)
        sound = np.einsum("ij,jk->ik", shaped, whitening[:-1]) + whitening[-1]
        lengths = np.linalg.norm(sound, axis=1)
        if analysed is not None:
            lengths[~analysed] = 0.0
        return cls(
            shaped,
            whitening,
            lengths.astype(np.float32),
            artist.astype(np.int32),
            _artist_sound(shaped, artist, count, analysed),
            catalogue.track_artists,
            album,
            clusters,
            shares,
            cluster_count,
            catalogue.year,
            catalogue.known_popularity,
            Lists(fixed(words.indptr, np.int32), fixed(words.indices, np.int32)),
            rarity,
            word_scale,
            *_facts(catalogue, artist, count, album, album_count),
        )

    # The functions below hold arrays and not the tokens: a cycle of references would keep a model
    # in memory that was replaced.
    @cached_property
    def sound(self) -> ComputedRows:
        """`shaped` whitened by its scatter within artists, float32 (n, 13).

        What varies within one artist counts little, as in linear discriminant analysis.
        """
        shaped, factors, constant = self.shaped, self.whitening[:-1], self.whitening[-1]
        lengths = self.lengths

        def compute(rows: Select) -> NDArray[np.float32]:
            known = lengths[rows][:, None] > 0  # a track that was not analysed has no sound
            # Not by BLAS, whose sums depend on how many rows and threads there are: a track's sound
            # must be the same in training and in each request.
            whitened = np.einsum("ij,jk->ik", shaped[rows], factors)
            return np.where(known, whitened + constant, np.float32(0))

        return ComputedRows(shaped.shape, compute)

    @cached_property
    def sound_units(self) -> ComputedRows:
        """`sound` with rows of unit length; a zero row stays zero."""
        lengths, sound = self.lengths, self.sound

        def compute(rows: Select) -> NDArray[np.float32]:
            length = lengths[rows][:, None]
            return np.where(length > 0, sound[rows] / np.maximum(length, 1e-30), np.float32(0))

        return ComputedRows(self.shaped.shape, compute)

    @cached_property
    def facts(self) -> ComputedRows:
        """Columns as `FACTS`, float32 (n, 5)."""
        artists, albums, rank = self.artist, self.album, self.rank
        of_artists, of_albums = self.artist_facts, self.album_facts

        def compute(rows: Select) -> NDArray[np.float32]:
            artist, album = of_artists[artists[rows]], of_albums[albums[rows]]
            return np.column_stack((artist[:, 0], rank[rows], artist[:, 1], album))

        return ComputedRows((len(artists), len(FACTS)), compute)

    def tokens_of(self, kind: str, rows: Rows) -> sp.csr_matrix:
        """Compute the tokens of a kind of some rows, sparse float32 (k, tokens of that kind)."""
        if kind == "artist":
            return _ones(self.artists.arrays, rows, self.unknown_artist)
        if kind == "album":
            return _one_hot(self.album[rows], self.unknown_album)
        if kind == "word":
            return _ones(self.word_lists, rows, len(self.rarity))
        if kind == "year":
            return _years(self.year[rows])
        if kind == POPULARITY:
            return _popularities(self.popularity[rows])
        return _clustered(self.clusters[rows], self.shares[rows], self.cluster_count)

    def words_of(self, rows: Rows) -> sp.csr_matrix:
        """Compute the words of some rows, tf-idf, unit rows, sparse float32 (k, w)."""
        words = self.tokens_of("word", rows)
        scale = np.repeat(self.word_scale[rows], np.diff(words.indptr))
        words.data = self.rarity[words.indices] * scale
        return words

    @cached_property
    def kinds(self) -> dict[str, sp.csr_matrix]:
        """The tokens of all tracks by kind, for training."""
        rows = np.arange(len(self.artist))
        return {kind: self.tokens_of(kind, rows) for kind in (*KINDS, POPULARITY)}

    @cached_property
    def artist_popularity(self) -> Weights:
        """The greatest popularity of each first artist's tracks, 0..100, float32 (a + 1,)."""
        return self.artist_facts[:, 1]

    @cached_property
    def artist_tracks(self) -> Groups:
        """Rows of which each artist is the first, ascending; none for one who is only a guest."""
        count = self.unknown_artist
        return by_number(np.where(self.artist < count, self.artist, -1), count)

    @cached_property
    def album_tracks(self) -> Groups:
        """Rows of each album title, ascending."""
        count = self.unknown_album
        return by_number(np.where(self.album < count, self.album, -1), count)

    @property
    def unknown_album(self) -> int:
        """The album number that stands for no title."""
        return len(self.album_facts) - 1

    @property
    def unknown_artist(self) -> int:
        """The artist number that stands for no artist."""
        return len(self.artist_sound) - 1


FACTS: Final = (
    "artist_tracks",
    "artist_popularity_rank",
    "artist_popularity",
    "album_tracks",
    "album_artists",
)
"""How many tracks the first artist has; this track's rank among them by popularity; their greatest
popularity; how many tracks have the same album title, and how many artists those have."""


def shape_audio(catalogue: Catalogue) -> Encoded:
    """Compute clipped z-scores of `SHAPED` and two coordinates of the key, float32 (n, 13).

    A missing attribute is at the mean, 0; so is all of a track that was not analysed.
    """
    columns = np.stack([catalogue.columns[:, COLUMN[name]] for name in SHAPED], axis=1)
    for name, floor in _LOGGED.items():
        place = SHAPED.index(name)
        columns[:, place] = np.log10(np.maximum(columns[:, place], 0) + floor)
    # Durations below a second and loudness below -30 dB are silence or errors.
    duration, loudness = SHAPED.index("duration_ms"), SHAPED.index("loudness")
    columns[:, duration] = np.log(np.maximum(columns[:, duration], 1_000))
    columns[:, loudness] = np.maximum(columns[:, loudness], -30)
    missing = np.isnan(columns)
    if missing.any():
        scores = np.stack([_scores_of_known(column) for column in columns.T], axis=1)
    else:
        scores = (columns - columns.mean(axis=0)) / (columns.std(axis=0) + 1e-9)
    key = np.nan_to_num(catalogue.columns[:, COLUMN["key"]], nan=-1.0)
    known = (key >= 0).astype(np.float64)
    angle = key_angle(key)
    circle = np.stack((np.cos(angle) * known, np.sin(angle) * known), axis=1)
    shaped = np.asarray(np.clip(np.hstack((scores, circle)), -_CLIP, _CLIP), np.float32)
    if catalogue.analysed is not None:
        shaped[~catalogue.analysed] = 0.0
    return shaped


def _scores_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute standard scores of the known values of a column, 0 for the others."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values))
    scores = (values - known.mean()) / (known.std() + 1e-9)
    return np.where(np.isnan(scores), 0.0, scores)


def _whitening(shaped: Encoded, artist: NDArray[Any], analysed: Mask | None) -> Encoded:
    """Find the map to units of the spread within artists, every artist weighing the same.

    Tracks that were not analysed count for nothing.
    """
    if analysed is not None:
        if not analysed.any():
            return np.zeros((shaped.shape[1] + 1, shaped.shape[1]), np.float32)
        return _whitening(shaped[analysed], artist[analysed], None)
    count = int(artist.max()) + 1
    sizes = np.bincount(artist, minlength=count).astype(np.float64)
    centres = _sums(shaped, artist, count) / np.maximum(sizes, 1)[:, None]
    inside = sizes[artist] > 1
    # Each track's artist's number of tracks: dividing by it makes artists weigh the same.
    own = sizes[artist][inside]
    if len(own) < 500:  # too few to estimate 13 · 14 / 2 = 91 covariances from
        whitening = np.eye(shaped.shape[1])
        return np.vstack((whitening, -shaped.mean(axis=0))).astype(np.float32)
    gaps = (shaped - centres[artist])[inside] / np.sqrt(own - 1)[:, None]
    scatter = gaps.T @ gaps / (1.0 / own).sum() + 0.05 * np.eye(shaped.shape[1])
    # Plus 5 % of the identity: a direction that never varies must not become infinitely important.
    values, vectors = np.linalg.eigh(scatter)
    whitening = vectors / np.sqrt(values)
    return np.vstack((whitening, -shaped.mean(axis=0) @ whitening)).astype(np.float32)


def _sums(values: NDArray[Any], group: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Sum the rows of each group, column by column, float64 (count, d)."""
    return np.stack(
        [np.bincount(group, weights=column, minlength=count) for column in values.T], axis=1
    )


def _artist_sound(
    shaped: Encoded, artist: NDArray[Any], count: int, analysed: Mask | None
) -> Encoded:
    """Average `shaped` of analysed tracks per artist, shrunk by `_PRIOR_TRACKS`, as unit rows."""
    if analysed is not None:
        shaped, artist = shaped[analysed], artist[analysed]
        if not len(shaped):
            return np.zeros((count + 1, shaped.shape[1]), np.float32)
    sizes = np.bincount(artist, minlength=count + 1)[:, None]
    sums = _sums(shaped, artist, count + 1) + _PRIOR_TRACKS * shaped.mean(axis=0)
    return normalise_rows((sums / (sizes + _PRIOR_TRACKS)).astype(np.float32))


def _one_hot(numbers: Numbers, count: int) -> sp.csr_matrix:
    """Turn one token per track into a sparse matrix; a track without one gets an empty row."""
    rows = np.flatnonzero(numbers < count)
    ones = np.ones(len(rows), np.float32)
    return sp.csr_matrix((ones, (rows, numbers[rows])), shape=(len(numbers), count))


def _ones(lists: Lists, rows: Rows, count: int) -> sp.csr_matrix:
    """Turn the members of some lists into a sparse matrix of ones, (k, count)."""
    places, _, sizes = entries_of(lists.starts, rows)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    ones = np.ones(len(places), np.float32)
    matrix = sp.csr_matrix((ones, lists.members[places], starts), shape=(len(rows), count))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _clustered(clusters: NDArray[np.int16], shares: Weights, count: int) -> sp.csr_matrix:
    """Turn kinds of sound into a sparse matrix, (k, count)."""
    rows, columns = np.nonzero(shares)
    parts = (shares[rows, columns], (rows, clusters[rows, columns].astype(np.int32)))
    return sp.csr_matrix(parts, shape=(len(shares), count))


def _album_titles(albums: list[str]) -> tuple[Numbers, int]:
    """Assign numbers to album titles; a compilation has one number, with any artists."""
    numbers: dict[str, int] = {}
    plain = cache(normalise)
    known = [numbers.setdefault(plain(a), len(numbers)) if a else -1 for a in albums]
    count = len(numbers)
    return np.array([count if number < 0 else number for number in known], np.int32), count


def _words(titles: list[str], albums: list[str]) -> sp.csr_matrix:
    """Record the words in title and album; rare and very common words are left out.

    Each word is a token of the track, and one of its title ("t:") or its album ("a:").
    """
    of_album, of_title = cache(_words_of), _words_of
    numbers: dict[str, int] = {}
    members: list[int] = []
    starts = [0]
    for title, album in zip(titles, albums, strict=True):
        in_title, in_album = of_title(title), of_album(album)
        names = {f"t:{w}" for w in in_title} | {f"a:{w}" for w in in_album} | in_title | in_album
        members.extend(numbers.setdefault(name, len(numbers)) for name in sorted(names))
        starts.append(len(members))
    ones = np.ones(len(members), np.float32)
    matrix = sp.csr_matrix((ones, members, starts), shape=(len(titles), len(numbers)))
    used = np.asarray(matrix.sum(axis=0)).ravel()
    kept = (used >= _LEAST_WORD_TRACKS) & (used < _MOST_WORD_SHARE * len(titles))
    return matrix[:, np.flatnonzero(kept)].tocsr()


def _words_of(text: str) -> frozenset[str]:
    """Split a text into words, and add its script as a word if it is not Latin."""
    words = {word for word in _WORD.split(normalise(text)) if word}
    for char in "" if text.isascii() else text:
        name = unicodedata.name(char, "LATIN").partition(" ")[0]
        if char.isalpha() and name != "LATIN":
            words.add(f"#{name}")
            break
    return frozenset(words)


def rarity_of(words: sp.csr_matrix) -> tuple[Weights, Weights]:
    """Weight words by the logarithm of their rarity (inverse document frequency).

    Returns:
        The weights, float32 (w,), and one over the length of each track's row, float32 (n,).
    """
    used = np.asarray(words.sum(axis=0)).ravel()
    weight = np.log(words.shape[0] / (1.0 + used)).astype(np.float32)
    lengths = np.sqrt(np.asarray(words @ np.square(weight.astype(np.float64))).ravel())
    return weight, (1.0 / np.maximum(lengths, 1e-9)).astype(np.float32)


def _popularities(popularity: Weights) -> sp.csr_matrix:
    """Turn popularity into tokens, each track with those near its own; none if it is unknown."""
    centres = np.arange(0, 100 + _POPULARITY_STEP, _POPULARITY_STEP, dtype=np.float32)
    gaps = (popularity[:, None] - centres) / np.float32(_POPULARITY_SPREAD)
    values = np.exp(np.float32(-0.5) * gaps * gaps)
    # A comparison with NaN is false, so an unknown popularity gets no token.
    return sp.csr_matrix(np.where(values >= _LEAST_POPULARITY, values, np.float32(0)))


def _years(year: Weights) -> sp.csr_matrix:
    """Turn release years into tokens, each spread over the years around it."""
    known = np.isfinite(year)
    base = np.where(known, np.clip(year, FIRST_YEAR, None) - FIRST_YEAR, 0).astype(np.int64)
    rows, columns, values = [], [], []
    for offset, value in REACH:
        place = base + offset
        inside = np.flatnonzero(known & (place >= 0) & (place < YEARS))
        rows.append(inside)
        columns.append(place[inside])
        values.append(np.full(len(inside), value, np.float32))
    parts = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sp.csr_matrix(parts, shape=(len(year), YEARS))


def _sounds(
    shaped: Encoded, seed: int, analysed: Mask | None
) -> tuple[NDArray[np.int16], Weights, int]:
    """Compute each track's three nearest k-means clusters of sound, and its share in each.

    Tracks that were not analysed are of no kind: their shares are 0.

    Returns:
        Clusters int16 (n, 3), shares float32 (n, 3), and how many clusters there are.
    """
    if analysed is not None:
        return _sounds_of_some(shaped, seed, analysed)
    # One thread: with more, sums are added in varying order, and clusters are not reproducible.
    faiss.omp_set_num_threads(1)
    vectors = np.ascontiguousarray(shaped)
    count = int(np.clip(len(vectors) // _TRACKS_PER_SOUND, 1, _SOUNDS))
    means = faiss.Kmeans(
        vectors.shape[1], count, niter=15, seed=seed, min_points_per_centroid=1, verbose=False
    )
    means.train(vectors)
    nearest = min(_NEAREST_SOUNDS, count)
    distances, clusters = means.index.search(vectors, nearest)
    # FAISS returns squared distances: this is a Gaussian of unit variance around each cluster.
    shares = np.exp(-(distances - distances[:, :1]) / 2.0)
    shares /= shares.sum(axis=1, keepdims=True)
    # A small catalogue may have fewer than three: the missing ones have a share of 0.
    padding = ((0, 0), (0, _NEAREST_SOUNDS - nearest))
    padded = np.pad(clusters, padding).astype(np.int16)
    return padded, np.pad(shares, padding).astype(np.float32), count


def _sounds_of_some(
    shaped: Encoded, seed: int, analysed: Mask
) -> tuple[NDArray[np.int16], Weights, int]:
    """Compute `_sounds` of the analysed tracks, with shares of 0 for the others."""
    clusters = np.zeros((len(shaped), _NEAREST_SOUNDS), np.int16)
    shares = np.zeros((len(shaped), _NEAREST_SOUNDS), np.float32)
    count = 1
    if analysed.any():
        clusters[analysed], shares[analysed], count = _sounds(shaped[analysed], seed, None)
    return clusters, shares, count


def _with_artists_sounds(
    clusters: NDArray[np.int16],
    shares: Weights,
    artist: NDArray[Any],
    count: int,
    analysed: Mask,
) -> tuple[NDArray[np.int16], Weights]:
    """Give tracks that were not analysed the kinds of sound that their artist has most.

    Without any, such a track would be unlike every analysed one in the taste space, whatever else
    they have in common. A track stays without if nothing of its artist was analysed.

    Args:
        clusters: int16 (n, 3), of analysed tracks.
        shares: float32 (n, 3), 0 for the others.
        artist: (n,), first artists, `count` if unknown.
        count: How many artists there are.
        analysed: bool (n,).
    """
    known = analysed & (artist < count)
    width = shares.shape[1]
    owners, kinds = np.repeat(artist[known], width), clusters[known].ravel()
    total = sp.coo_matrix(
        (shares[known].ravel(), (owners, kinds)), shape=(count + 1, int(clusters.max()) + 1)
    ).tocsr()
    rows = np.repeat(np.arange(count + 1), np.diff(total.indptr))
    # The greatest first within each artist, ties by the kind's number.
    order = np.lexsort((total.indices, -total.data, rows))
    place = np.arange(len(order)) - total.indptr[rows]
    kept = order[place < width]
    own_kinds = np.zeros((count + 1, width), np.int16)
    own_shares = np.zeros((count + 1, width), np.float32)
    at = (rows[place < width], place[place < width])
    own_kinds[at], own_shares[at] = total.indices[kept], total.data[kept]
    own_shares /= np.maximum(own_shares.sum(axis=1, keepdims=True), np.float32(1e-9))
    bare = ~analysed[:, None]
    return (
        np.where(bare, own_kinds[artist], clusters).astype(np.int16),
        np.where(bare, own_shares[artist], shares).astype(np.float32),
    )


def _facts(
    catalogue: Catalogue, artist: NDArray[Any], count: int, album: Numbers, album_count: int
) -> tuple[Weights, Weights, Weights]:
    """Compute `FACTS`: float32 (n,) by track, (a + 1, 2) by artist, (b + 1, 2) by album."""
    popularity = catalogue.popularity
    sizes = np.bincount(artist, minlength=count + 1)
    greatest = np.zeros(count + 1)
    np.maximum.at(greatest, artist, popularity)
    order = np.lexsort((-popularity, artist))
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(artist))
    rank[order] = np.arange(len(artist)) - np.repeat(starts, sizes)
    albums = np.bincount(album, minlength=album_count + 1)
    pairs = np.unique(album.astype(np.int64) * (count + 1) + artist)
    artists = np.bincount((pairs // (count + 1)).astype(np.int64), minlength=album_count + 1)
    # Tracks without an album title are not one album, nor those without an artist one artist.
    sizes[count], albums[album_count], artists[album_count] = 1, 1, 1
    of_artists, of_albums = np.column_stack((sizes, greatest)), np.column_stack((albums, artists))
    narrow = (each.astype(np.float32) for each in (rank, of_artists, of_albums))
    by_track, by_artist, by_album = narrow
    return by_track, by_artist, by_album
