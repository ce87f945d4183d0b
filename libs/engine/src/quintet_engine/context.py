"""A query prepared for channels and features: seeds resolved, profile made, filters as a mask."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import (
    COLUMN,
    DIMENSIONS,
    LINEAR,
    AudioProfile,
    Encoded,
    Raw,
    average_profile,
    raw_mean,
    raw_means,
    tracks_to_average,
)

from quintet_engine.catalogue import Catalogue, Rows, Weights
from quintet_engine.collaborative.affinity import Affinity
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.exclusions import allowed_rows
from quintet_engine.kernel.layout import AudioQuery, Shares, fixed
from quintet_engine.listening import ListenerView
from quintet_engine.music import octave, wheel_places
from quintet_engine.query import Query, Seed, SeedKind, SeedUnknown
from quintet_engine.row_set import RowSet
from quintet_engine.seed_view import NO_ROWS, SeedView
from quintet_engine.vectors import EMPTY, Hits, VectorIndex

_LINEAR_COLUMNS: Final = [COLUMN[name] for name in LINEAR]


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
        allowed: The rows that may be returned.
        artists: The shares of seeds by artist.
        albums: By album.
        genres: By genre.
        affinity: The seeds compared with the collaborative model; None for a model without
            playlists.
        negative_affinity: The negative seeds likewise; None without any.
        listener: Who asks; None if the catalogue has no track of the query's preferences.
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
    allowed: RowSet
    artists: Shares
    albums: Shares
    genres: Shares
    affinity: Affinity | None = None
    negative_affinity: Affinity | None = None
    listener: ListenerView | None = None

    @cached_property
    def arrays(self) -> AudioQuery:
        """The query as compiled code reads it."""
        profile, seed_raw = self.profile, self.seed_raw
        explicit = _means_of_seeds(self.catalogue.explicit, self.seeds)
        rhythm = (wheel_places(seed_raw), octave(seed_raw[:, COLUMN["tempo"]]))
        mean = np.array(profile.mean)
        mean[: len(LINEAR)][np.isnan(profile.raw_mean[_LINEAR_COLUMNS])] = np.nan
        return AudioQuery(
            vector=fixed(self.vector, np.float32),
            mean=fixed(mean, np.float32),
            spread=fixed(profile.spread, np.float32),
            weights=fixed(profile.weights, np.float32),
            has_weights=bool((profile.weights != 1).any()),
            shares=fixed(self.shares, np.float32),
            seed_vectors=fixed(self.seed_vectors, np.float32),
            negative_vectors=fixed(self.negative_vectors, np.float32),
            seed_rhythm=fixed(np.column_stack(rhythm), np.float32),
            seed_years=fixed(_means_of_seeds(self.catalogue.year, self.seeds), np.float32),
            explicit=float(self.shares @ explicit),
            popularity=self.popularity,
            artists=self.artists,
            albums=self.albums,
            genres=self.genres,
            allowed=self.allowed.bits,
            allowed_count=self.allowed.count,
        )

    @cached_property
    def artist_weight(self) -> Weights:
        """The share of seeds by each artist, float32 (artists,)."""
        return _spread_out(self.artists, len(self.catalogue.artist_names))

    @cached_property
    def album_weight(self) -> Weights:
        """The share of seeds from each album, float32 (albums,)."""
        return _spread_out(self.albums, len(self.catalogue.album_tracks.starts))

    @cached_property
    def genre_weight(self) -> Weights:
        """The share of seeds of each genre, float32 (genres,)."""
        return _spread_out(self.genres, len(self.catalogue.genre_names))

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

    @cached_property
    def comparable(self) -> RowSet:
        """The allowed rows that have a direction: those that were analysed."""
        analysed = self.catalogue.analysed_rows
        return self.allowed if analysed is None else self.allowed & analysed

    @cached_property
    def popularity(self) -> float:
        """The mean popularity of the seeds of which it is known; NaN if it is of none."""
        mean = float(self.shares @ self.seed_raw[:, COLUMN["popularity"]])
        return float(self.seeds_mean[COLUMN["popularity"]]) if math.isnan(mean) else mean

    def nearest(self, most: int) -> Hits:
        """Search the comparable rows nearest to the profile; none if nothing is known of it."""
        if not self.vector.any():
            return EMPTY
        return self.index.search(self.vector[None, :], most, self.comparable)[0]


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
    received = _received(query, catalogue)
    profile = received or _averaged(query, catalogue, seeds, negatives)
    # Of single tracks the profile averages the same rows; targets would replace the means.
    is_mean = received is None and not query.targets and _single_rows(seeds) is not None
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
        profile.raw_mean if is_mean else raw_mean(groups, shares),
        allowed_rows(query, seeds, negatives, catalogue),
        _shares_by_number([view.artists for view in seeds], shares),
        _shares_by_number([view.albums for view in seeds], shares),
        _shares_by_number([view.genres for view in seeds], shares),
        _affinity(model, catalogue, seeds),
        _affinity(model, catalogue, negatives),
        ListenerView.of(query.preferences, catalogue, model) if query.preferences else None,
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
        row = catalogue.snapshot.find(seed.name)
        if row is None:
            return None
        # A seed may be named by an ISRC or another id: what is answered names the track's own.
        own = catalogue.track_id(row)
        if own != seed.name:
            seed = replace(seed, name=own)
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


def _received(query: Query, catalogue: Catalogue) -> AudioProfile | None:
    """Take the profile that came with the query, if it fits this catalogue."""
    standardiser, received = catalogue.snapshot.standardiser, query.profile
    # Another standardiser's profile has another scale: after a catalogue swap the profile service
    # may be one version behind.
    if received is not None and received.standardiser_version == standardiser.version:
        arrays = (received.mean, received.spread, received.weights)
        width = (catalogue.unit.shape[1],)
        if all(array.shape == width and np.isfinite(array).all() for array in arrays):
            return received
    return None


def _averaged(
    query: Query,
    catalogue: Catalogue,
    seeds: Sequence[SeedView],
    negatives: Sequence[SeedView],
) -> AudioProfile:
    """Average the seeds of a query."""
    return average_profile(
        catalogue.snapshot.standardiser,
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
    if not views:
        return np.empty((0, DIMENSIONS), np.float32)
    if (rows := _single_rows(views)) is not None:
        stacked = catalogue.encoded[rows] * weights
    else:
        stacked = np.stack([catalogue.encoded[view.rows].mean(axis=0) for view in views]) * weights
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(stacked / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def _shares_by_number(groups: Sequence[Rows], shares: NDArray[np.float64]) -> Shares:
    """Sum the seeds' shares by artist, album or genre number; each number once a seed."""
    total: dict[int, float] = {}
    for numbers, share in zip(groups, shares.tolist(), strict=True):
        for number in set(numbers.tolist()):
            total[number] = total.get(number, 0.0) + share
    ordered = sorted(total)
    weights = [total[number] for number in ordered]
    return Shares(fixed(ordered, np.int32), fixed(weights, np.float32))


def _spread_out(shares: Shares, count: int) -> Weights:
    weight = np.zeros(count, dtype=np.float32)
    weight[shares.numbers] = shares.weights
    return weight


def _single_rows(views: Sequence[SeedView]) -> Rows | None:
    """List the rows of seeds that are one row each, as tracks are; None if any is not."""
    if any(len(view.rows) != 1 for view in views):
        return None
    return np.concatenate([NO_ROWS, *(view.rows for view in views)])


def _means_of_seeds(values: NDArray[Any], views: Sequence[SeedView]) -> Raw:
    """Average the known values of each seed's rows, float64 (s,); NaN if none is known."""
    if (rows := _single_rows(views)) is not None:
        return values[rows].astype(np.float64)
    return np.array([_known_mean(values[view.rows]) for view in views])


def _known_mean(values: NDArray[Any]) -> float:
    """Average what is not NaN; NaN if no value is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
