"""The published client and its examples against a whole installation with QUINTET_AUTH=on."""

import asyncio
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from quintet.feedback.v1 import feedback_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_client import AsyncQuintet, Event, Filters, Quintet, QuintetError, Seed, errors
from quintet_client.rpc import (
    GET_MODEL,
    RECOMMEND_TRACKS,
    RECORD_EVENTS,
    AsyncQuintetRpc,
    QuintetRpc,
    RpcSettings,
)

from tests.known_secrets import known
from tests.root import ROOT
from tests.slow import slow

CLIENT = ROOT / "client"


@pytest.fixture(scope="module")
def options(stack):
    return {"client_id": stack.client_id, "client_secret": stack.client_secret, "timeout": 20.0}


@pytest.fixture
def quintet(stack, options):
    with Quintet(stack.base, **options) as client:
        yield client


@pytest.fixture
def operator(stack):
    """A client that may do everything."""
    client, secret = ClientFolder(Path(stack.home) / "access").create(
        f"operator-{uuid.uuid4().hex}", list(Scope)
    )
    with Quintet(
        stack.base, client_id=client.client_id, client_secret=known(secret), timeout=60
    ) as made:
        yield made


@pytest.fixture
def rpc_settings(stack, token):
    return RpcSettings(
        ranker=f"127.0.0.1:{stack.ports['ranker']}",
        token=token,
        timeout=60.0,
        credentials=stack.credentials(),
    )


def test_songs_are_found_recommended_and_liked_once(quintet, songs):
    answer = quintet.recommend(
        [*songs[:3], Seed(genre="rock", weight=0.5)],
        negative_seeds=[songs[4]],
        weights={"energy": 2.0},
        targets={"valence": 0.7},
        filters=Filters(max_tempo=170, excluded_track_ids=(songs[5],)),
        limit=20,
        max_per_artist=2,
        diversity=0.3,
        flow=True,
        listener="listener-7",
    )
    assert [item.rank for item in answer.tracks] == list(range(1, 21))
    assert answer.tracks[0].reasons is not None
    assert answer.seeds[3].genre == "rock"
    like = Event(
        recommendation_id=answer.recommendation_id,
        track_id=answer.tracks[0].track.id,
        kind="like",
        position=1,
    )
    assert (quintet.feedback([like]).accepted, quintet.feedback([like]).duplicates) == (1, 1)


def test_every_read_has_a_typed_answer(operator, songs):
    assert operator.track(songs[0]).id == songs[0]
    assert operator.model().versions.model
    assert operator.insights(hours=1).lists >= 0
    assert operator.experiment() is None
    assert operator.operations().airflow == "off"
    assert operator.readiness().ready
    assert operator.artists("eagles").artists[0].track_count > 0
    drawn = operator.catalogue_map()
    assert drawn is not None
    assert drawn.content.startswith(b"ARROW1")
    assert operator.catalogue_map(drawn.etag) is None


def test_all_pages_give_each_match_once(quintet):
    whole = [match.track.id for match in quintet.search_all("genre:rock", limit=50)]
    assert len(whole) == len(set(whole)) > 50
    assert quintet.search("genre:rock", limit=50).tracks[0].track.id == whole[0]


def test_what_breaks_a_rule_has_a_class_of_its_own(quintet):
    for asked, kind in (
        (lambda: quintet.recommend([]), errors.SeedCount),
        (lambda: quintet.recommend(["no-such-track"]), errors.SeedUnknown),
        (lambda: quintet.search(limit=51), errors.LimitRange),
        (lambda: quintet.track("no-such-track"), errors.IdUnknown),
        (lambda: quintet.delete_listener("listener-7"), errors.ScopeMissing),
        (
            lambda: quintet.feedback([Event(recommendation_id="0", track_id="t", kind="like")]),
            errors.RecommendationUnknown,
        ),
    ):
        with pytest.raises(kind) as caught:
            asked()
        assert caught.value.request_id


