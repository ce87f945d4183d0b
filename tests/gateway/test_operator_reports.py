"""The operator's reports over real services: what happened survives a restart of the gateway."""

import asyncio
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from quintet.ranker.v1 import ranker_pb2
from quintet_command.library_worker import arguments_of
from quintet_gateway.adapters.model_registry import ModelRegistry
from quintet_gateway.adapters.music import OwnMusic
from quintet_gateway.adapters.observer import Observer, _Interval
from quintet_gateway.feedback.impressions import request_of, stored_options
from quintet_gateway.schemas.operator import (
    OVERVIEW_EXAMPLE,
    OverviewResponse,
    RecordedListResponse,
)
from quintet_gateway.seeds import stored_seeds
from quintet_modelkit.publication import set_current
from quintet_servicekit.errors import Conflict, NotFound
from quintet_store.library_requests import begin_request, request_work
from quintet_store.operation_history import Traffic
from quintet_store.reopening import Database
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue
from tests.fakes.services import gateway

SEEDS = [{"track_id": "t001", "weight": 2.0}, {"genre": "rock"}]
DOWN = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("reports")
    publish_catalogue(home, 300)
    version = publish_model(home, parameters=BootstrapParameters(groups=5, rounds=2))
    set_current(home / "models", version)
    return home


async def overview_with(client, kinds, model):
    """Reads the overview until its events have these kinds, and a version that was served."""
    for _ in range(100):
        answer = await client.get("/api/v1/operator/overview", params={"hours": 1})
        found = OverviewResponse.model_validate(answer.json())
        seen = {event.kind for event in found.events}
        if kinds <= seen and model in [event.subject for event in found.events]:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found.events)


async def test_a_list_is_looked_up_with_everything_that_made_it(home):
    body = {
        "seeds": SEEDS,
        "negative_seeds": [{"genre": "jazz"}],
        "limit": 5,
        "diversity": 0.4,
        "discovery": 0.5,
        "targets": {"energy": 0.9},
    }
    async with gateway(home) as (client, _):
        made = (await client.post("/api/v1/recommendations", json=body)).json()
        name, best = made["recommendation_id"], made["tracks"][0]
        event = {
            "event_id": "e-1", "recommendation_id": name, "kind": "like",
            "track_id": best["track"]["id"],
        }  # fmt: skip
        assert (await client.post("/api/v1/feedback", json=event)).status_code == 200
        answer = (await client.get(f"/api/v1/operator/lists/{name}")).json()
        unknown = await client.get("/api/v1/operator/lists/nope")
        registry = (await client.get("/api/v1/operator/models")).json()
        promotion = await client.post("/api/v1/operator/models/3/promotion", json={})
        other = publish_model(home, parameters=BootstrapParameters(groups=5, rounds=3))
    found = RecordedListResponse.model_validate(answer)
    assert [track.track_id for track in found.tracks] == [t["track"]["id"] for t in made["tracks"]]
    assert answer["tracks"][0]["reasons"] == best["reasons"]
    assert (found.reasons_from, found.surface) == ("replay", "/api/v1/recommendations")
    assert answer["versions"] == made["versions"]
    assert (found.options["diversity"], found.options["discovery"]) == (0.4, 0.5)
    assert len(found.seeds) == 3
    assert found.pool["candidates"] >= 5
    liked = [(each.kind, each.track_id) for each in found.feedback]
    assert liked == [("like", best["track"]["id"])]
    assert (registry["registry"], registry["models"]) == ("off", [])
    assert promotion.status_code == 409
    assert unknown.status_code == 404
    assert unknown.json()["error"]["details"][0]["reason"] == "RECOMMENDATION_UNKNOWN"
    before = (home / "models" / "current").read_text()
    set_current(home / "models", other)
    try:
        async with gateway(home) as (client, _):
            answer = (await client.get(f"/api/v1/operator/lists/{name}")).json()
            # The gateway was stopped and started, and serves another model.
            kinds = {"gateway_started", "gateway_stopped", "model_served"}
            overview = await overview_with(client, kinds, other)
    finally:
        (home / "models" / "current").write_text(before)
    assert answer["reasons_from"] == "other_versions"
    assert answer["tracks"][0]["reasons"] is None
    assert overview.traffic is not None
    routes = {route.route: route.requests for route in overview.traffic.routes}
    assert routes["/api/v1/recommendations"] >= 1
    assert "/api/v1/operator/overview" not in routes
    assert overview.trend is not None
    assert [(each.lists, each.approved) for each in overview.trend.approval] == [(1, 1)]
    served = [event.subject for event in overview.events if event.kind == "model_served"]
    assert overview.model is not None
    assert served == [overview.model.versions.model, made["versions"]["model"]]


async def test_without_a_database_the_rest_is_reported(home):
    async with gateway(home, database_url=DOWN) as (client, _):
        answer = (await client.get("/api/v1/operator/overview")).json()
        wrong = await client.get("/api/v1/operator/overview", params={"hours": 745})
        models = await client.get("/api/v1/operator/models")
    assert answer["unavailable"] == ["database"]
    assert answer["traffic"] is None
    assert answer["model"]["versions"]["model"]
    assert wrong.status_code == 400
    assert models.status_code == 503
    assert wrong.json()["error"]["details"][0]["reason"] == "LIMIT_RANGE"


