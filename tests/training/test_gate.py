"""The gate: its rules one by one, and a model trained on shuffled playlists, which it stops."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from quintet_command.cli import app
from quintet_command.gate import ReportInvalid, judge
from quintet_command.settings import CommandSettings
from quintet_engine.catalogue import Catalogue
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot
from quintet_training import datasets
from quintet_training.evaluation import EvaluationOptions
from quintet_training.gate.checks import Champion, Thresholds, check_report
from quintet_training.ranking import TrainingParameters
from quintet_training.ranking.fitting import BoosterParameters
from quintet_training.steps import evaluate, train, write_report
from typer.testing import CliRunner

from tests.slow import slow

SMALL = TrainingParameters(
    folds=3,
    samplings=2,
    negatives=150,
    space_trials=0,
    booster_trials=0,
    booster=BoosterParameters(rounds=60, least_rows=10),
)
ONCE = EvaluationOptions(seed_counts=(5,))
# Two trainings and two evaluations; on a busy machine they take their time.
pytestmark = pytest.mark.timeout(900)
LIMITS = Thresholds(tolerance=0.03, coverage=0.5, calibration=0.25, cold=0.9)
BASELINES = ("random", "popularity", "same_artist", "hand_made", "als")


def interval(mean, spread=0.02):
    return {"mean": mean, "lower": mean - spread, "upper": mean + spread, "playlists": 40}


def report(ndcg=0.5, **changes):
    """What `quintet evaluate --json` writes, as far as the gate looks at it."""
    scores = np.random.default_rng(0).normal(ndcg, 0.1, 40)
    methods = {
        "model": {"ndcg": interval(ndcg), "calibration": interval(0.5)},
        "hand_made": {"ndcg": interval(0.3), "calibration": interval(0.5)},
    }
    section = {
        "name": "five_seeds",
        "methods": methods,
        "coverage": {"model": 0.4, "hand_made": 0.5},
    }
    made = {
        "options": {"seed": 1, "limit": 500},
        "counts": {"tracks": 100, "playlists": 160},
        "primary": "five_seeds",
        "by_seeds": [section],
        "differences": {name: {"ndcg": interval(0.2)} for name in BASELINES},
        "cold_to_cosine": {"recall": interval(1.5)},
        "playlists": [
            {"playlist_id": f"p{at}", "hidden": 9, "ndcg": float(score)}
            for at, score in enumerate(scores)
        ],
    }
    return {**copy.deepcopy(made), **changes}


def stopped_by(content, champion=None):
    return [check.name for check in check_report(content, champion, LIMITS) if check.stops]


def test_a_model_better_than_all_passes():
    assert stopped_by(report()) == []
    assert stopped_by(report(0.52), Champion("1", "trained", report(0.5))) == []


@pytest.mark.parametrize(("baseline", "difference"), [("popularity", 0.01), ("als", -0.04)])
def test_a_model_that_does_not_beat_a_baseline_is_stopped(baseline, difference):
    content = report()
    content["differences"][baseline]["ndcg"] = interval(difference)
    assert stopped_by(content) == [f"ndcg against {baseline}"]


def test_a_baseline_that_knows_playlists_may_be_as_good():
    content = report()
    content["differences"]["als"]["ndcg"] = interval(-0.02)
    assert stopped_by(content) == []


def test_coverage_calibration_and_cold_tracks_have_limits():
    content = report()
    content["by_seeds"][0]["coverage"]["model"] = 0.2
    content["by_seeds"][0]["methods"]["model"]["calibration"] = interval(0.8)
    content["cold_to_cosine"]["recall"] = interval(0.8)
    assert stopped_by(content) == ["coverage", "calibration", "recall on cold tracks"]


def test_what_was_not_measured_does_not_stop_and_says_so():
    content = report(cold_to_cosine=None)
    content["by_seeds"][0]["methods"]["model"]["calibration"]["mean"] = None
    checks = {check.name: check for check in check_report(content, None, LIMITS)}
    assert not any(check.stops for check in checks.values())
    missing = {name for name, check in checks.items() if not check.measured}
    assert missing == {"ndcg against champion", "calibration", "recall on cold tracks"}


def test_the_same_questions_are_compared_playlist_by_playlist():
    champion = report(0.5)
    # Every playlist loses a little: far within the intervals, and yet certain.
    content = report(0.5)
    for one in content["playlists"]:
        one["ndcg"] -= 0.04
    found = next(iter(check_report(content, Champion("1", "trained", champion), LIMITS)))
    assert found.stops
    assert found.found == "-0.040 (-0.040 to -0.040), paired by playlist"


def test_other_questions_are_compared_by_their_intervals():
    champion = report(0.5, counts={"tracks": 100, "playlists": 170})
    found = next(iter(check_report(report(0.49), Champion("1", "trained", champion), LIMITS)))
    assert not found.stops
    assert "difference of intervals" in found.found
    worse = next(iter(check_report(report(0.4), Champion("1", "trained", champion), LIMITS)))
    assert worse.stops


def test_a_trained_champion_without_an_evaluation_stops_the_comparison():
    assert stopped_by(report(), Champion("1", "trained", None)) == ["ndcg against champion"]


def test_a_bootstrap_champion_is_what_the_evaluation_measured_beside():
    bare = {"methods": {"model_without_playlists": {"ndcg": interval(0.7)}}}
    content = report(only_audio=bare)
    assert stopped_by(content, Champion("1", "bootstrap", None)) == ["ndcg against champion"]
    bare["methods"]["model_without_playlists"]["ndcg"] = interval(0.1)
    assert stopped_by(content, Champion("1", "bootstrap", None)) == []


def test_a_report_without_its_parts_is_refused():
    content = report()
    del content["differences"]
    with pytest.raises(ReportInvalid):
        list(check_report(content, None, LIMITS))


def made_playlists(catalogue: Catalogue) -> list[np.ndarray]:
    """Fifteen playlists of each of nine scenes: some artists of one genre.

    A quarter is asked about; of seven each, the intervals would depend on rounding.
    """
    random = np.random.default_rng(0)
    artists = catalogue.snapshot.tracks.column("artist_ids").to_pylist()
    scenes = []
    for genre in range(len(catalogue.genre_names)):
        rows = catalogue.genre_tracks.of(genre)
        ordered = np.array(sorted(rows.tolist(), key=lambda row: artists[row][0]))
        scenes += [part for part in (ordered[:110], ordered[-110:]) if len(rows) >= 260]
    return [random.choice(rows, 20, replace=False) for rows in scenes[:9] for _ in range(15)]


def shuffled(playlists: list[np.ndarray]) -> list[np.ndarray]:
    """The same tracks in playlists of the same lengths, dealt anew: nothing is left to learn."""
    every = np.random.default_rng(1).permutation(np.concatenate(playlists))
    dealt = np.split(every, np.cumsum([len(rows) for rows in playlists])[:-1])
    return [np.unique(rows) for rows in dealt]


def import_made(
    settings: CommandSettings, playlists: list[np.ndarray], catalogue: Catalogue
) -> None:
    path = settings.home / "made.csv"
    lines = ["playlist_id,position,track_id"]
    for number, rows in enumerate(playlists):
        names = catalogue.track_ids(rows)
        lines += [f"p{number:03d},{place},{name}" for place, name in enumerate(names)]
    path.write_text("\n".join(lines), encoding="utf-8")
    datasets.import_playlists(settings, path, source="made", licence="CC0")


def candidate(home: Path, deal=lambda playlists: playlists) -> tuple[CommandSettings, str, Path]:
    home.mkdir()
    settings = CommandSettings(home=home, database_url=f"sqlite:///{home / 'quintet.db'}")
    datasets.prepare_embedded(settings)
    catalogue = Catalogue.of(Snapshot.load(current_folder(home / "catalogue")))
    import_made(settings, deal(made_playlists(catalogue)), catalogue)
    version = train(settings, SMALL, serve=False).version
    path = home / "report.json"
    write_report(evaluate(settings, SMALL, ONCE), path, None)
    return settings, version, path


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A model of playlists as they are, with its evaluation."""
    return candidate(tmp_path_factory.mktemp("gate") / "true")


@slow("trains and evaluates")
def test_a_model_trained_on_shuffled_playlists_is_stopped(tmp_path, learned, monkeypatch):
    settings, version, path = candidate(tmp_path / "shuffled", shuffled)
    verdict = judge(settings, version, path, "none")
    # It knows which tracks are in playlists at all, and that alone beats audio; but its lists
    # are all the same few tracks.
    stops = {check.name for check in verdict.checks if check.stops} - {"latency"}
    assert "coverage" in stops
    # The command says so by its exit code, with every reason.
    monkeypatch.setenv("QUINTET_HOME", str(settings.home))
    command = ["gate", version, "--report", str(path), "--against", "none", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["passed"] is False
    assert {check["name"] for check in told["checks"] if check["stops"]} >= stops
    # A champion that learned from the same tracks leaves no doubt.
    reports = [json.loads(each.read_text(encoding="utf-8")) for each in (path, learned[2])]
    champion = Champion("1", "trained", reports[1])
    assert "ndcg against champion" in stopped_by(reports[0], champion)


@slow("trains and evaluates")
def test_the_same_playlists_as_they_are_pass(learned):
    settings, version, path = learned
    verdict = judge(settings, version, path, "none")
    # How fast this machine is, busy with other tests, is not what is asked here.
    assert {check.name for check in verdict.checks if check.stops} <= {"latency"}
    assert next(check for check in verdict.checks if check.name == "latency").measured


@slow("evaluates once more")
def test_an_evaluation_without_features_says_so_and_removes_them(learned, monkeypatch, tmp_path):
    settings, _, path = learned
    monkeypatch.setenv("QUINTET_HOME", str(settings.home))
    other = tmp_path / "without.json"
    options = ["--without-features", "0.5", "--no-cold", "--trials", "0", "--json", str(other)]
    done = CliRunner().invoke(app, ["evaluate", *options])
    assert done.exit_code == 0, done.output
    reports = [json.loads(each.read_text(encoding="utf-8")) for each in (path, other)]
    assert reports[0]["counts"]["playlists"] == reports[1]["counts"]["playlists"]
    assert reports[0] != reports[1]


def test_a_report_of_other_playlists_is_refused(learned, tmp_path):
    settings, version, path = learned
    content = json.loads(path.read_text(encoding="utf-8"))
    content["counts"]["playlists"] += 1
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ReportInvalid, match="playlists"):
        judge(settings, version, other, "none")