def test_wrong_credentials_and_none_are_told_apart(stack):
    wrong = Quintet(stack.base, client_id=stack.client_id, client_secret="no")
    with wrong, pytest.raises(errors.CredentialsRefused):
        wrong.model()
    with Quintet(stack.base) as none, pytest.raises(errors.TokenInvalid):
        none.model()


def test_a_listeners_data_comes_out_and_goes(operator, songs):
    answer = operator.recommend(songs[:1], limit=1, listener="leaver")
    track_id = answer.tracks[0].track.id
    operator.feedback(
        [Event(recommendation_id=answer.recommendation_id, track_id=track_id, kind="save")]
    )
    kept = operator.export_listener("leaver")
    assert [record["kind"] for record in kept if record["record"] == "event"] == ["save"]
    assert operator.delete_listener("leaver").deleted_events == 1
    assert operator.export_listener("leaver") == ()


async def test_many_at_once_share_one_token(stack, options, songs):
    async with AsyncQuintet(stack.base, **options) as quintet:
        answers = await asyncio.gather(*(quintet.recommend([song], limit=2) for song in songs[:8]))
        assert all(len(answer.tracks) == 2 for answer in answers)
        assert [genre.name async for genre in quintet.genres_all(limit=40)]
        with pytest.raises(QuintetError):
            await quintet.with_options(timeout=0.0001).model()


def test_services_answer_by_grpc_with_the_same_errors(rpc_settings, songs):
    seed = profile_pb2.Seed(track_id=songs[0])
    with QuintetRpc(rpc_settings) as services:
        answer = services.call(
            RECOMMEND_TRACKS, ranker_pb2.RecommendTracksRequest(seeds=[seed], limit=3)
        )
        assert len(answer.tracks) == 3
        with pytest.raises(errors.SeedCount) as caught:
            services.call(RECOMMEND_TRACKS, ranker_pb2.RecommendTracksRequest())
        assert (caught.value.field, bool(caught.value.request_id)) == ("seeds", True)


async def test_services_answer_by_grpc_in_asyncio(rpc_settings):
    async with AsyncQuintetRpc(rpc_settings) as services:
        assert (await services.call(GET_MODEL, ranker_pb2.GetModelRequest())).track_count > 0
        with pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1:1"):
            await AsyncQuintetRpc(RpcSettings(feedback="127.0.0.1:1")).call(
                RECORD_EVENTS, feedback_pb2.RecordEventsRequest(), timeout=60
            )


@pytest.fixture(scope="module")
def open_door(stack, token):
    """Where the examples find the installation; they read it from the environment."""
    return {
        "QUINTET_URL": stack.base,
        "QUINTET_TOKEN": token,
        "QUINTET_SEARCH": f"127.0.0.1:{stack.ports['search']}",
        "QUINTET_RANKER": f"127.0.0.1:{stack.ports['ranker']}",
        "QUINTET_CERTIFICATE": f"{stack.home}/tls/gateway",
    }


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("five_songs", r"(?s) 1 .+ \(.+\): .+\n10 .+accepted 1, duplicates 1"),
        pytest.param(
            "many_at_once",
            r"(?s)(.+ -> .+\n){20,}",
            marks=slow("asks for many lists"),
        ),
        ("whole_catalogue", r"(?s).+ \(\d+\).+ID_UNKNOWN at id, request \w+"),
        ("by_grpc", r"(?s)1 \w+ .+3 \w+ .+SEED_COUNT at seeds"),
    ],
)
def test_an_example_runs(open_door, name, shows):
    done = subprocess.run(
        [sys.executable, str(CLIENT / "examples" / f"{name}.py")],
        env={**os.environ, **open_door},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(shows, done.stdout), done.stdout


def test_the_readmes_programs_run(open_door, stack, tmp_path):
    text = (CLIENT / "README.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == 3
    for number, program in enumerate(programs):
        path = tmp_path / f"program_{number}.py"
        address = f'"{stack.base}", token="{open_door["QUINTET_TOKEN"]}", timeout=60'
        path.write_text(program.replace('"http://127.0.0.1:8000"', address), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout
