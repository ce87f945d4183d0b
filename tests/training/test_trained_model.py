"""Training from playlists, from import to served model, on the embedded catalogue.

The playlists are made by a rule that a listener could have: each draws on one genre's tracks of
one mood, so what belongs together is known.
"""

import contextlib
import gc
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_engine.catalogue import Catalogue
from quintet_engine.collaborative import space
from quintet_engine.engine import Engine
from quintet_engine.forest import Forest
from quintet_engine.query import Query, Seed, SeedKind
from quintet_engine.recipes import BOOTSTRAP, TRAINED
from quintet_modelkit.features import COLUMN
from quintet_modelkit.publication import (
    MANIFEST,
    PublicationInvalid,
    current_folder,
    current_version,
    publish,
    read_manifest,
    staged,
    write_manifest,
)
from quintet_modelkit.snapshot import Snapshot, write_snapshot
from quintet_training import datasets
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.evaluation import EvaluationOptions
from quintet_training.ranking import TooFewPlaylists, TrainingParameters, train_model
from quintet_training.ranking.fitting import BoosterParameters
from quintet_training.ranking.folds import MOST_COMPARED
from quintet_training.ranking.rows import choose_validation, draw_queries
from quintet_training.settings import TrainingSettings
from quintet_training.steps import evaluate, publish_model, publishing, train, write_report

from tests.slow import slow

SMALL = TrainingParameters(
    folds=3,
    samplings=1,
    negatives=60,
    space_trials=0,
    booster_trials=0,
    booster=BoosterParameters(rounds=15, least_rows=10),
)


def moods(catalogue: Catalogue) -> list[np.ndarray]:
    """The tracks of each genre, calm ones and lively ones apart."""
    energy = catalogue.columns[:, COLUMN["energy"]]
    groups = [catalogue.genre_tracks.of(genre) for genre in range(len(catalogue.genre_names))]
    halves = [
        rows[side]
        for rows in groups
        for side in (
            energy[rows] <= np.median(energy[rows]),
            energy[rows] > np.median(energy[rows]),
        )
    ]
    return [rows for rows in halves if len(rows) >= 60]


