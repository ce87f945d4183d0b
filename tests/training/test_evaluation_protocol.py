"""The evaluation as a whole: what it hides, what it asks, and whom it finds the better."""

import json

import numpy as np
import pytest
from quintet_engine.catalogue import Catalogue
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot
from quintet_training import datasets
from quintet_training.datasets.playlist_groups import near_duplicates
from quintet_training.evaluation import (
    EvaluationImpossible,
    EvaluationOptions,
    RecommendationInvalid,
    run,
)
from quintet_training.evaluation.baselines import STANDARDISED_COSINE, baselines
from quintet_training.evaluation.cases import cold_cases, draw_cases, draw_cold_tracks, without
from quintet_training.evaluation.wording import summary
from quintet_training.settings import TrainingSettings

from tests.needs import SHARED_DATA, needs
from tests.root import SHARED
from tests.slow import slow

CLUBS, CLUB, TRACKS = 4, 200, 800
OPTIONS = EvaluationOptions(seed=3, seed_counts=(1, 5), limit=50)


@pytest.fixture(scope="module")
def world(catalogue_of):
    """Eighty playlists of twenty tracks from four clubs; audio and artists say nothing."""
    random = np.random.default_rng(7)
    artists = [f"artist {random.integers(300)}" for _ in range(TRACKS)]
    catalogue = catalogue_of(artists, popularity=random.integers(0, 101, TRACKS))
    playlists = [
        (number % CLUBS) * CLUB + random.choice(CLUB, 20, replace=False) for number in range(80)
    ]
    # A copy of the first with one track changed must not be held out apart from it.
    playlists.append(np.append(playlists[0][:-1], 799))
    return catalogue, playlists, [f"playlist {number}" for number in range(len(playlists))]


class Oracle:
    """A cheat that knows every playlist: it answers with what is hidden."""

    def __init__(self, playlists, limit=50):
        self.playlists, self.limit = playlists, limit
        self.trained = {}

    def train(self, playlists, _kinds, purpose):
        self.trained[purpose] = playlists
        return self.recommend

    def recommend(self, seeds):
        holding = [rows for rows in self.playlists if np.isin(seeds, rows).all()]
        return np.setdiff1d(holding[0], seeds)[: self.limit]


@pytest.fixture(scope="module")
def oracle(world):
    return Oracle(world[1])


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def report(world, oracle, told):
    catalogue, playlists, names = world
    bootstrap = baselines(catalogue, [], seed=1, limit=50)["random"]

    def on_progress(share, text):
        told.append((share, text))

    return run(catalogue, playlists, names, oracle.train, OPTIONS, on_progress, bootstrap)


def test_an_oracle_is_perfect_with_five_seeds_and_its_whole_interval_is(report):
    ours = report.main.methods["model"]
    assert report.primary == "five_seeds"
    assert ours["ndcg"].mean == ours["ndcg"].lower == ours["r_precision"].lower == 1.0
    assert ours["r_precision_artists"].mean > 1.0
    assert ours["clicks"].mean == 0
    assert report.apart("playlist_knn", "ndcg")
    assert report.apart("random", "clicks")
    assert "above those of all 8 single-channel baselines" in " ".join(summary(report))


def test_neighbours_beat_audio_where_only_playlists_say_anything(report):
    methods = report.main.methods
    assert methods["playlist_knn"]["ndcg"].lower > methods[STANDARDISED_COSINE]["ndcg"].upper
    assert methods["als"]["ndcg"].lower > methods["random"]["ndcg"].upper
    assert report.differences["playlist_knn"]["ndcg"].lower > 0


def test_training_never_sees_what_is_held_out(world, report, oracle):
    seen = {tuple(rows.tolist()) for rows in oracle.trained["main"]}
    asked = {row["playlist_id"] for row in report.playlists}
    assert len(asked) == report.main.cases == len(report.playlists)
    for rows, name in zip(world[1], world[2], strict=True):
        assert (tuple(rows.tolist()) in seen) != (name in asked)
    assert report.counts["held_out"] + report.counts["training"] == report.counts["playlists"]
    assert 0 < report.counts["held_out"] <= OPTIONS.held_out * len(world[1])


def test_near_duplicates_stay_together(world, report):
    asked = {row["playlist_id"] for row in report.playlists}
    assert ("playlist 0" in asked) == ("playlist 80" in asked)
    assert report.counts["groups"] == near_duplicates(world[1], TRACKS).max() + 1 < len(world[1])


def test_cold_tracks_are_in_no_playlist_of_the_second_training(report, oracle):
    warm = np.unique(np.concatenate(oracle.trained["cold"]))
    everything = np.unique(np.concatenate(oracle.trained["main"]))
    missing = np.setdiff1d(everything, warm)
    assert 0.1 < len(missing) / len(everything) < 0.3
    assert report.cold.methods["playlist_knn"]["recall"].mean == 0
    assert report.cold.methods["model"]["recall"].mean == 1
    assert report.cold_to_cosine["recall"].lower > 1


