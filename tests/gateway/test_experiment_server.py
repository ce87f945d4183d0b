"""Experiments over real servers: two real bundles, the gateway, and listeners who act."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client import REGISTRY as METRICS
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, TokenIssuer
from quintet_command import experiments
from quintet_command.settings import CommandSettings
from quintet_gateway.app import build as build_gateway
from quintet_gateway.experiments import bucket_of
from quintet_gateway.routes.experiment import ExperimentResponse
from quintet_gateway.settings import GatewaySettings
from quintet_memory.app import build as build_memory
from quintet_memory.settings import MemorySettings
from quintet_modelkit.publication import set_current
from quintet_profile.app import build as build_profile
from quintet_profile.settings import ProfileSettings
from quintet_ranker.app import build as build_ranker
from quintet_ranker.settings import RankerSettings
from quintet_search.app import build as build_search
from quintet_search.settings import SearchSettings
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.status import error_of
from quintet_store import open_engine, reading
from quintet_store.experiments import Plan, latest, standing
from quintet_store.tables import Impression, Recommendation, table_of
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model
from sqlalchemy import select

from tests.fakes.catalogue import publish_catalogue
from tests.fakes.services import WAIT, started

LIMIT = 20
LISTS, SHOWN = table_of(Recommendation), table_of(Impression)


@dataclass(frozen=True)
class Models:
    home: Path
    champion: str
    challenger: str


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Models:
    """A catalogue and two models of it."""
    home = tmp_path_factory.mktemp("made")
    publish_catalogue(home, 300)
    one, other = (
        publish_model(home, parameters=BootstrapParameters(groups=20, rounds=rounds))
        for rounds in (8, 30)
    )
    set_current(home / "models", one)
    return Models(home, one, other)


@pytest.fixture
def models(made, tmp_path) -> Models:
    home = tmp_path / "home"
    shutil.copytree(made.home, home, symlinks=True)
    return Models(home, made.champion, made.challenger)


AWAY = "postgresql://nobody@127.0.0.1:1/none"


@dataclass
class Stack:
    client: httpx.AsyncClient
    models: Models
    settings: CommandSettings

    def plan(self, mode: str = "interleave", percent: float = 100.0, **more: Any) -> Plan:
        pair = {"champion": self.models.champion, "challenger": self.models.challenger}
        return Plan(**{"mode": mode, "percent": percent, **pair, **more})

    async def begin(self, plan: Plan, held: bool = True) -> str:
        """Starts an experiment and returns its salt once gateway and ranker take part."""
        experiment = await asyncio.to_thread(experiments.start, self.settings, plan)
        name = experiment.experiment_id
        await self.until(
            lambda e: (
                e.experiment_id == name
                and (e.challenger_held if held else bool(e.challenger_refused))
            )
        )
        return experiment.salt

    async def until(self, holds: Callable[[Any], object]) -> Any:
        async with asyncio.timeout(WAIT):
            while True:
                experiment = (await self.facts()).experiment
                if experiment is not None and holds(experiment):
                    return experiment

    async def facts(self) -> ExperimentResponse:
        answer = await self.client.get("/api/v1/experiment")
        assert answer.status_code == 200, answer.text
        return ExperimentResponse.model_validate(answer.json())

    async def ask(self, listener: str = "", seed: str = "t001", **more: Any) -> dict[str, Any]:
        headers = {"Quintet-Listener": listener} if listener else {}
        body = {"seeds": [seed], "limit": LIMIT, **more}
        answer = await self.client.post("/api/v1/recommendations", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def like(self, given: dict[str, Any], track: str, kind: str = "like") -> None:
        name = given["recommendation_id"]
        event = {"event_id": f"{name[:20]}-{track}-{kind}", "recommendation_id": name}
        event |= {"track_id": track, "kind": kind}
        answer = await self.client.post("/api/v1/feedback", json=event)
        assert answer.status_code == 200, answer.text

    async def rows(self, table: Any, least: int = 1) -> list[dict[str, Any]]:
        """Returns a table once it has so many rows: lists are written after they are sent."""
        async with asyncio.timeout(WAIT):
            while len(rows := await asyncio.to_thread(self._rows, table)) < least:
                await asyncio.sleep(0.02)
        return rows

    def _rows(self, table: Any) -> list[dict[str, Any]]:
        engine = open_engine(self.settings.database_url)
        try:
            with reading(engine) as connection:
                order = list(table.primary_key.columns)
                found = connection.execute(select(table).order_by(*order)).mappings()
                return [dict(row) for row in found]
        finally:
            engine.dispose()


@contextlib.asynccontextmanager
async def running(models: Models, url: str = "", **settings: Any) -> AsyncIterator[Stack]:
    home = models.home
    database = url or f"sqlite:///{home / 'quintet.db'}"
    async with (
        started(build_search(SearchSettings(home=home, port=0))) as search,
        started(build_profile(ProfileSettings(home=home, port=0))) as profile,
        started(build_ranker(RankerSettings(home=home, port=0, follow_seconds=0.02))) as ranker,
        # Without its database it answers nothing, and lists are made without it.
        started(
            build_memory(MemorySettings(home=home, port=0, database_url=database)),
            wait=database != AWAY,
        ) as memory,
    ):
        app = build_gateway(
            GatewaySettings(
                home=home,
                database_url=database,
                grpc_port=0,
                budget_seconds=20,
                search_port=search.port,
                profile_port=profile.port,
                ranker_port=ranker.port,
                memory_port=memory.port,
                experiment_seconds=0.05,
                **{"experiment_check_seconds": 0.1, **settings},
            )
        )
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost"
            ) as client,
        ):
            yield Stack(client, models, CommandSettings(home=home, database_url=database))


async def test_interleaved_lists_tell_in_the_database_alone_whose_each_track_is(
    models, database_url
):
    async with running(models, database_url) as stack:
        before = await stack.ask("someone")
        assert before["versions"]["model"] == models.champion
        await stack.begin(stack.plan())
        given = await stack.ask("someone")
        assert given["versions"]["model"] == f"{models.champion}+{models.challenger}"
        assert given["degraded"] == []
        assert len(given["tracks"]) == LIMIT
        assert "origin" not in str(given)
        assert [t["track"] for t in (await stack.ask("someone"))["tracks"]] == [
            t["track"] for t in given["tracks"]
        ]
        rows = await stack.rows(SHOWN, 3 * LIMIT)
        mine = [r for r in rows if r["recommendation_id"] == given["recommendation_id"]]
        origins = [row["origin"] for row in mine]
        assert origins.count("champion") == origins.count("challenger") == LIMIT / 2
        assert all(row["features"] for row in mine)
        lists = {r["recommendation_id"]: r for r in await stack.rows(LISTS, 3)}
        assert lists[given["recommendation_id"]]["arm"] == "interleave"
        assert lists[before["recommendation_id"]]["arm"] == ""
        artists = [track["track"]["artists"][0]["id"] for track in given["tracks"]]
        assert max(map(artists.count, artists)) <= 3


async def test_likes_of_its_tracks_win_for_the_challenger_once_a_listener(models):
    async with running(models) as stack:
        await stack.begin(stack.plan())
        for number in range(3):
            given = await stack.ask(f"listener-{number}", seed=f"t{number:03d}")
            rows = await stack.rows(SHOWN, LIMIT * (number + 1))
            mine = [r for r in rows if r["recommendation_id"] == given["recommendation_id"]]
            by = {"challenger": 0, "champion": 0}
            for row in mine:
                # Two of the challenger's for each of the champion's; the last listener likes one
                # of each, which is a tie.
                most = {"challenger": 2 if number < 2 else 1, "champion": 1}
                if by[row["origin"]] < most[row["origin"]]:
                    by[row["origin"]] += 1
                    await stack.like(given, row["track_id"])
        again = await stack.ask("listener-0", seed="t009")
        await stack.like(again, again["tracks"][0]["track"]["id"])
        facts = (await stack.facts()).experiment
        assert facts is not None
        assert (facts.wins, facts.losses, facts.ties) == (2, 0, 1)
        assert facts.lists == {"interleave": 4}
        assert (facts.verdict, facts.running) == ("undecided", True)


async def test_in_a_split_each_listener_meets_one_model_and_the_percentage_is_set_while_it_runs(
    models,
):
    # The salt is random: that all of them meet the same model has a chance of one in a billion.
    listeners = [f"listener-{n}" for n in range(40)]
    async with running(models) as stack:
        salt = await stack.begin(stack.plan("split", 40.0))

        async def met() -> dict[str, str]:
            return {who: (await stack.ask(who))["versions"]["model"] for who in listeners}

        first = await met()
        assert first == await met()
        assert set(first.values()) == {models.champion, models.challenger}
        rows = await stack.rows(LISTS, 2 * len(listeners))
        expected = {
            row["recommendation_id"]: "challenger"
            if bucket_of(salt, row["listener"]) < 40
            else "champion"
            for row in rows
        }
        assert {row["recommendation_id"]: row["arm"] for row in rows} == expected
        changed = await asyncio.to_thread(experiments.change_percent, stack.settings, 99.9)
        await stack.until(lambda e: e.experiment_id == changed.experiment_id and e.challenger_held)
        async with asyncio.timeout(WAIT):
            # One listener in a thousand still meets the champion.
            while list((second := await met()).values()).count(models.challenger) < 37:
                pass
        assert set(second) == set(first)


async def test_whoever_prefers_the_champions_tracks_ends_the_experiment_by_rule(models):
    async with running(models) as stack:
        await stack.begin(stack.plan(min_effect=0.2, alpha=0.2))
        for number in range(8):
            given = await stack.ask(f"listener-{number}", seed=f"t{number:03d}")
            rows = await stack.rows(SHOWN, LIMIT * (number + 1))
            first = next(
                (
                    row["track_id"]
                    for row in rows
                    if row["recommendation_id"] == given["recommendation_id"]
                    and row["origin"] == "champion"
                ),
                None,
            )
            if first is None:
                break  # ended meanwhile: the list is the champion's alone
            await stack.like(given, first)
        ended = await stack.until(lambda e: not e.running)
        assert (ended.verdict, ended.wins) == ("champion", 0)
        assert ended.reason == "listeners prefer the champion"
        async with asyncio.timeout(WAIT):
            while (await stack.ask("one"))["versions"]["model"] != models.champion:
                pass


@pytest.mark.parametrize("mode", ["interleave", "split"])
async def test_without_the_challenger_the_champion_answers_and_says_so(models, mode):
    shutil.rmtree(models.home / "models" / models.challenger)
    async with running(models) as stack:
        # As good as everybody: one listener in a hundred would be left out of 99 percent.
        await stack.begin(stack.plan(mode, 99.999), held=False)
        async with asyncio.timeout(WAIT):
            while not (given := await stack.ask("someone"))["degraded"]:
                pass
        assert given["versions"]["model"] == models.champion
        assert given["degraded"] == ["challenger"]
        rows = {r["recommendation_id"]: r for r in await stack.rows(LISTS)}
        async with asyncio.timeout(WAIT):
            while given["recommendation_id"] not in rows:
                rows = {r["recommendation_id"]: r for r in await stack.rows(LISTS)}
        assert rows[given["recommendation_id"]]["arm"] == "fallback"
        facts = (await stack.facts()).experiment
        assert facts is not None
        assert (facts.lists, facts.challenger_held) == ({}, False)
        assert facts.other_lists >= 1
        assert models.challenger in facts.challenger_refused


async def test_a_shadow_is_shown_to_nobody_and_recorded(models):
    async with running(models) as stack:
        await stack.begin(stack.plan("shadow"))
        for number in range(5):
            given = await stack.ask("someone", seed=f"t{number:03d}")
            assert given["versions"]["model"] == models.champion
            assert given["degraded"] == []
        found = await stack.until(lambda e: e.shadow.requests == 5)
        assert -1 <= found.shadow.rank_correlation <= 1
        assert 0 < found.shadow.overlap <= 1
        for latency in (found.shadow.champion_ms, found.shadow.challenger_ms):
            assert 0 < latency.median <= latency.p95 < 60_000
        rows = await stack.rows(LISTS, 5)
        assert {(row["arm"], row["experiment_id"]) for row in rows} == {("", "")}


async def test_shadows_beyond_what_may_wait_are_dropped_and_counted(models):
    def dropped() -> float:
        labels = {"outcome": "dropped"}
        return METRICS.get_sample_value("quintet_shadow_requests_total", labels) or 0.0

    async with running(models, max_waiting_shadows=1) as stack:
        await stack.begin(stack.plan("shadow"))
        before = dropped()
        answers = await asyncio.gather(*(stack.ask("someone") for _ in range(12)))
        assert {a["versions"]["model"] for a in answers} == {models.champion}
        async with asyncio.timeout(WAIT):
            while dropped() == before:
                await asyncio.gather(*(stack.ask("someone") for _ in range(12)))


async def test_the_web_api_takes_part_too_and_keeps_origins_to_itself(models):
    async with running(models) as stack:
        await stack.begin(stack.plan())
        query: dict[str, Any] = {"seed_tracks": "t001", "limit": LIMIT, "reasons": "true"}
        answer = await stack.client.get("/v1/recommendations", params=query)
        both = f"{models.champion}+{models.challenger}"
        assert answer.headers["quintet-model-version"] == both
        assert len(answer.json()["tracks"]) == LIMIT
        assert "origin" not in answer.text
        legacy = await stack.client.post("/recommend_ranked", json={"track_ids": ["t001"]})
        assert legacy.status_code == 200
        rows = await stack.rows(LISTS, 2)
        assert {row["arm"] for row in rows} == {"interleave"}


@contextlib.asynccontextmanager
async def asked_directly(settings: RankerSettings) -> AsyncIterator[Any]:
    async with (
        started(build_ranker(settings)) as ranker,
        grpc.aio.insecure_channel(f"127.0.0.1:{ranker.port}") as channel,
    ):
        yield ranker_pb2_grpc.RankerServiceStub(channel)


async def test_an_engine_is_let_go_when_no_experiment_asks_for_it(models):
    settings = RankerSettings(home=models.home, port=0, follow_seconds=0.02, challenger_seconds=0.3)
    async with asked_directly(settings) as stub:

        async def held() -> str:
            model = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
            return str(model.challenger_version)

        request = ranker_pb2.HoldChallengerRequest(challenger_version=models.challenger)
        async with asyncio.timeout(WAIT):
            while not (await stub.HoldChallenger(request, timeout=WAIT)).held:
                pass
            assert await held() == models.challenger
            while await held():
                await asyncio.sleep(0.02)


async def test_get_model_asks_for_no_challenger(models):
    settings = RankerSettings(home=models.home, port=0, follow_seconds=0.02)
    async with asked_directly(settings) as stub:
        missing = ranker_pb2.HoldChallengerRequest(challenger_version="missing")
        async with asyncio.timeout(WAIT):
            while not (answer := await stub.HoldChallenger(missing, timeout=WAIT)).refused_reason:
                await asyncio.sleep(0.02)
        assert "missing is not on this machine" in answer.refused_reason
        # Asking for another challenger would clear the reason at once.
        asked = ranker_pb2.GetModelRequest(challenger_version=models.challenger)
        model = await stub.GetModel(asked, timeout=WAIT)
        assert model.challenger_refused_reason == answer.refused_reason
        assert model.challenger_version == ""


@pytest.mark.parametrize("version", ["", "../../etc/passwd", ".hidden", "m 1", "m" * 129])
async def test_a_challenger_with_an_impossible_name_is_an_invalid_argument(models, version):
    settings = RankerSettings(home=models.home, port=0)
    async with asked_directly(settings) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.HoldChallenger(
                ranker_pb2.HoldChallengerRequest(challenger_version=version), timeout=WAIT
            )
    error = error_of(refused.value)
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.field) == (Reason.REQUEST_MALFORMED, "challenger_version")
    assert "1 to 128 letters" in error.message


async def test_holding_again_reports_progress_and_keeps_the_challenger(models):
    settings = RankerSettings(home=models.home, port=0, follow_seconds=0.02, challenger_seconds=0.3)
    async with asked_directly(settings) as stub:
        request = ranker_pb2.HoldChallengerRequest(challenger_version=models.challenger)
        first = await stub.HoldChallenger(request, timeout=WAIT)
        assert (first.held, first.refused_reason) == (False, "")
        async with asyncio.timeout(WAIT):
            while not (await stub.HoldChallenger(request, timeout=WAIT)).held:
                await asyncio.sleep(0.02)
        # Three times as long as one call keeps it.
        until = asyncio.get_running_loop().time() + 0.9
        while asyncio.get_running_loop().time() < until:
            assert (await stub.HoldChallenger(request, timeout=WAIT)).held
            await asyncio.sleep(0.02)


async def test_a_challenger_that_becomes_champion_is_not_loaded_twice(models):
    settings = RankerSettings(home=models.home, port=0, follow_seconds=0.02)
    async with asked_directly(settings) as stub:

        async def model() -> Any:
            await hold()
            return await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)

        async def hold() -> Any:
            request = ranker_pb2.HoldChallengerRequest(challenger_version=models.challenger)
            return await stub.HoldChallenger(request, timeout=WAIT)

        async with asyncio.timeout(WAIT):
            while not (await hold()).held:
                pass
            # Only what is in memory can serve from now on.
            (models.home / "models" / models.challenger / "booster.txt").unlink()
            set_current(models.home / "models", models.challenger)
            while (found := await model()).versions.model_version != models.challenger:
                pass
            while not (found := await model()).challenger_refused_reason:
                pass
        assert found.challenger_version == ""
        assert "is the champion" in found.challenger_refused_reason


async def test_the_experiment_is_for_whoever_is_in_charge(models):
    folder = models.home / "access"
    clients = {
        scope: ClientFolder(folder).create(scope.value, (scope,))[0]
        for scope in (Scope.READ, Scope.ADMIN)
    }
    keys = KeyFolder(folder)
    keys.ensure()
    issuer = TokenIssuer(keys.signing_key)
    settings = GatewaySettings(home=models.home, auth="on", grpc_port=0)
    app = build_gateway(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client,
    ):
        codes = {}
        for scope, who in clients.items():
            token = issuer.issue(who.client_id, who.generation, [scope.value])
            headers = {"authorization": f"Bearer {token}"}
            answer = await client.get("/api/v1/experiment", headers=headers)
            codes[scope] = answer.status_code
        assert codes == {Scope.READ: 403, Scope.ADMIN: 200}
        assert answer.json() == {"experiment": None}


async def test_a_database_that_is_away_stops_no_recommendation(models):
    async with running(models, url=AWAY) as stack:
        given = await stack.ask("someone")
        assert given["versions"]["model"] == models.champion
        assert given["degraded"] == ["memory", "database"]
        assert (await stack.client.get("/api/v1/experiment")).status_code == 503


def test_commands_start_one_at_a_time_and_end_once(models, database_url):
    settings = CommandSettings(home=models.home, database_url=database_url)
    plan = Plan("interleave", 50.0, models.champion, models.challenger)
    begun = experiments.start(settings, plan)
    with pytest.raises(experiments.ExperimentRefused, match="runs"):
        experiments.start(settings, plan)
    engine = open_engine(database_url)
    with reading(engine) as connection:
        found = latest(connection)
        assert found == begun
        assert standing(connection, begun).verdict == "undecided"
    engine.dispose()
    ended = experiments.stop(settings, "enough")
    assert (ended.experiment.reason, ended.experiment.is_running) == ("enough", False)
    with pytest.raises(experiments.ExperimentRefused, match="no experiment"):
        experiments.stop(settings, "again")
    with pytest.raises(experiments.ExperimentRefused, match="no experiment"):
        experiments.change_percent(settings, 5)