def made_playlists(catalogue: Catalogue, each: int = 6, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    # Half of each mood's tracks are in fashion; playlists draw on these.
    fashion = [random.choice(rows, len(rows) // 3, replace=False) for rows in moods(catalogue)]
    return [random.choice(rows, 20, replace=False) for rows in fashion for _ in range(each)]


def import_made(
    settings: TrainingSettings, playlists: list[np.ndarray], catalogue: Catalogue
) -> None:
    path = settings.home / "made.csv"
    rows = [
        (f"p{number:03d}", place, name)
        for number, members in enumerate(playlists)
        for place, name in enumerate(catalogue.track_ids(members))
    ]
    frame = pl.DataFrame(rows, schema=["playlist_id", "position", "track_id"], orient="row")
    frame.write_csv(path)
    datasets.import_playlists(settings, path, source="made", licence="CC0")


def catalogue_in(home: Path) -> Catalogue:
    return Catalogue.of(Snapshot.load(current_folder(home / "catalogue")))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> TrainingSettings:
    """A home with the embedded catalogue, playlists, and the bootstrap model."""
    home = tmp_path_factory.mktemp("prepared")
    settings = TrainingSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")
    datasets.prepare_embedded(settings)
    publish_model(home)
    catalogue = catalogue_in(home)
    import_made(settings, made_playlists(catalogue), catalogue)
    return settings


@pytest.fixture
def copied(prepared, tmp_path) -> TrainingSettings:
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home)
    return TrainingSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory) -> TrainingSettings:
    home = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(prepared.home, home)
    settings = TrainingSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")
    train(settings, SMALL)
    return settings


def test_training_serves_a_model_that_proves_itself(trained):
    version = current_version(trained.home / "models")
    assert version is not None
    assert version.startswith("trained-")
    manifest = read_manifest(trained.home / "models" / version, verify=True)
    assert manifest["kind"] == "trained"
    assert manifest["feature_names"] == list(TRAINED.names)
    assert manifest["data"]["sources"][0]["licence"] == "CC0"
    assert manifest["budgets"]["queries"] == SMALL.most_queries
    assert manifest["budgets"]["compared_playlists"] == MOST_COMPARED
    assert manifest["data"]["playlists"] == len(made_playlists(catalogue_in(trained.home)))
    Engine.load(trained.home / "models" / version)


@pytest.mark.parametrize("name", ["taste.faiss", "arrays/taste.npy"])
def test_without_what_playlists_taught_lists_are_by_audio_alone(trained, tmp_path, name):
    folder = shutil.copytree(current_folder(trained.home / "models"), tmp_path / "model")
    (path,) = [each for each in folder.rglob("*") if each.as_posix().endswith(name)]
    path.write_bytes(path.read_bytes()[:-16] + b"damaged, damaged")
    with pytest.raises(PublicationInvalid):
        Engine.load(folder)
    engine = Engine.salvage(folder)
    seed = Seed(SeedKind.TRACK, engine.catalogue.track_ids(np.array([0]))[0])
    ranking = engine.recommend(Query((seed,), max_per_artist=0))
    assert ranking.degraded == ("taste",)
    assert {name for track in ranking.tracks for name in track.channels} <= {
        channel.name for channel in BOOTSTRAP.channels
    }
    cosines = [track.similarity or 0.0 for track in ranking.tracks]
    assert cosines == sorted(cosines, reverse=True)


def test_a_model_brings_its_trees_laid_out(trained, monkeypatch):
    monkeypatch.setattr(Forest, "of", classmethod(lambda _cls, _booster: pytest.fail("anew")))
    assert Engine.load(current_folder(trained.home / "models")).accelerate()


def test_without_its_trees_laid_out_nothing_of_a_model_is_missing(trained, tmp_path):
    folder = shutil.copytree(current_folder(trained.home / "models"), tmp_path / "model")
    path = folder / "forest" / "threshold.npy"
    path.write_bytes(path.read_bytes()[:-16] + b"damaged, damaged")
    with pytest.raises(PublicationInvalid):
        Engine.load(folder)
    engine = Engine.salvage(folder)
    assert engine.accelerate()
    seed = Seed(SeedKind.TRACK, engine.catalogue.track_ids(np.array([0]))[0])
    assert engine.recommend(Query((seed,))).degraded == ()


def test_a_model_published_before_some_parts_were_kept_answers_the_same(trained, tmp_path):
    folder = shutil.copytree(current_folder(trained.home / "models"), tmp_path / "model")
    shutil.rmtree(folder / "forest")
    shutil.rmtree(folder / "collaborative" / "content")
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    facts = {name: value for name, value in content.items() if name not in ("forest", "files")}
    write_manifest(folder, facts)
    old, new = Engine.load(folder), Engine.load(current_folder(trained.home / "models"))
    assert old.accelerate()
    assert new.accelerate()
    seeds = old.catalogue.track_ids(np.array([0, 7]))
    assert old.golden_answer(seeds) == new.golden_answer(seeds)


def test_a_model_that_is_let_go_is_freed_without_the_collector(trained):
    engine = Engine.load(current_folder(trained.home / "models"))
    engine.accelerate()
    seed = Seed(SeedKind.TRACK, engine.catalogue.track_ids(np.array([0]))[0])
    engine.recommend(Query((seed,)))
    there = weakref.ref(engine), weakref.ref(engine.catalogue), weakref.ref(engine.collaborative)
    gc.disable()
    try:
        del engine
        assert [each() for each in there] == [None, None, None]
    finally:
        gc.enable()


def test_training_again_on_the_same_data_changes_nothing(trained):
    before = current_version(trained.home / "models")
    report = train(trained, SMALL)
    assert report.unchanged
    assert report.version == before


def test_the_same_data_and_seed_give_the_same_version_and_bytes_whenever_imported(trained, copied):
    connection = sqlite3.connect(copied.home / "quintet.db")
    with contextlib.closing(connection), connection:
        for table in ("imports", "tracks"):
            connection.execute(f"UPDATE {table} SET imported_at = '2020-01-01T00:00:00+00:00'")
    datasets.publish_catalogue(copied)
    report = train(copied, SMALL)
    assert not report.unchanged
    assert report.version == current_version(trained.home / "models")
    texts = [
        (settings.home / "models" / report.version / "booster.txt").read_bytes()
        for settings in (trained, copied)
    ]
    assert texts[0] == texts[1]


def test_another_constant_makes_another_version_of_the_same_files(trained, copied, monkeypatch):
    monkeypatch.setattr(space, "WEIGHTS", {**space.WEIGHTS, "word": 0.9})
    monkeypatch.setattr(publishing, "_program", lambda: "another program")
    report = train(copied, SMALL, serve=False)
    assert not report.unchanged
    assert report.version != current_version(trained.home / "models")


def test_another_program_that_makes_the_same_model_keeps_its_version(copied, monkeypatch):
    first = publish_model(copied.home)
    monkeypatch.setattr(publishing, "_program", lambda: "another program")
    assert publish_model(copied.home) == first


@slow("trains twice with a search")
def test_a_search_for_parameters_is_part_of_what_repeats(copied, prepared, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(prepared.home, other)
    searched = TrainingParameters(
        **{**SMALL.__dict__, "space_trials": 3, "booster_trials": 3, "threads": 2}
    )
    chosen = []
    for home in (copied.home, other):
        settings = TrainingSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")
        report = train(settings, searched)
        chosen.append(read_manifest(home / "models" / report.version)["chosen"])
    assert chosen[0] == chosen[1]


def test_lists_hold_what_playlists_of_the_same_rule_hold(trained, prepared):
    catalogue = catalogue_in(trained.home)
    bare = Engine.load(current_folder(prepared.home / "models"))
    engine = Engine.load(current_folder(trained.home / "models"))

    def recall(asked: Engine) -> float:
        shares = []
        for rows in made_playlists(catalogue, each=1):
            names = catalogue.track_ids(rows)
            seeds = tuple(Seed(SeedKind.TRACK, name) for name in names[:5])
            ranking = asked.recommend(Query(seeds, limit=100, max_per_artist=0, reasons=False))
            shares.append(np.isin(names[5:], [track.track_id for track in ranking.tracks]).mean())
        return float(np.mean(shares))

    assert recall(engine) > 2 * recall(bare)


def test_a_model_can_be_trained_without_serving_it(copied):
    before = current_version(copied.home / "models")
    report = train(copied, SMALL, serve=False)
    assert current_version(copied.home / "models") == before
    Engine.load(copied.home / "models" / report.version)


def test_a_new_catalogue_carries_the_trained_model_over(trained, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(trained.home, home)
    old = current_folder(home / "models")
    snapshot = Snapshot.load(current_folder(home / "catalogue"))
    with staged(home / "catalogue") as folder:
        tracks = snapshot.tracks.slice(100)
        version = write_snapshot(folder, tracks, np.asarray(snapshot.features[100:]))
        publish(folder, home / "catalogue", version)
    carried = publish_model(home)
    manifest = read_manifest(home / "models" / carried)
    assert carried.startswith("trained-")
    assert carried != old.name
    assert manifest["catalogue_version"] == version
    assert manifest["trained_as"] == old.name
    booster = (home / "models" / carried / "booster.txt").read_bytes()
    assert booster == (old / "booster.txt").read_bytes()
    assert publish_model(home) == carried
    engine = Engine.load(home / "models" / carried)
    seed = Seed(SeedKind.TRACK, snapshot.tracks["track_id"][200].as_py())
    assert len(engine.recommend(Query((seed,), limit=50)).tracks) == 50


def test_too_few_playlists_are_named(prepared, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home, ignore=shutil.ignore_patterns("quintet.db*"))
    settings = TrainingSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")
    datasets.prepare_embedded(settings)
    with pytest.raises(TooFewPlaylists, match="at least 20 playlists of 6 or more tracks"):
        train(settings, SMALL)


def test_the_command_says_in_one_line_that_playlists_are_missing(tmp_path):
    environment = {**os.environ, "QUINTET_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", "train"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing is published")
    assert len(done.stderr.splitlines()) == 1


def test_no_query_is_answered_by_a_model_that_saw_its_playlist_or_a_copy(prepared):
    catalogue = catalogue_in(prepared.home)
    playlists = made_playlists(catalogue)
    playlists.append(np.sort(playlists[0])[1:])
    groups = near_duplicates(playlists, len(catalogue))
    assert groups[-1] == groups[0]
    folds = (np.random.default_rng(1).permutation(int(groups.max()) + 1) % 3)[groups]
    assert folds[-1] == folds[0]


def test_queries_draw_seeds_from_their_own_playlist_and_want_the_rest(prepared):
    playlists = [np.sort(rows) for rows in made_playlists(catalogue_in(prepared.home))]
    folds = np.arange(len(playlists)) % 3
    held = folds == 2
    strata = np.arange(len(playlists)) % 5 // 4  # four in five playlists are of one stratum
    options = {"samplings": 2, "least": 6, "seed": 3}
    queries = draw_queries(playlists, folds, held, strata, most=10_000, **options)
    for query in queries.iter_rows(named=True):
        members = set(playlists[query["playlist"]].tolist())
        assert 1 <= len(query["seeds"]) <= 10
        assert set(query["seeds"]) | set(query["positives"]) == members
        assert not set(query["seeds"]) & set(query["positives"])
        assert query["fold"] == folds[query["playlist"]]
    asked = queries.group_by("playlist").agg(pl.len(), pl.col("validation").first())
    assert (asked.filter("validation")["len"] == 1).all()
    assert (asked.filter(~pl.col("validation"))["len"] == 2).all()
    counts = queries["seeds"].list.len()
    assert counts.mode()[0] == 5
    # Where not all can be asked, strata are asked equally often, and of each playlist that is held
    # out there is still a query.
    few = draw_queries(playlists, folds, held, strata, most=6, **options)
    assert set(few.filter("validation")["playlist"]) == set(np.flatnonzero(held))
    learned = few.filter(~pl.col("validation"))
    assert np.bincount(strata[learned["playlist"].to_numpy()]).tolist() == [3, 3]


@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=60),
    copies=st.integers(1, 3),
    share=st.floats(0, 0.5),
    most=st.integers(0, 12),
)
def test_what_stops_the_booster_is_chosen_among_playlists_that_make_rows(
    lengths, copies, share, most
):
    playlists = [np.arange(length) for length in lengths]
    groups = np.arange(len(lengths)) // copies
    options = {"share": share, "most": most, "least": 6, "seed": 1}
    held = choose_validation(playlists, groups, np.zeros_like(groups), **options)
    able = np.array([length >= 6 for length in lengths])
    room = min(share * able.sum(), most)
    assert held.sum() <= room + 1e-9
    for group in range(groups.max() + 1):
        assert len(set(held[groups == group])) == 1
        assert not held[groups == group].any() or able[groups == group].any()
        # No further group that could be chosen has room.
        if able[groups == group].any() and not held[groups == group].any():
            assert held.sum() + np.count_nonzero(groups == group) > room - 1e-9


def test_playlists_that_are_copies_of_each_other_are_too_few(prepared):
    catalogue = catalogue_in(prepared.home)
    playlists = [np.arange(20)] * 30
    with pytest.raises(TooFewPlaylists, match="almost all of these are near-duplicates"):
        train_model(catalogue, playlists, SMALL)


def test_an_evaluation_measures_the_model_against_every_baseline(prepared, tmp_path):
    options = EvaluationOptions(seed_counts=(5,), cold_share=0.2)
    report = evaluate(prepared, SMALL, options)
    metrics = report.metrics()
    assert 0 < metrics["ndcg_500.five_seeds"] <= 1
    assert metrics["ndcg_500.five_seeds"] > metrics["standardised_cosine.ndcg_500.five_seeds"]
    assert "recall_500.cold" in metrics
    # The dial decides how many of the first ten tracks are by artists of the seeds.
    known = [point.known.mean for point in report.dial]
    assert [point.value for point in report.dial] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert known == sorted(known, reverse=True)
    assert known[0] > 2 >= known[4] >= known[5] == 0
    assert all(0 < point.ndcg.mean <= 1 for point in report.dial)
    write_report(report, tmp_path / "out" / "report.json", tmp_path / "out" / "report.html")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["counts"]["held_out"] > 0
    assert "<html" in (tmp_path / "out" / "report.html").read_text()
    assert (current_version(prepared.home / "models") or "").startswith("bootstrap-")