def test_the_example_has_the_shape_of_the_answer():
    OverviewResponse.model_validate(OVERVIEW_EXAMPLE)


def test_options_are_read_as_they_were_written_and_no_memory_is_kept():
    request = ranker_pb2.RecommendTracksRequest(limit=7, flow=True, language="ko", discovery=0.0)
    request.seeds.add(track_id="t001", weight=2.0)
    request.negative_seeds.add(genre="jazz", weight=1.0)
    request.filters.genres.append("rock")
    request.filters.min_year = 1990
    bare = ranker_pb2.RecommendTracksRequest()
    bare.CopyFrom(request)
    request.filters.excluded_track_ids.extend(["secret"] * 3)
    request.heard_track_ids.append("secret")
    request.known_track_ids.append("secret")
    request.include_features = True
    request.trial.draft_key = "secret"
    options = stored_options(request)
    assert "secret" not in str(options)
    assert options["memory"] == {"excluded_tracks": 3, "known_tracks": 1, "heard_tracks": 1}
    assert request_of(options, stored_seeds(request)) == bare


def observer():
    return Observer(Database("sqlite://"), None, dict)  # type: ignore[arg-type]


def noted(watching):
    return [(event.kind, event.subject) for event in watching._events]


def test_a_service_is_down_when_it_fails_twice_and_up_when_it_serves_again():
    watching = observer()
    for state in ("SERVING", "UNREACHABLE", "SERVING", "UNREACHABLE", "UNREACHABLE", "SERVING"):
        watching.look_at_states({"search": state, "memory": "SERVING"})
    assert noted(watching) == [("service_down", "search"), ("service_up", "search")]


def test_a_restarted_ranker_and_a_rejected_version_are_noted_once():
    watching = observer()
    watching._seen.known = {"model_served": "m1", "catalogue_served": "c1"}
    start = datetime.now(UTC).timestamp()

    def answer(seconds, refused=""):
        load = Timestamp()
        load.FromNanoseconds(int((start + seconds) * 1e9))
        versions = ranker_pb2.Versions(model_version="m1", catalogue_version="c1")
        return ranker_pb2.GetModelResponse(
            versions=versions, load_time=load, refused_version=refused, refused_reason="damaged"
        )

    # The second address has another ranker, which began before the gateway.
    for seconds in (-50, -90, -50, 20, 20, -90):
        watching.look_at_model(answer(seconds))
    for _ in range(2):
        watching.look_at_model(answer(20, "m2"))
    assert noted(watching) == [("service_restarted", "ranker"), ("model_rejected", "m2")]


def test_counts_wait_for_the_database_within_a_bound():
    answered = {"/x": Traffic(5, durations={0.1: 5})}
    watching = Observer(Database(DOWN), None, lambda: answered)  # type: ignore[arg-type]
    watching._counting = {300: _Interval(0, {})}
    for number in range(1, 500):
        answered = {"/x": Traffic(5 + number, durations={0.1: 5 + number})}
        watching._count(300.0 * number)
    assert len(watching._counted) <= 200


async def test_models_are_listed_and_changes_of_the_champion_are_queued_once(tmp_path):
    models = ranker_pb2.ListModelsResponse(
        registry=ranker_pb2.REGISTRY_STATE_UP, previous_champion="1"
    )
    for number, alias in (("3", "challenger"), ("2", "champion"), ("1", "")):
        models.models.add(number=number, aliases=[alias], metrics={"ndcg_at_10": 0.3})

    class Ranker:
        async def models(self):
            return models

    noted = []
    database = Database(f"sqlite:///{tmp_path / 'q.db'}")
    registry = ModelRegistry(
        Ranker(), OwnMusic(database, tmp_path), lambda *event: noted.append(event)
    )
    with pytest.raises(NotFound):
        await registry.promote("9", False, "op")
    with pytest.raises(Conflict, match="champion already"):
        await registry.promote("2", False, "op")
    with pytest.raises(Conflict, match="champion is model 2"):
        await registry.roll_back("1", "op")
    first = await registry.promote("3", False, "op")
    assert (await registry.promote("3", False, "op")).id == first.id
    await registry.roll_back("2", "op")
    found = await registry.overview()
    assert [(each.action, each.number) for each in found.requests] == [
        ("rollback", "2"),
        ("promote", "3"),
    ]
    assert found.models[0].metrics == {"ndcg_at_10": 0.3}
    assert noted[0] == ("promotion_requested", "3", "op")
    with database.writing() as connection:
        request_work(connection, "sync", "music")
        begun = [begin_request(connection) for _ in range(3)]
    assert [arguments_of(each) for each in begun if each] == [
        ["models", "promote", "--", "3"],
        ["models", "rollback", "--from=2"],
        ["library", "sync", "--", "music"],
    ]
    models.registry = ranker_pb2.REGISTRY_STATE_OFF
    with pytest.raises(Conflict, match="QUINTET_MLFLOW_URI"):
        await registry.promote("3", False, "op")
    database.close()
