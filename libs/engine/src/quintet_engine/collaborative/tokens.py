"""Tokens of tracks: artist, album title, words, year and kind of sound, as sparse matrices.

Playlists are compared by their tokens, and tracks that no playlist holds get a place by them. A
token is one thing that tracks have in common. Nothing here reads a playlist or a genre.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, Self

import faiss as _faiss
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, Encoded, key_angle, normalise_rows
from quintet_text.normal_form import normalise

from quintet_engine.arrays import load_array, load_matrix, save_arrays, unit_rows
from quintet_engine.catalogue import Catalogue, Groups, Mask, Weights, by_number
from quintet_engine.kernel.layout import FIRST_YEAR, REACH, YEARS

faiss: Any = _faiss
Numbers = NDArray[np.int32]

KINDS: Final = ("artist", "album", "word", "year", "audio")
"""The kinds of tokens besides the track itself."""
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
# Words of fewer tracks are noise; words of more than this share of all tracks say nothing.
_LEAST_WORD_TRACKS: Final = 4
_MOST_WORD_SHARE: Final = 0.2
# An artist's mean is shrunk towards the catalogue's as if two average tracks were added.
_PRIOR_TRACKS: Final = 2.0
_WORD: Final = re.compile(r"\W+")


@dataclass(frozen=True)
class Tokens:
    """Tokens and catalogue-only statistics; n tracks, a artists, b album titles.

    Attributes:
        shaped: float32 (n, 13), z-scores of `SHAPED` (skewed ones on a logarithm) and the key.
        sound: float32 (n, 13), `shaped` whitened by its scatter within artists, so that what varies
            within one artist counts little (as in linear discriminant analysis).
        sound_units: `sound` with rows of unit length.
        artist: int32 (n,), the first artist, a if unknown.
        artist_sound: float32 (a + 1, 13), unit, each artist's mean of `shaped`, shrunk.
        album: int32 (n,), the album title, b if unknown.
        kinds: For each of `KINDS` a sparse float32 (n, tokens of that kind).
        words: sparse float32 (n, words), tf-idf, unit rows.
        facts: float32 (n, 5), columns as `FACTS`.
    """

    shaped: Encoded
    sound: Encoded
    sound_units: Encoded
    artist: Numbers
    artist_sound: Encoded
    album: Numbers
    kinds: dict[str, sp.csr_matrix]
    words: sp.csr_matrix
    facts: Weights

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
        word = _words(titles, albums)
        kinds = {
            "artist": _artists(catalogue),
            "album": _one_hot(album, album_count),
            "word": word,
            "year": _years(catalogue.year),
            "audio": _sounds(shaped[:, : len(SHAPED)], seed, analysed),
        }
        sound = _whitened(shaped, artist, analysed)
        return cls(
            shaped,
            sound,
            normalise_rows(sound),
            artist.astype(np.int32),
            _artist_sound(shaped, artist, count, analysed),
            album,
            kinds,
            _tf_idf(word),
            _facts(catalogue, artist, count, album, album_count),
        )

    def save(self, folder: Path) -> None:
        """Write the tokens into a folder."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        matrices = {f"kind.{name}": matrix for name, matrix in self.kinds.items()}
        save_arrays(folder, {**arrays, **matrices, "words": self.words})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map tokens that `save` wrote.

        Raises:
            OSError, ValueError: A file is missing or damaged.
        """
        kept = [name for name in _ARRAYS if name != _UNITS or (folder / f"{name}.npy").exists()]
        arrays = {name: load_array(folder, name) for name in kept}
        if _UNITS not in arrays:  # a bundle published before they were saved
            arrays[_UNITS] = normalise_rows(arrays["sound"])
        kinds = {name: load_matrix(folder, f"kind.{name}") for name in KINDS}
        return cls(**arrays, kinds=kinds, words=load_matrix(folder, "words"))

    @cached_property
    def artist_popularity(self) -> Weights:
        """The greatest popularity of each first artist's tracks, 0..100, float32 (a + 1,)."""
        greatest = np.zeros(len(self.artist_sound), np.float32)
        greatest[self.artist] = self.facts[:, FACTS.index("artist_popularity")]
        return greatest

    @cached_property
    def artist_tracks(self) -> Groups:
        """Rows of each first artist, ascending."""
        return by_number(np.where(self.artist < self.unknown_artist, self.artist, -1))

    @cached_property
    def album_tracks(self) -> Groups:
        """Rows of each album title, ascending."""
        return by_number(np.where(self.album < self.unknown_album, self.album, -1))

    @property
    def unknown_album(self) -> int:
        """The album number that stands for no title."""
        return int(self.kinds["album"].shape[1])

    @property
    def unknown_artist(self) -> int:
        """The artist number that stands for no artist."""
        return len(self.artist_sound) - 1


