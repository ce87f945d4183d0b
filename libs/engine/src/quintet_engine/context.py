"""A query prepared for channels and features: seeds resolved, profile made, filters as a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import (
    AudioProfile,
    Encoded,
    Raw,
    average_profile,
    raw_mean,
    raw_means,
    tracks_to_average,
)

from quintet_engine.catalogue import Catalogue, Mask, Rows, Weights
from quintet_engine.collaborative.affinity import Affinity
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.exclusions import allowed_rows
from quintet_engine.query import Query, Seed, SeedKind, SeedUnknown
from quintet_engine.seed_view import NO_ROWS, SeedView
from quintet_engine.vectors import Hits, VectorIndex


@dataclass(frozen=True)
class Context:
    """A query prepared once and read by every channel and feature builder.

    Attributes:
        query: The query.
        catalogue: The catalogue searched.
        index: The audio index over it.
        seeds: The seeds, s of them.
        negatives: The negative seeds.
        shares: float32 (s,), the seeds' weights, summing to one.
        profile: The audio profile.
        vector: float32 (14,), unit, to search by.
        seed_vectors: float32 (s, 14), unit, attribute weights applied, one per seed.
        negative_vectors: float32 (k, 14), likewise.
        seed_raw: float64 (s, 14), raw attributes of each seed (means for artists and genres).
        seeds_mean: float64 (14,), their weighted mean, circular for key, targets not applied.
        allowed: bool (n,), the rows that may be returned.
        artist_weight: float32 (artists,), the share of seeds by each artist.
        album_weight: float32 (albums,), the share of seeds from each album.
        genre_weight: float32 (genres,), the share of seeds of each genre.
        affinity: The seeds compared with the collaborative model; None for a model without
            playlists.
        negative_affinity: The negative seeds likewise; None without any.
    """

    query: Query
    catalogue: Catalogue
    index: VectorIndex
    seeds: tuple[SeedView, ...]
    negatives: tuple[SeedView, ...]
    shares: Weights
    profile: AudioProfile
    vector: Encoded
    seed_vectors: Encoded
    negative_vectors: Encoded
    seed_raw: Raw
    seeds_mean: Raw
    allowed: Mask
    artist_weight: Weights
    album_weight: Weights
    genre_weight: Weights
    affinity: Affinity | None = None
    negative_affinity: Affinity | None = None

    @cached_property
    def barred(self) -> int:
        """How many rows may not be returned."""
        return len(self.allowed) - int(np.count_nonzero(self.allowed))

    @property
    def trained_affinity(self) -> Affinity:
        """The affinity, for channels and features that only a trained model has."""
        assert self.affinity is not None, "only recipes of trained models may use this"
        return self.affinity

    @property
    def track_seeds(self) -> Rows:
        """Rows of the seeds that are tracks."""
        rows = [view.rows for view in self.seeds if view.seed.kind is SeedKind.TRACK]
        return np.concatenate([NO_ROWS, *rows])

    def nearest(self, most: int) -> Hits:
        """Search the allowed rows nearest to the profile."""
        return self.index.search(self.vector[None, :], most, self.allowed)[0]


def prepare(
    query: Query,
    catalogue: Catalogue,
    index: VectorIndex,
    model: CollaborativeModel | None = None,
) -> Context:
    """Resolve a checked query in a catalogue.

    Args:
        query: The query.
        catalogue: The catalogue searched.
        index: The audio index over it.
        model: What was learned from playlists, for a trained model.

    Raises:
        SeedUnknown: Seeds are not in the catalogue; all of them are named.
    """
    seeds = resolve(query.seeds, catalogue)
    negatives = resolve(query.negative_seeds, catalogue)
    features = catalogue.snapshot.features
    shares = np.array([view.seed.weight for view in seeds])
    shares = shares / shares.sum()
    groups = [features[view.rows] for view in seeds]
    profile = _profile(query, catalogue, seeds, negatives)
    return Context(
        query,
        catalogue,
        index,
        seeds,
        negatives,
        shares.astype(np.float32),
        profile,
        profile.query(),
        _vectors(seeds, catalogue, profile.weights),
        _vectors(negatives, catalogue, profile.weights),
        raw_means(groups),
        raw_mean(groups, shares),
        allowed_rows(query, seeds, negatives, catalogue),
        _shares_by_number([view.artists for view in seeds], shares, len(catalogue.artist_names)),
        _shares_by_number(
            [view.albums for view in seeds], shares, len(catalogue.album_tracks.starts)
        ),
        _shares_by_number([view.genres for view in seeds], shares, len(catalogue.genre_names)),
        _affinity(model, catalogue, seeds),
        _affinity(model, catalogue, negatives),
    )


def _affinity(
    model: CollaborativeModel | None, catalogue: Catalogue, views: Sequence[SeedView]
) -> Affinity | None:
    if model is None or not views:
        return None
    shares = np.array([view.seed.weight for view in views], dtype=np.float32)
    groups = [view.rows for view in views]
    return Affinity.of(model, catalogue, groups, shares / shares.sum())


def resolve(seeds: Sequence[Seed], catalogue: Catalogue) -> tuple[SeedView, ...]:
    """Look seeds up in a catalogue.

    Raises:
        SeedUnknown: Seeds are not in the catalogue; all of them are named.
    """
    views = [_resolve(seed, catalogue) for seed in seeds]
    unknown = [seed for seed, view in zip(seeds, views, strict=True) if view is None]
    if unknown:
        raise SeedUnknown(unknown)
    return tuple(view for view in views if view is not None)


def _resolve(seed: Seed, catalogue: Catalogue) -> SeedView | None:
    if seed.kind is SeedKind.TRACK:
        row = catalogue.snapshot.row_of.get(seed.name)
        if row is None:
            return None
        album = catalogue.album[row : row + 1].astype(np.int64)
        artists, genres = catalogue.track_artists.of(row), catalogue.track_genres.of(row)
        return SeedView(seed, np.array([row]), artists, album[album >= 0], genres)
    if seed.kind is SeedKind.ARTIST:
        artist = catalogue.artist_names.get(seed.name)
        if artist is None:
            return None
        rows = catalogue.artist_tracks.of(artist)
        genres = catalogue.track_genres.of_all(rows)
        return SeedView(seed, rows, np.array([artist]), NO_ROWS, genres)
    genre = catalogue.genre_number(seed.name)
    if genre is None:
        return None
    return SeedView(seed, catalogue.genre_tracks.of(genre), NO_ROWS, NO_ROWS, np.array([genre]))


def _profile(
    query: Query,
    catalogue: Catalogue,
    seeds: Sequence[SeedView],
    negatives: Sequence[SeedView],
) -> AudioProfile:
    """Use the profile that came with the query if it fits this catalogue, or average one."""
    standardiser, received = catalogue.snapshot.standardiser, query.profile
    # Another standardiser's profile has another scale: after a catalogue swap the profile service
    # may be one version behind.
    if received is not None and received.standardiser_version == standardiser.version:
        arrays = (received.mean, received.spread, received.weights)
        width = (catalogue.unit.shape[1],)
        if all(array.shape == width and np.isfinite(array).all() for array in arrays):
            return received
    return average_profile(
        standardiser,
        _averaged_features(seeds, catalogue),
        shares=[seed.weight for seed in query.seeds],
        negatives=_averaged_features(negatives, catalogue),
        weights=query.weights,
        targets=query.targets,
    )


def _averaged_features(views: Sequence[SeedView], catalogue: Catalogue) -> list[Raw]:
    features = catalogue.snapshot.features
    return [features[tracks_to_average(view.rows)] for view in views]


def _vectors(views: Sequence[SeedView], catalogue: Catalogue, weights: Encoded) -> Encoded:
    """Encode each seed as a unit vector, attribute weights applied, float32 (s, 14)."""
    means = [catalogue.encoded[view.rows].mean(axis=0) for view in views]
    stacked = np.stack(means) * weights if means else np.empty((0, len(weights)))
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(stacked / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def _shares_by_number(groups: Sequence[Rows], shares: NDArray[np.float64], count: int) -> Weights:
    """Sum the seeds' shares by artist, album or genre number, float32 (count,)."""
    weight = np.zeros(count, dtype=np.float32)
    for numbers, share in zip(groups, shares, strict=True):
        weight[numbers] += np.float32(share)
    return weight
