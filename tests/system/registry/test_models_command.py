"""`quintet models` and what it calls, against a real registry."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from quintet_command import housekeeping
from quintet_command.cli import main
from quintet_command.models import (
    compare_models,
    promote,
    pulled,
    register_model,
    registered,
    registry_of,
    rollback,
    write_card,
)
from quintet_command.settings import CommandSettings
from quintet_modelkit.registry import (
    CHALLENGER,
    CHAMPION,
    Registry,
    RegistryInvalid,
    RegistryUnavailable,
)

from tests.slow import slow

# As `quintet evaluate` names them.
METRICS = {
    "ndcg_500.five_seeds": 0.31,
    "ndcg_500.five_seeds.lower": 0.29,
    "ndcg_500.five_seeds.upper": 0.33,
    "hand_made.ndcg_500.five_seeds": 0.11,
    "ratio.ndcg_500.hand_made.five_seeds": 2.8,
    "recall_500.decile_2.five_seeds": 0.2,
    "ndcg@10": 0.25,
    "clicks.cold": float("nan"),
}


@pytest.fixture
def settings(workshop, server) -> CommandSettings:
    name = f"model-{uuid.uuid4().hex[:12]}"
    return CommandSettings(home=workshop.home, mlflow_uri=server.uri, mlflow_model=name)


def environment(settings: CommandSettings) -> dict[str, str]:
    return {
        "QUINTET_HOME": str(settings.home),
        "QUINTET_MLFLOW_URI": settings.mlflow_uri,
        "QUINTET_MLFLOW_MODEL": settings.mlflow_model,
    }


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def quintet(settings, monkeypatch, capsys) -> Callable[..., Done]:
    """Runs the command line in this process: MLflow takes seconds to import."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["quintet", "models", *arguments])
        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        shown = capsys.readouterr()
        return Done(int(left.value.code or 0), shown.out, shown.err)

    return run


def test_everything_known_of_a_model_is_logged(settings, workshop, tmp_path):
    bundle = workshop.bundle(8)
    report = tmp_path / "page.html"
    report.write_text("<h1>Report</h1>")
    number = register_model(settings, bundle.name, METRICS, {"report.html": report})
    registry = registry_of(settings)
    record = registry.facts(number)
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert registry.aliases() == {CHALLENGER: number}
    assert (record.bundle, record.kind) == (bundle.name, "bootstrap")
    assert record.feature_hash == manifest["feature_hash"]
    assert registry.features(record) == tuple(manifest["feature_names"])
    assert registry.read(record, "report.html") == "<h1>Report</h1>"
    data = json.loads(registry.read(record, "data.json"))
    assert data["catalogue"]["sources"] == [{"name": "made", "licence": "CC0", "tracks": 1500}]
    assert len(data["catalogue"]["files"]["features.npy"]["sha256"]) == 64
    assert record.metrics["ndcg_500.five_seeds.lower"] == 0.29
    assert record.metrics["ndcg_at_10"] == 0.25
    assert record.metrics["training_groups"] == manifest["metrics"]["training_groups"]
    assert record.tags["undefined_metrics"] == "clicks.cold"
    assert record.parameters["parameters.rounds"] == "8"
    listing = json.loads(registry.read(record, "bundle-files.json"))
    assert {"manifest.json", "booster.txt", "index.faiss", "catalogue/standardiser.json"} <= set(
        listing
    )


def test_a_bundle_registered_again_keeps_its_number_and_gains_what_is_new(
    settings, workshop, tmp_path
):
    bundle = workshop.bundle(8)
    first = register_model(settings, bundle.name)
    page = tmp_path / "r.html"
    page.write_text("new")
    again = register_model(settings, bundle.name, {"ndcg_500.five_seeds": 0.4}, {"r.html": page})
    registry = registry_of(settings)
    assert again == first
    assert len(registry.versions()) == 1
    record = registry.facts(first)
    assert record.metrics["ndcg_500.five_seeds"] == 0.4
    assert registry.read(record, "r.html") == "new"


def test_the_champion_is_never_called_challenger_too(settings, workshop):
    name = workshop.bundle(8).name
    number = register_model(settings, name, alias=CHAMPION)
    assert register_model(settings, name) == number
    assert registry_of(settings).aliases() == {CHAMPION: number}


def test_a_challenger_that_is_promoted_is_challenger_no_more(settings, workshop):
    number = register_model(settings, workshop.bundle(8).name)
    promote(settings, CHALLENGER)
    assert registry_of(settings).aliases() == {CHAMPION: number}


