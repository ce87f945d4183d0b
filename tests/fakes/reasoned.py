"""Engines on a made catalogue with playlists, and the raw tables that reasons must agree with."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.booster import Ranker
from quintet_engine.catalogue import Catalogue
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.query import Query, RankedTrack, SeedKind
from quintet_engine.recipes import BOOTSTRAP, TRAINED, Recipe
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation, sentence_of
from quintet_modelkit.features import ENCODED, Standardiser
from quintet_modelkit.snapshot import SCHEMA, Snapshot
from quintet_training.ranking import fit_learned

COUNT, ARTISTS, PLAYLISTS = 600, 90, 160
GENRES = ("rock", "jazz", "techno", "k-pop", "folk")
HIGH, LOW = 0.75, 0.25
PLACE = {name: place for place, name in enumerate(ATTRIBUTES)}


@dataclass
class Reasoned:
    """An engine, and raw facts of its catalogue.

    Attributes:
        engine: Recommends and explains.
        rows: The catalogue's rows, as written.
        features: Raw attributes, (n, 14).
        playlists: Rows of each playlist.
    """

    engine: Engine
    rows: list[dict[str, Any]]
    features: np.ndarray
    playlists: list[set[int]]

    def __post_init__(self) -> None:
        self.row_of = {row["track_id"]: number for number, row in enumerate(self.rows)}
        self.tracks = list(self.row_of)
        self.artists = sorted({name for row in self.rows for name in row["artist_ids"]})
        self.genres = sorted({name for row in self.rows for name in row["genres"]})
        low, high = np.percentile(self.features, (1, 99), axis=0)
        clipped = np.clip(self.features, low, high)
        self.mean, self.deviation = clipped.mean(axis=0), clipped.std(axis=0)
        encoded = self.engine.catalogue.snapshot.standardiser.transform(self.features)
        self.encoded = np.asarray(encoded, np.float64)

    def without_booster(self) -> "Reasoned":
        """Returns the same model with its booster missing."""
        old = self.engine
        engine = Engine(old.catalogue, old.index, None, old.versions, old.recipe, old.collaborative)
        return Reasoned(engine, self.rows, self.features, self.playlists)

    def column(self, name: str) -> int:
        return PLACE[name]

    def value(self, track: str, name: str) -> float:
        return float(self.features[self.row_of[track], PLACE[name]])

    def sentence(self, track: RankedTrack, language: str, query: Query) -> str:
        """Returns the ranker's sentence, or in the other language what the page would write."""
        assert track.reasons is not None
        if language == query.language:
            return track.reasons.sentence
        return sentence_of(track.reasons.facts, language)

    def contributions(self, track: RankedTrack) -> dict[str, float]:
        """Returns the TreeSHAP contribution of each feature, by LightGBM itself."""
        assert self.engine.ranker is not None
        values = np.frombuffer(track.features, "<f4")[None, :]
        shares = self.engine.ranker.booster.predict(values, pred_contrib=True)[0]
        return dict(zip(self.engine.recipe.names, shares[:-1].tolist(), strict=True))

    def members(self, reference: Reference) -> list[int]:
        """Returns the rows that a reference stands for."""
        if reference.kind is ReferenceKind.ARTIST:
            return [n for n, row in enumerate(self.rows) if reference.id in row["artist_ids"]]
        if reference.kind is ReferenceKind.GENRE:
            return [n for n, row in enumerate(self.rows) if reference.id in row["genres"]]
        return [self.row_of[reference.id]]

    def is_true(self, fact: Fact, track: RankedTrack, query: Query) -> bool:
        """Reports whether a fact holds in the raw tables."""
        row = self.row_of[track.track_id]
        if fact.reference is None:
            return (
                fact.kind is Kind.TARGET
                and fact.other_value == query.targets[fact.attribute]
                and fact.value == self.features[row, PLACE[fact.attribute]]
            )
        if fact.reference.kind is ReferenceKind.LISTENED:
            return self._is_liked(fact, fact.reference, row, query)
        return self._is_of_the_query(fact.reference, query) and self._holds(
            fact, fact.reference, row, query
        )

    def _is_of_the_query(self, reference: Reference, query: Query) -> bool:
        """Reports whether a reference is the seed that it names, or a track of that seed."""
        seed = query.seeds[reference.seed]
        if reference.kind is ReferenceKind.GENRE:
            return (seed.kind, seed.name) == (SeedKind.GENRE, reference.name)
        if reference.kind is ReferenceKind.ARTIST:
            names = {
                name for row in self.rows
                for key, name in zip(row["artist_ids"], row["artists"], strict=True)
                if key == seed.name
            }  # fmt: skip
            return seed.kind is SeedKind.ARTIST and reference.name in names
        row = self.rows[self.row_of[reference.id]]
        named = row["title"] == reference.name and [reference.artist] == row["artists"][:1]
        if reference.kind is ReferenceKind.TRACK:
            return named and (seed.kind, seed.name) == (SeedKind.TRACK, reference.id)
        key = "artist_ids" if seed.kind is SeedKind.ARTIST else "genres"
        return named and seed.kind is not SeedKind.TRACK and seed.name in row[key]

    def _is_liked(self, fact: Fact, reference: Reference, row: int, query: Query) -> bool:
        """Reports whether the listener liked or played the track, and it is linked as stated."""
        liked = query.preferences
        place = list(liked.track_ids).index(reference.id)
        opinion, played = liked.opinions[place], liked.plays[place] > liked.skips[place]
        if fact.kind is Kind.LIKED and opinion <= 0:
            return False
        if fact.kind is Kind.PLAYED and not (opinion == 0 and played):
            return False
        other = self.row_of[reference.id]
        named = reference[:1] + reference[3:] == (
            -1, self.rows[other]["title"], self.rows[other]["artists"][0],
        )  # fmt: skip
        both = (self.rows[row]["artists"], self.rows[other]["artists"])
        if fact.attribute == "artist":
            return named and row != other and all(fact.name in names for names in both)
        if fact.attribute == "taste":
            return named and self._taste(fact, row, other)
        ours, theirs = self.encoded[row], self.encoded[other]
        cosine = float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))
        close = cosine >= 0.5 - 1e-4 and abs(fact.value - min(cosine, 1)) < 1e-4
        return named and row != other and close

    def _holds(self, fact: Fact, reference: Reference, row: int, query: Query) -> bool:
        track, members = self.rows[row], self.members(reference)
        others = [self.rows[n] for n in members]
        match fact.kind:
            case Kind.SAME_ALBUM:
                album = track["album_id"]
                return (
                    reference.kind is ReferenceKind.TRACK and "" != album == others[0]["album_id"]
                )
            case Kind.SAME_ARTIST:
                return fact.name in track["artists"] and any(
                    fact.name in other["artists"] for other in others
                )
            case Kind.GENRE:
                return fact.name in track["genres"] and any(
                    fact.name in other["genres"] for other in others
                )
            case Kind.TOGETHER:
                (other,) = members
                held = sum({row, other} <= playlist for playlist in self.playlists)
                return row != other and fact.value == held > 0
            case Kind.ARTISTS_TOGETHER:
                return self._artists_met(fact, reference, track)
            case Kind.TASTE:
                return self._taste(fact, row, members[0])
            case Kind.SOUND:
                return self._is_nearest(fact, reference, row, query)
            case _:
                return self._compares(fact, row, members)

    def _artists_met(self, fact: Fact, reference: Reference, track: dict[str, Any]) -> bool:
        """Counts the playlists with a track by one artist and a track by the other."""

        def by(name: str) -> set[int]:
            return {n for n, row in enumerate(self.rows) if name in row["artists"]}

        ours, theirs = by(fact.name), by(reference.artist)
        held = sum(bool(playlist & ours and playlist & theirs) for playlist in self.playlists)
        is_first = fact.name == track["artists"][0] != reference.artist
        return is_first and fact.value == held > 0

    def _taste(self, fact: Fact, row: int, other: int) -> bool:
        assert self.engine.collaborative is not None
        ours, theirs = self.engine.collaborative.taste.of(np.array([row, other]))
        cosine = float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs))
        # Places are stored in half precision: their lengths are 1 to three digits.
        return row != other and cosine >= 0.499 and abs(fact.value - min(cosine, 1)) < 1e-3

    def _is_nearest(self, fact: Fact, reference: Reference, row: int, query: Query) -> bool:
        """Compares the weighted cosine of every seed."""
        weights = np.array([query.weights.get(name.removesuffix("_cos").removesuffix("_sin"), 1.0)
                            for name in ENCODED])  # fmt: skip
        cosines = []
        for seed in query.seeds:
            kind = ReferenceKind(seed.kind.value)
            rows = self.members(Reference(0, kind, seed.name, ""))
            ours, theirs = self.encoded[row] * weights, self.encoded[rows].mean(axis=0) * weights
            cosines.append(float(ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)))
        stated = cosines[reference.seed]
        return stated >= max(cosines) - 1e-4 and abs(fact.value - min(stated, 1.0)) < 1e-4

    def _compares(self, fact: Fact, row: int, members: list[int]) -> bool:
        column = PLACE[fact.attribute]
        ours = float(self.features[row, column])
        if fact.kind is Kind.KEY:
            (other,) = members
            return self._keys_fit(row, other) and fact.other_value == self.features[other, column]
        theirs = float(self.features[members, column].mean())
        if fact.value != ours or abs(fact.other_value - theirs) > 1e-6 * max(1, abs(theirs)):
            return False
        scores = [(x - self.mean[column]) / self.deviation[column] for x in (ours, theirs)]
        if fact.kind is Kind.TEMPO and not self._tempi_fit(fact.relation, ours / theirs):
            return False
        gap = scores[0] - scores[1]
        return {
            Relation.MORE: gap >= HIGH - 1e-6, Relation.LESS: gap <= 1e-6 - HIGH,
            Relation.HIGH: min(scores) >= HIGH - 1e-6, Relation.LOW: max(scores) <= 1e-6 - HIGH,
            Relation.SAME: True, Relation.DOUBLE: True, Relation.HALF: True,
        }[fact.relation] and (
            fact.kind is Kind.TEMPO
            or fact.relation in (Relation.MORE, Relation.LESS)
            or abs(gap) <= LOW + 1e-6
        )  # fmt: skip

    def _keys_fit(self, row: int, other: int) -> bool:
        """Compares two keys as pitch classes of relative major: a fifth apart at most."""
        tonics = []
        for place in (row, other):
            key, mode = (self.features[place, PLACE[name]] for name in ("key", "mode"))
            if key < 0:
                return False
            tonics.append(int(key) if mode else int(key) + 3)
        return (tonics[0] - tonics[1]) % 12 in (0, 5, 7)

    @staticmethod
    def _tempi_fit(relation: Relation, ratio: float) -> bool:
        expected = {Relation.DOUBLE: 2.0, Relation.HALF: 0.5}.get(relation, 1.0)
        return 0.92 - 1e-6 <= ratio / expected <= 1 / 0.92 + 1e-6