def test_the_model_without_playlists_is_compared_with_cosine_alone(report):
    assert set(report.only_audio.methods) == {"model_without_playlists", STANDARDISED_COSINE}
    gap = report.only_audio_differences["recall"]
    assert gap.lower < 0 < gap.upper


def test_deciles_share_out_every_hidden_track(report):
    assert sum(tenth.tracks for tenth in report.deciles) == 15 * report.main.cases
    assert [tenth.low for tenth in report.deciles] == sorted(tenth.low for tenth in report.deciles)
    assert all(tenth.recall["model"] == 1.0 for tenth in report.deciles)


def test_progress_only_grows_and_ends(report, told):
    assert report.cold is not None
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {"asking model", "evaluated"} <= {text for _, text in told}


def test_the_same_seed_gives_the_same_report_and_another_another(world, oracle):
    catalogue, playlists, names = world

    def again(seed):
        options = EvaluationOptions(seed=seed, seed_counts=(5,), limit=50)
        return run(catalogue, playlists, names, oracle.train, options).to_json()

    first = again(3)
    assert first == again(3)
    assert json.loads(first)["playlists"] != json.loads(again(4))["playlists"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda seeds: seeds, "holds a seed"),
        (lambda seeds: np.repeat(np.setdiff1d(np.arange(9), seeds)[:1], 2), "a track twice"),
        (lambda seeds: np.setdiff1d(np.arange(100), seeds)[:51], "more tracks than asked for"),
        (lambda _: np.array([TRACKS]), "does not have"),
        (lambda _: np.array([-1]), "does not have"),
    ],
)
def test_a_recommender_that_breaks_the_rules_is_refused(world, answer, fault):
    catalogue, playlists, names = world
    with pytest.raises(RecommendationInvalid, match=fault):
        run(catalogue, playlists, names, lambda _train, _kinds, _purpose: answer, OPTIONS)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_playlists_are_refused_in_one_line(world, oracle, count):
    catalogue, playlists, names = world
    with pytest.raises(EvaluationImpossible, match=f"of {count} playlists") as refused:
        run(catalogue, playlists[:count], names[:count], oracle.train, OPTIONS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"held_out": 0.0}, {"held_out": 1.0}, {"seed_counts": ()}, {"limit": 0}]
)
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="cannot be evaluated with"):
        EvaluationOptions(**wrong)


def test_fewer_seeds_are_the_first_of_more_and_never_hidden():
    playlists = [np.arange(40), np.arange(100, 112), np.arange(9)]
    cases = draw_cases(playlists, np.arange(3), (1, 5, 10), 10, np.random.default_rng(1))
    assert [len(cases[count]) for count in (1, 5, 10)] == [2, 2, 1]
    for one, five in zip(cases[1], cases[5], strict=True):
        assert one.seeds[0] == five.seeds[0]
        assert np.array_equal(
            np.sort(np.concatenate((five.seeds, five.truth))), playlists[five.playlist]
        )


def test_cold_questions_have_warm_seeds_and_cold_answers():
    random = np.random.default_rng(2)
    cold = draw_cold_tracks(100, 0.2, random)
    playlists = [np.arange(30), np.flatnonzero(cold)[:8], np.flatnonzero(~cold)[:8]]
    (case,) = cold_cases(playlists, np.arange(3), cold, 5, random)
    assert cold.sum() == 20
    assert case.playlist == 0
    assert not cold[case.seeds].any()
    assert np.array_equal(case.truth, np.flatnonzero(cold[:30]))
    assert [len(rows) for rows in without(playlists, cold)] == [30 - len(case.truth), 8]


@needs(SHARED_DATA, (SHARED / "playlists.parquet").exists())
@slow("evaluates on all shared playlists")
def test_the_hand_made_sum_beats_audio_cosine_on_real_playlists(tmp_path):
    settings = TrainingSettings(home=tmp_path)
    datasets.import_catalogue(settings, datasets.preview(SHARED / "tracks.parquet"))
    datasets.import_playlists(settings, SHARED / "playlists.parquet")
    datasets.publish_catalogue(settings)
    snapshot = Snapshot.load(current_folder(tmp_path / "catalogue"))
    catalogue = Catalogue.of(snapshot)
    lists = [
        (str(name[0]), np.array([snapshot.row_of[one] for one in part["track_id"]], dtype=np.int64))
        for name, part in datasets.read_playlists(settings).group_by(
            "playlist_id", maintain_order=True
        )
    ]
    names, playlists = [name for name, _ in lists], [rows for _, rows in lists]
    options = EvaluationOptions(seed=1, seed_counts=(5,), cold_share=0.0)
    report = run(
        catalogue,
        playlists,
        names,
        lambda train, _kinds, _purpose: baselines(catalogue, train, seed=1)["hand_made"],
        options,
    )
    assert report.cold is None
    assert report.main.cases > 100
    for metric in ("ndcg", "r_precision", "recall"):
        assert report.apart(STANDARDISED_COSINE, metric)
        assert report.differences[STANDARDISED_COSINE][metric].lower > 0
    assert report.to_hand_made["ndcg"].mean == 1.0