def test_rollbacks_go_back_one_champion_after_the_other(settings, workshop):
    numbers = [register_model(settings, workshop.bundle(r).name) for r in (8, 9, 10)]
    for number in numbers:
        promote(settings, number)
    assert [rollback(settings).after.version for _ in range(2)] == numbers[1::-1]
    with pytest.raises(RegistryInvalid, match="no previous champion"):
        rollback(settings)
    assert registry_of(settings).aliases()[CHAMPION] == numbers[0]


def test_a_champion_named_by_hand_can_be_rolled_back(settings, workshop):
    first, second = (register_model(settings, workshop.bundle(r).name) for r in (8, 9))
    promote(settings, first)
    registry_of(settings).set_alias(CHAMPION, second)
    assert rollback(settings).after.version == first


def test_a_version_that_holds_no_bundle_is_not_promoted(settings, workshop):
    registry = registry_of(settings)
    known = registry.version(register_model(settings, workshop.bundle(8).name))
    made = registry._client.create_model_version(registry.name, known.source, known.run_id)
    with pytest.raises(RegistryInvalid, match="has no Quintet bundle"):
        registry.promote(made.version)
    assert [record.version for record in registry.versions()] == ["1"]


def test_a_damaged_bundle_is_not_registered(settings, workshop, quintet):
    bundle = workshop.altered(workshop.bundle(8))
    (bundle / "booster.txt").write_text("tree\n")
    assert quintet("register", bundle.name).code == 2
    assert registry_of(settings).versions() == []


def test_two_models_are_compared_by_metrics_features_importances_and_lists(settings, workshop):
    left, right = (
        register_model(settings, workshop.bundle(rounds).name, {"ndcg_500.five_seeds": value})
        for rounds, value in ((8, 0.3), (30, 0.35))
    )
    found = compare_models(settings, left, right)
    assert found.facts.metrics["ndcg_500.five_seeds"] == (0.3, 0.35)
    assert found.facts.parameters["parameters.rounds"] == ("8", "30")
    assert (found.facts.features_added, found.facts.features_removed) == ((), ())
    assert sum(pair[0] for pair in found.importances.values()) == pytest.approx(1)
    assert found.agreement is not None
    assert found.agreement.requests == 100
    assert 0 < found.agreement.overlap[50] < 1
    assert found.agreement.correlation is not None
    same = compare_models(settings, left, left).agreement
    assert same is not None
    assert (same.overlap[10], same.overlap[50], same.correlation) == (1, 1, 1)


def test_a_model_of_other_features_is_compared_but_for_its_lists(settings, workshop):
    left = workshop.bundle(8)
    right = workshop.altered(left, feature_hash="0" * 64, feature_names=["novel"])
    numbers = [register_model(settings, bundle.name) for bundle in (left, right)]
    found = compare_models(settings, *numbers)
    assert found.facts.features_added == ("novel",)
    assert "profile_cosine" in found.facts.features_removed
    assert found.agreement is None
    assert "features" in found.why_not


def test_the_card_says_data_metrics_slices_and_limits(settings, workshop, tmp_path):
    register_model(settings, workshop.bundle(8).name, METRICS, alias=CHAMPION)
    path = tmp_path / "docs" / "card.md"
    write_card(settings, path)
    text = path.read_text()
    assert "| made | CC0 | 1,500 |" in text
    assert "### five seeds" in text
    assert "| `ndcg_500` | 0.31 | 0.29 to 0.33 |" in text
    assert "| `hand_made.ndcg_500` | 0.11 |  |" in text
    assert "### Against baselines" in text
    assert "trained without playlists" in text
    assert "Not defined on the data at hand: clicks.cold." in text


def test_commands_register_list_compare_promote_and_take_back(workshop, tmp_path, quintet):
    bundles = [workshop.bundle(8), workshop.bundle(9)]
    assert "No models are registered" in quintet("list").out
    numbers = tmp_path / "metrics.json"
    numbers.write_text('{"ndcg_500.five_seeds": 0.5}')
    done = quintet("register", bundles[0].name, "--metrics", str(numbers))
    assert (done.code, done.out) == (0, f"model 1: {bundles[0].name}, challenger\n")
    quintet("register", bundles[1].name)
    assert quintet("promote", "1", "--without-gate").out.startswith("champion is model 1")
    moved = quintet("promote", bundles[1].name, "--without-gate").out
    assert moved == f"champion is model 2, {bundles[1].name}; before it: model 1\n"
    assert quintet("rollback").out.startswith("champion is model 1")
    listed = quintet("list").out.splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [
        ["2", bundles[1].name],
        ["1", bundles[0].name],
    ]
    assert "champion" in listed[2]
    assert listed[2].rstrip().endswith("0.5000")
    facts = json.loads(quintet("list", "--json").out)
    assert facts[1]["aliases"] == ["champion"]
    compared = quintet("diff", "champion", "2")
    assert "100 fixed requests: overlap@10" in compared.out
    assert json.loads(quintet("diff", "1", "2", "--json").out)["lists"]["requests"] == 100
    card = tmp_path / "card.md"
    assert quintet("card", "--out", str(card)).code == 0
    assert card.read_text().startswith("# Model card")