_UNITS: Final = "sound_units"
_ARRAYS: Final = ("shaped", "sound", _UNITS, "artist", "artist_sound", "album", "facts")
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


def _whitened(shaped: Encoded, artist: NDArray[Any], analysed: Mask | None) -> Encoded:
    """Express `shaped` in units of its spread within artists, every artist weighing the same.

    Tracks that were not analysed count for nothing and get the zero vector.
    """
    if analysed is not None:
        sound = np.zeros_like(shaped)
        if analysed.any():
            sound[analysed] = _whitened(shaped[analysed], artist[analysed], None)
        return sound
    count = int(artist.max()) + 1
    sizes = np.bincount(artist, minlength=count).astype(np.float64)
    centres = _sums(shaped, artist, count) / np.maximum(sizes, 1)[:, None]
    inside = sizes[artist] > 1
    # Each track's artist's number of tracks: dividing by it makes artists weigh the same.
    own = sizes[artist][inside]
    if len(own) < 500:  # too few to estimate 13 · 14 / 2 = 91 covariances from
        return np.asarray(shaped - shaped.mean(axis=0), dtype=np.float32)
    gaps = (shaped - centres[artist])[inside] / np.sqrt(own - 1)[:, None]
    scatter = gaps.T @ gaps / (1.0 / own).sum() + 0.05 * np.eye(shaped.shape[1])
    # Plus 5 % of the identity: a direction that never varies must not become infinitely important.
    values, vectors = np.linalg.eigh(scatter)
    whitening = vectors / np.sqrt(values)
    return np.asarray((shaped - shaped.mean(axis=0)) @ whitening, dtype=np.float32)


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


def _artists(catalogue: Catalogue) -> sp.csr_matrix:
    """Turn all artists of each track, guests included, into a sparse matrix of ones."""
    groups = catalogue.track_artists
    shape = (len(catalogue), len(catalogue.artist_names))
    ones = np.ones(len(groups.members), np.float32)
    # Copied: `sum_duplicates` sorts in place, and the catalogue's first artist must stay first.
    matrix = sp.csr_matrix((ones, groups.members, groups.starts), shape=shape, copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


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


def _tf_idf(words: sp.csr_matrix) -> sp.csr_matrix:
    """Weight words by the logarithm of their rarity (inverse document frequency), unit rows."""
    used = np.asarray(words.sum(axis=0)).ravel()
    weight = np.log(words.shape[0] / (1.0 + used)).astype(np.float32)
    return unit_rows(words.multiply(weight[None, :]).tocsr())


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


def _sounds(shaped: Encoded, seed: int, analysed: Mask | None) -> sp.csr_matrix:
    """Compute each track's share in its three nearest k-means clusters of sound.

    Tracks that were not analysed are of no kind: their rows are empty.
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
    starts = np.arange(0, nearest * len(vectors) + 1, nearest)
    parts = (shares.ravel().astype(np.float32), clusters.ravel(), starts)
    return sp.csr_matrix(parts, shape=(len(vectors), count))


def _sounds_of_some(shaped: Encoded, seed: int, analysed: Mask) -> sp.csr_matrix:
    """Compute `_sounds` of the analysed tracks, with empty rows for the others."""
    if not analysed.any():
        return sp.csr_matrix((len(shaped), 1), dtype=np.float32)
    found = _sounds(shaped[analysed], seed, None)
    sizes = np.zeros(len(shaped), np.int64)
    sizes[analysed] = np.diff(found.indptr)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    shape = (len(shaped), found.shape[1])
    return sp.csr_matrix((found.data, found.indices, starts), shape=shape)


def _facts(
    catalogue: Catalogue, artist: NDArray[Any], count: int, album: Numbers, album_count: int
) -> Weights:
    """Compute `FACTS` of each track, float32 (n, 5)."""
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
    columns = (sizes[artist], rank, greatest[artist], albums[album], artists[album])
    return np.stack(columns, axis=1).astype(np.float32)
