"""Experiments on the registry's two models: the challenger fetched, kept, and promoted by rule."""

import asyncio
import shutil
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_command import experiments
from quintet_command.models import RegistryUnavailable
from quintet_command.settings import CommandSettings
from quintet_modelkit.registry import CHALLENGER, CHAMPION
from quintet_ranker.app import build
from quintet_store import open_engine, writing
from quintet_store.experiments import ExperimentRefused, Plan
from quintet_store.feedback import add_events, add_shown, stamp

from tests.slow import slow
from tests.system.registry.rankers import following_settings

WAIT = 60.0
NOW = stamp(datetime.now(UTC))


def settings_of(home, registry, uri: str = "") -> CommandSettings:
    return CommandSettings(home=home, mlflow_uri=uri or registry.uri, mlflow_model=registry.name)


def receive(settings, experiment, wins: int, losses: int) -> None:
    """Records lists of as many listeners, each of whom likes a track of one model."""
    empty = dict.fromkeys(("surface", "index_version", "catalogue_version", "feature_hash"), "")
    lists, places, events = [], [], []
    plan = experiment.plan
    for number in range(wins + losses):
        name, origin = f"r{number}", "challenger" if number < wins else "champion"
        lists.append(
            {**empty, "recommendation_id": name, "listener": f"l{number}", "shown_at": NOW}
            | {"seeds": [], "model_version": f"{plan.champion}+{plan.challenger}"}
            | {"experiment_id": experiment.experiment_id, "arm": "interleave"}
        )
        places.append(
            {"recommendation_id": name, "position": 1, "track_id": "t1", "score": 0.0}
            | {"channels": "", "features": b"", "origin": origin}
        )
        events.append(
            {"client": "page", "event_id": name, "recommendation_id": name, "track_id": "t1"}
            | {"kind": "save", "position": 1, "dwell_ms": None, "listener": f"l{number}"}
            | {"occurred_at": NOW, "received_at": NOW}
        )
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_shown(connection, [], lists, places)
        add_events(connection, events)
    engine.dispose()


@pytest.fixture
def pair(registry, workshop, enrol):
    """A champion and a challenger, registered."""
    bundles = [workshop.bundle(rounds) for rounds in (8, 9)]
    numbers = [enrol(registry, bundle) for bundle in bundles]
    registry.promote(numbers[0])
    registry.set_alias(CHALLENGER, numbers[1])
    return [bundle.name for bundle in bundles]


def test_a_challenger_that_listeners_prefer_is_promoted_once(home, registry, pair):
    settings = settings_of(home, registry)
    models = experiments.models_for(settings, "", "")
    assert list(models) == pair
    experiment = experiments.start(settings, Plan("interleave", 100.0, *models))
    receive(settings, experiment, wins=6, losses=5)
    assert experiments.apply_rule(settings).done == ""
    receive(settings, experiment, wins=60, losses=5)
    outcome = experiments.apply_rule(settings)
    assert outcome.done.startswith("promoted")
    assert registry.named(CHAMPION).bundle == pair[1]
    assert outcome.standing is not None
    assert outcome.standing.experiment.verdict == "challenger"
    assert experiments.apply_rule(settings).done == ""


def test_a_champion_that_listeners_prefer_stays(home, registry, pair):
    settings = settings_of(home, registry)
    experiment = experiments.start(settings, Plan("interleave", 100.0, *pair))
    receive(settings, experiment, wins=5, losses=60)
    assert experiments.apply_rule(settings).done == "ended: listeners prefer the champion"
    assert registry.named(CHAMPION).bundle == pair[0]


@slow("promotes several models")
@pytest.mark.parametrize("promoted", [True, False])
def test_an_experiment_whose_champion_is_champion_no_more_ends(
    home, registry, pair, workshop, enrol, promoted
):
    settings = settings_of(home, registry)
    experiment = experiments.start(settings, Plan("interleave", 100.0, *pair))
    receive(settings, experiment, wins=60, losses=5)
    other = registry.aliases()[CHALLENGER] if promoted else enrol(registry, workshop.bundle(10))
    registry.promote(other)
    outcome = experiments.apply_rule(settings)
    expected = "the challenger became champion" if promoted else "another model became champion"
    assert outcome.done == f"ended: {expected}"
    assert registry.aliases()[CHAMPION] == other


def test_without_the_registry_nothing_is_promoted_and_nothing_ended(home, registry, pair):
    settings = settings_of(home, registry)
    experiment = experiments.start(settings, Plan("interleave", 100.0, *pair))
    receive(settings, experiment, wins=60, losses=5)
    away = settings_of(home, registry, "http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable):
        experiments.apply_rule(away)
    found = experiments.status(settings)
    assert found is not None
    assert found.experiment.is_running


def test_without_a_challenger_in_the_registry_it_must_be_named(home, registry):
    settings = settings_of(home, registry)
    with pytest.raises(ExperimentRefused, match="champion"):
        experiments.models_for(settings, "", "b")
    assert experiments.models_for(settings, "a", "b") == ("a", "b")


@slow("runs a ranker beside a registry")
async def test_the_ranker_fetches_the_challenger_and_keeps_it_when_the_alias_moves(
    home, registry, pair, workshop, enrol
):
    service = build(following_settings(home, registry))
    await service.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            await asyncio.wait_for(service.ready.wait(), WAIT)
            stub: Any = ranker_pb2_grpc.RankerServiceStub(channel)

            async def hold(version: str) -> ranker_pb2.HoldChallengerResponse:
                request = ranker_pb2.HoldChallengerRequest(challenger_version=version)
                async with asyncio.timeout(WAIT):
                    while True:
                        answer = await stub.HoldChallenger(request, timeout=WAIT)
                        if answer.held or answer.refused_reason:
                            return answer
                        await asyncio.sleep(0.02)

            assert (await hold(pair[1])).held
            assert (home / "models" / pair[1] / "manifest.json").exists()
            number = await asyncio.to_thread(enrol, registry, workshop.bundle(11))
            await asyncio.to_thread(registry.set_alias, CHALLENGER, number)
            assert (await hold(pair[1])).held
            # Let go, and fetched again by name although the alias means another now.
            assert "nobody" in (await hold("nobody")).refused_reason
            shutil.rmtree(home / "models" / pair[1])
            assert (await hold(pair[1])).held
            # One that is damaged on disk is fetched anew.
            assert "nobody" in (await hold("nobody")).refused_reason
            (home / "models" / pair[1] / "booster.txt").unlink()
            assert (await hold(pair[1])).held
    finally:
        await service.stop()