def stopped_report(counts):
    """An evaluation of a model that shows the same few tracks to everybody."""
    value = {"mean": 0.5, "lower": 0.4, "upper": 0.6, "playlists": 40}
    methods = {name: {"ndcg": value, "calibration": value} for name in ("model", "hand_made")}
    coverage = {"model": 0.01, "hand_made": 0.5}
    section = {"name": "five_seeds", "methods": methods, "coverage": coverage}
    return {
        "options": {"seed": 1, "limit": 500},
        "counts": counts,
        "primary": "five_seeds",
        "by_seeds": [section],
        "differences": {"als": {"ndcg": value}},
        "cold_to_cosine": None,
        "playlists": [],
    }


@slow("runs several commands")
def test_by_hand_too_only_what_the_gate_lets_through_is_promoted(workshop, tmp_path, quintet):
    bundle = workshop.bundle(8)
    quintet("register", bundle.name)
    unknown = quintet("promote", "challenger")
    assert (unknown.code, unknown.out) == (2, "")
    assert "cannot judge model 1" in unknown.err
    assert unknown.err.strip().endswith("or say --without-gate")
    report = tmp_path / "report.json"
    counts = {"tracks": 1500, "playlists": None}
    report.write_text(json.dumps(stopped_report(counts)), encoding="utf-8")
    quintet("register", bundle.name, "--artefact", str(report))
    stopped = quintet("promote", "challenger")
    assert (stopped.code, stopped.out) == (1, "")
    assert "coverage: " in stopped.err
    assert "--without-gate promotes it all the same" in stopped.err
    assert json.loads(quintet("list", "--json").out)[0]["aliases"] == ["challenger"]
    assert quintet("promote", "challenger", "--without-gate").code == 0


@slow("registers many models")
def test_old_versions_leave_the_registry_but_none_that_is_needed(registry, workshop, enrol, server):
    numbers = [enrol(registry, workshop.bundle(rounds)) for rounds in range(4, 10)]
    for number in numbers[:3]:
        registry.promote(number)
    registry.set_alias(CHALLENGER, numbers[5])
    told = registry.forget(1, dry_run=True)
    assert [record.version for record in told] == [numbers[0], numbers[3]]
    assert len(registry.versions()) == 6
    source = server.files / told[0].source.partition("mlflow-artifacts:/")[2]
    assert source.is_dir()
    assert registry.forget(1) == told
    assert {r.version for r in registry.versions()} == {numbers[n] for n in (1, 2, 4, 5)}
    assert not source.exists()
    assert registry.forget(1) == []
    assert registry.rollback().after.version == numbers[1]


@slow("registers many models")
def test_housekeeping_forgets_old_registered_models(workshop, quintet, settings):
    for rounds in (4, 5, 6):
        quintet("register", workshop.bundle(rounds).name)
    keep_one = settings.model_copy(update={"housekeeping_registered": 1})
    assert [name[:3] for name in housekeeping.sweep(keep_one, dry_run=True).registered] == ["1 ("]
    assert housekeeping.sweep(keep_one).registered
    assert [r.version for r in registered(keep_one)] == ["3", "2"]


def test_a_fetch_that_takes_too_long_ends(registry, workshop, enrol, wire, tmp_path):
    number = enrol(registry, workshop.bundle(8))
    wire.set("stall", 20_000)
    slow = CommandSettings(home=tmp_path, mlflow_uri=wire.uri, mlflow_download_seconds=1.5)
    near = Registry(wire.uri, registry.name)
    with pytest.raises(RegistryUnavailable, match=r"DOWNLOAD_SECONDS=1\.5"):
        pulled(slow, near, registry.version(number))
    assert wire.touched.is_set()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("promote", "7"), "no registered model is called '7'"),
        (("rollback",), "no previous champion"),
        (("card",), "no registered model is called 'champion'"),
        (("register", "nobody"), "nobody"),
        (("register", "--metrics", "missing.json"), "missing.json"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_two(workshop, quintet, arguments, text):
    workshop.bundle(8)
    done = quintet(*arguments)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    assert text in done.err


@slow("waits for a deadline")
def test_a_registry_that_is_away_is_one_line(settings):
    away = settings.model_copy(update={"mlflow_uri": "http://user:pw@127.0.0.1:9"})
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", "models", "list"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment(away)},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: no registry answers at http://127.0.0.1:9\n"