def made_rows(source: np.random.Generator) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Makes tracks with guests, several genres, missing albums, odd names and unknown values."""
    artists = np.sort(source.integers(0, ARTISTS, COUNT))
    rows = []
    for row, artist in enumerate(artists.tolist()):
        guest = int(source.integers(ARTISTS))
        numbers = [artist, guest] if source.random() < 0.2 and guest != artist else [artist]
        kind = "가수" if artist % 7 == 0 else "Artist"
        names = [f"{'가수' if n % 7 == 0 else 'Artist'} {n}" for n in numbers]
        chosen = sorted({GENRES[artist % 5], GENRES[int(source.integers(5))]})
        rows.append({
            "track_id": f"t{row:05d}",
            "title": f"{'노래' if row % 5 == 0 else 'Song'} {row} {'Love' if row % 3 else 'Pop'}",
            "artists": names, "artist_ids": [f"a{n}" for n in numbers],
            "album": f"{kind} album", "album_id": f"al{artist}-{row % 2}" if row % 6 else "",
            "release_date": f"{1970 + artist % 50}-01-01", "explicit": False,
            "genres": chosen if row % 9 else [], "recording": row, "provenance": "made",
            **dict.fromkeys(("isrc", "cover_url", "preview_url", "licence"), ""),
        })  # fmt: skip
    # Attributes vary around their artist's, so that artists have a sound of their own.
    base = source.normal(size=(ARTISTS, len(ATTRIBUTES)))
    spread = base[artists] + 0.7 * source.normal(size=(COUNT, len(ATTRIBUTES)))
    features = 1 / (1 + np.exp(-1.5 * spread))
    for name, (least, most) in {
        "duration_ms": (90_000, 420_000), "loudness": (-30, 0), "popularity": (0, 100),
        "tempo": (60, 190),
    }.items():  # fmt: skip
        features[:, PLACE[name]] = least + features[:, PLACE[name]] * (most - least)
    for name, (least, most) in {"key": (-1, 11), "mode": (0, 1), "time_signature": (3, 5)}.items():
        features[:, PLACE[name]] = source.integers(least, most + 1, COUNT)
    features[source.random(COUNT) < 0.05, PLACE["tempo"]] = 0  # unknown
    return rows, features


def _catalogue() -> tuple[Catalogue, list[dict[str, Any]], np.ndarray]:
    rows, features = made_rows(np.random.default_rng(11))
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    row_of = {row["track_id"]: number for number, row in enumerate(rows)}
    snapshot = Snapshot("cat-made", table, features, Standardiser.fit(features), {}, row_of)
    return Catalogue.of(snapshot), rows, features


def _with_booster(bare: Engine, recipe: Recipe, tracks: list[str]) -> Engine:
    """Adds a booster whose wishes depend on every feature, so that every kind of fact matters."""
    from quintet_engine.query import Seed

    source = np.random.default_rng(12)
    matrices = []
    for _ in range(12):
        names = source.choice(tracks, 4, replace=False).tolist()
        context = bare.prepare(Query(tuple(Seed(SeedKind.TRACK, name) for name in names)))
        found = bare.candidates(context, recipe.quotas(50, 1))
        matrices.append(bare.features(context, found))
    matrix = np.nan_to_num(np.concatenate(matrices))
    spread = matrix.std(axis=0)
    signs = np.where(np.array(recipe.monotone) == 0, source.choice([-1, 1], len(recipe.names)),
                     recipe.monotone)  # fmt: skip
    wanted = (matrix / np.where(spread > 0, spread, 1)) @ signs
    data = lightgbm.Dataset(matrix, wanted, feature_name=list(recipe.names))
    settings = {
        "objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 5,
        "feature_fraction": 0.2,
    }  # fmt: skip
    booster = lightgbm.train(settings, data, 120)
    ranker = Ranker.from_text(booster.model_to_string())
    return Engine(bare.catalogue, bare.index, ranker, bare.versions, recipe, bare.collaborative)


def trained() -> Reasoned:
    """Makes an engine that learned from playlists."""
    from quintet_engine.collaborative.taste import WEIGHTS

    catalogue, rows, features = _catalogue()
    source = np.random.default_rng(13)
    lists = []
    for _ in range(PLAYLISTS):
        near = np.flatnonzero(np.abs(catalogue.first_artist - source.integers(ARTISTS)) < 9)
        lists.append(np.sort(source.choice(near, min(14, len(near)), replace=False)))
    learned = fit_learned(catalogue, lists, WEIGHTS, 5)
    index = FaissIndex.build(catalogue.unit, seed=5)
    bare = Engine(catalogue, index, None, Versions("m", "i", "c"), TRAINED, learned)
    engine = _with_booster(bare, TRAINED, list(catalogue.snapshot.row_of))
    return Reasoned(engine, rows, features, [set(each.tolist()) for each in lists])


def bootstrap() -> Reasoned:
    """Makes an engine from the catalogue alone."""
    catalogue, rows, features = _catalogue()
    index = FaissIndex.build(catalogue.unit, seed=5)
    bare = Engine(catalogue, index, None, Versions("m", "i", "c"), BOOTSTRAP)
    engine = _with_booster(bare, BOOTSTRAP, list(catalogue.snapshot.row_of))
    return Reasoned(engine, rows, features, [])
