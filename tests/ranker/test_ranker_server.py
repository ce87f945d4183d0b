"""The real ranker on port 0, over real bundles on disk, through a real channel."""

import asyncio
import contextlib
import json
import math
import signal
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import sentence_of
from quintet_modelkit.publication import current_version, publish, set_current, staged
from quintet_ranker.app import NAME, build
from quintet_ranker.settings import RankerSettings
from quintet_servicekit.server import Service
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue
from tests.fakes.programs import start_service
from tests.fakes.reasons import facts_of

WAIT = 90.0


@pytest.fixture
def home(tmp_path) -> Path:
    publish_catalogue(tmp_path, 200)
    publish_model(tmp_path, parameters=BootstrapParameters(groups=20, rounds=8))
    return tmp_path


@contextlib.asynccontextmanager
async def serving(home: Path, **more: Any) -> AsyncIterator[tuple[Service, grpc.aio.Channel]]:
    service = build(RankerSettings(home=home, port=0, follow_seconds=0.02, **more))
    await service.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            yield service, channel
    finally:
        await service.stop()


@contextlib.asynccontextmanager
async def ready(home: Path, **more: Any) -> AsyncIterator[Any]:
    async with serving(home, **more) as (service, channel):
        await asyncio.wait_for(service.ready.wait(), WAIT)
        stub: Any = ranker_pb2_grpc.RankerServiceStub(channel)
        yield stub


def request(*names: str, **more) -> ranker_pb2.RecommendTracksRequest:
    seeds = [profile_pb2.Seed(track_id=name) for name in names]
    return ranker_pb2.RecommendTracksRequest(seeds=seeds, **more)


def explained(answer: ranker_pb2.RecommendTracksResponse) -> list[dict[str, Any]]:
    """Reads the reasons of each track."""
    return [json.loads(track.reasons_json) for track in answer.tracks]


def info_of(error: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(error).details[0].Unpack(info)
    return info


def test_the_attribute_enum_has_the_order_of_the_columns():
    names = profile_pb2.Attribute.keys()[1:]
    assert [name.removeprefix("ATTRIBUTE_").lower() for name in names] == list(ATTRIBUTES)


async def test_health_turns_serving_only_once_a_model_is_published(tmp_path):
    publish_catalogue(tmp_path, 200)
    async with serving(tmp_path) as (service, channel):
        health: Any = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest(service=NAME)
        before = await health.Check(asked, timeout=WAIT)
        assert before.status == health_pb2.HealthCheckResponse.NOT_SERVING
        stub: Any = ranker_pb2_grpc.RankerServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RecommendTracks(request("t001"), timeout=WAIT)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert info_of(caught.value).reason == "NOT_READY"
        parameters = BootstrapParameters(groups=10, rounds=4)
        await asyncio.to_thread(publish_model, tmp_path, parameters=parameters)
        await asyncio.wait_for(service.ready.wait(), WAIT)
        after = await health.Check(asked, timeout=WAIT)
        assert after.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_service(home):
    async with serving(home) as (_, channel):
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        async for answer in stub.ServerReflectionInfo(asked, timeout=WAIT):
            names = [item.name for item in answer.list_services_response.service]
        assert NAME in names


async def test_five_seeds_bring_a_ranked_explained_list(home):
    async with ready(home) as stub:
        asked = request("t001", "t020", "t050", "t100", "t150", limit=30, include_seed_pools=True)
        answer = await stub.RecommendTracks(asked, timeout=WAIT)
    assert [track.rank for track in answer.tracks] == list(range(1, 31))
    assert answer.versions.model_version == current_version(home / "models")
    assert answer.versions.index_version.startswith("idx-")
    assert answer.versions.catalogue_version == current_version(home / "catalogue")
    assert answer.pool.initial == 200
    assert answer.pool.after_filtering == 195
    assert [pool.seed.track_id for pool in answer.seed_pools] == [s.track_id for s in asked.seeds]
    assert all(track.channels for track in answer.tracks)
    for reasons in explained(answer):
        assert reasons["sentence"].endswith(".")
        assert reasons["closest_seed"]["id"] in {seed.track_id for seed in asked.seeds}
        assert reasons["closest_seed"]["title"]
        assert [each["attribute"] for each in reasons["comparisons"]] == list(ATTRIBUTES)


async def test_a_sentence_is_made_of_the_facts_beside_it(home):
    asked = request("t001", "t050", limit=20)
    async with ready(home) as stub:
        answers = {"en": await stub.RecommendTracks(asked, timeout=WAIT)}
        asked.language = "ko"
        answers["ko"] = await stub.RecommendTracks(asked, timeout=WAIT)
    for language, answer in answers.items():
        for reasons in explained(answer):
            assert sentence_of(facts_of(reasons), language) == reasons["sentence"]
    english, korean = map(explained, answers.values())
    assert [each["facts"] for each in english] == [each["facts"] for each in korean]


async def test_likes_pull_and_are_named_and_heard_tracks_are_marked(home):
    names = ["t100", "t101", "gone"]
    memory = memory_pb2.Preferences(
        track_ids=names, plays=[9, 9, 9], skips=[0, 0, 0], opinions=[1, 0, 1], days=[1, 1, 1],
        skipped=[False] * 3,
    )  # fmt: skip
    asked = request("t001", limit=20, heard_track_ids=["t103", "gone"], discovery=0.0)
    async with ready(home) as stub:
        plain = await stub.RecommendTracks(asked, timeout=WAIT)
        asked.preferences.CopyFrom(memory)
        answer = await stub.RecommendTracks(asked, timeout=WAIT)
        asked.preferences.days.append(2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RecommendTracks(asked, timeout=WAIT)
    info = info_of(caught.value)
    assert (info.reason, info.metadata["field"]) == ("REQUEST_MALFORMED", "preferences")
    assert [track.track_id for track in plain.tracks] != [t.track_id for t in answer.tracks]
    facts = [fact for reasons in explained(answer) for fact in reasons["facts"]]
    because = {fact["kind"]: fact["reference"] for fact in facts if "because" in fact["kind"]}
    assert set(because) <= {"because_you_liked", "because_you_played"}
    assert because
    for reference in because.values():
        assert (reference["seed"], reference["kind"]) == (-1, "listened")
        assert reference["id"] in names[:2]
    marked = {track.track_id for each in (plain, answer) for track in each.tracks if track.heard}
    assert marked <= {"t103"}


async def test_reasons_are_left_out_on_demand(home):
    async with ready(home) as stub:
        asked = request("t001", omit_reasons=True)
        answer = await stub.RecommendTracks(asked, timeout=WAIT)
    assert not any(track.reasons_json for track in answer.tracks)


async def test_what_tracks_were_ranked_by_is_told_to_who_asks(home):
    async with ready(home) as stub:
        told = await stub.RecommendTracks(request("t001", include_features=True), timeout=WAIT)
        bare = await stub.RecommendTracks(request("t001"), timeout=WAIT)
        model = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
    assert list(told.feature_names) == list(model.feature_names)
    for track, reasons in zip(told.tracks, explained(told), strict=True):
        values = struct.unpack(f"<{len(told.feature_names)}f", track.features)
        by_name = dict(zip(told.feature_names, values, strict=True))
        for each in reasons["contributions"]:
            name, value = each["feature"], each["value"]
            # NaN, which JSON cannot hold, is sent as 0.
            assert by_name[name] == pytest.approx(value) or (
                math.isnan(by_name[name]) and value == 0
            )
    assert not bare.feature_names
    assert not any(track.features for track in bare.tracks)
    assert [t.track_id for t in told.tracks] == [t.track_id for t in bare.tracks]


async def test_every_option_of_a_request_is_heard(home):
    energy = profile_pb2.ATTRIBUTE_ENERGY
    asked = request(
        "t001",
        negative_seeds=[profile_pb2.Seed(artist_id="a7")],
        weights=[profile_pb2.AttributeWeight(attribute=energy, weight=3)],
        targets=[profile_pb2.AttributeTarget(attribute=energy, value=0.9)],
        filters=ranker_pb2.Filters(
            ranges=[ranker_pb2.AttributeRange(attribute=energy, min=0.4)],
            genres=["rock"],
            explicit=False,
            excluded_track_ids=["t002"],
            excluded_artist_ids=["a2"],
        ),
        limit=20,
        max_per_artist=1,
        diversity=0.4,
        flow=True,
        omit_reasons=True,
    )
    async with ready(home) as stub:
        answer = await stub.RecommendTracks(asked, timeout=WAIT)
    artists = [int(track.track_id[1:]) // 4 for track in answer.tracks]
    assert len(artists) == len(set(artists)) > 5
    assert all(artist % 2 == 0 and artist != 2 for artist in artists)
    assert not any(track.reasons_json for track in answer.tracks)


@pytest.mark.parametrize(
    ("asked", "code", "reason", "field"),
    [
        (request(), "INVALID_ARGUMENT", "SEED_COUNT", "seeds"),
        (request(*["t001"] * 6), "INVALID_ARGUMENT", "SEED_COUNT", "seeds"),
        (request("t001", limit=0), "INVALID_ARGUMENT", "LIMIT_RANGE", "limit"),
        (request("t001", limit=501), "INVALID_ARGUMENT", "LIMIT_RANGE", "limit"),
        (
            request(
                "t001",
                weights=[
                    profile_pb2.AttributeWeight(
                        attribute=profile_pb2.ATTRIBUTE_ENERGY, weight=np.nan
                    )
                ],
            ),
            "INVALID_ARGUMENT",
            "WEIGHT_RANGE",
            "weights.energy",
        ),
        (
            request(
                "t001",
                targets=[
                    profile_pb2.AttributeTarget(
                        attribute=profile_pb2.ATTRIBUTE_UNSPECIFIED, value=1
                    )
                ],
            ),
            "INVALID_ARGUMENT",
            "TARGET_RANGE",
            "targets[0].attribute",
        ),
        (
            request(
                "t001",
                filters=ranker_pb2.Filters(
                    ranges=[
                        ranker_pb2.AttributeRange(
                            attribute=profile_pb2.ATTRIBUTE_ENERGY, min=0.9, max=0.1
                        )
                    ]
                ),
            ),
            "INVALID_ARGUMENT",
            "FILTER_RANGE",
            "min_energy",
        ),
        (request("t001", "nobody"), "NOT_FOUND", "SEED_UNKNOWN", "seeds"),
    ],
)
async def test_bad_requests_name_reason_and_field(home, asked, code, reason, field):
    async with ready(home) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RecommendTracks(asked, timeout=WAIT)
    info = info_of(caught.value)
    assert caught.value.code().name == code
    assert (info.reason, info.metadata["field"]) == (reason, field)
    if reason == "SEED_UNKNOWN":
        assert info.metadata["seeds"] == "nobody"


async def test_models_swap_under_load_without_a_failed_request(home):
    first = current_version(home / "models")
    async with ready(home) as stub:
        seen: set[str] = set()
        stop = asyncio.Event()

        async def ask() -> None:
            while not stop.is_set():
                answer = await stub.RecommendTracks(request("t001", limit=20), timeout=WAIT)
                assert len(answer.tracks) == 20
                seen.add(answer.versions.model_version)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask())
            other = BootstrapParameters(groups=20, rounds=9)
            second = await asyncio.to_thread(publish_model, home, parameters=other)
            async with asyncio.timeout(WAIT):
                while second not in seen:
                    await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
            stop.set()
        assert seen == {first, second}


async def test_a_damaged_model_is_refused_while_the_old_one_serves(home):
    first = current_version(home / "models")
    async with ready(home) as stub:
        with staged(home / "models") as folder:
            (folder / "manifest.json").write_text("{}")
            publish(folder, home / "models", "broken-1", make_current=False)
        set_current(home / "models", "broken-1")
        async with asyncio.timeout(WAIT):
            model = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
            while not model.refused_version:
                model = await stub.GetModel(ranker_pb2.GetModelRequest(), timeout=WAIT)
        assert model.refused_version == "broken-1"
        assert "manifest is missing or unreadable" in model.refused_reason
        assert model.versions.model_version == first
        assert (model.kind, model.track_count) == ("bootstrap", 200)
        assert "audio" in model.channels
        answer = await stub.RecommendTracks(request("t001"), timeout=WAIT)
        assert answer.versions.model_version == first


@pytest.mark.parametrize(("name", "part"), [("booster.txt", "booster"), ("index.faiss", "index")])
async def test_what_is_left_of_a_damaged_model_serves_until_it_is_whole(home, name, part):
    async with ready(home) as stub:
        whole = await stub.RecommendTracks(request("t001", limit=30), timeout=WAIT)
    path = home / "models" / str(current_version(home / "models")) / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    async with ready(home) as stub:
        answer = await stub.RecommendTracks(request("t001", limit=30), timeout=WAIT)
        assert list(answer.degraded) == [part]
        if part == "index":
            assert [track.track_id for track in answer.tracks] == [
                track.track_id for track in whole.tracks
            ]
        else:
            cosines = [track.similarity for track in answer.tracks]
            assert cosines == sorted(cosines, reverse=True)
        path.write_bytes(content)
        async with asyncio.timeout(WAIT):
            while (
                answer := await stub.RecommendTracks(request("t001", limit=30), timeout=WAIT)
            ).degraded:
                await asyncio.sleep(0.05)  # until the bundle is tried again
    assert answer.tracks == whole.tracks


async def test_a_damaged_catalogue_is_never_served(home):
    path = home / "models" / str(current_version(home / "models")) / "catalogue" / "features.npy"
    path.write_bytes(path.read_bytes()[:-8] + b"damaged!")
    async with serving(home) as (service, channel):
        stub: Any = ranker_pb2_grpc.RankerServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RecommendTracks(request("t001"), timeout=WAIT)
        assert info_of(caught.value).reason == "NOT_READY"
        assert not service.ready.is_set()


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUINTET_RANKER_PORT", "seven"), ("QUINTET_RANKER_THREADS", "0")],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path, name, value):
    process = start_service("ranker", tmp_path, {name: value})
    _, error = process.communicate(timeout=WAIT)
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert error.startswith(f"error: {name}: ")


def test_sigterm_ends_the_process_cleanly(home):
    process = start_service("ranker", home)
    assert process.stderr is not None
    for line in process.stderr:
        if '"serving"' in line:
            break
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert "Traceback" not in error


async def test_neighbours_come_from_milvus_and_from_this_process_while_that_is_away(
    home, tmp_path_factory, unused_tcp_port
):
    asked = request("t001", "t020", "t050", limit=30)

    async def answered(stub: Any, degraded: list[str]) -> list[str]:
        async with asyncio.timeout(WAIT):
            while True:
                answer = await stub.RecommendTracks(asked, timeout=WAIT)
                if list(answer.degraded) == degraded:
                    return [track.track_id for track in answer.tracks]

    async with ready(home) as stub:
        local = await answered(stub, [])
    elsewhere = str(tmp_path_factory.mktemp("milvus") / "vectors.db")
    milvus = {"vector_index": "milvus", "milvus_timeout": 5, "milvus_uri": elsewhere}
    async with ready(home, **milvus) as stub:
        assert await answered(stub, []) == local
    nowhere = f"http://127.0.0.1:{unused_tcp_port}"
    async with ready(home, **{**milvus, "milvus_uri": nowhere}) as stub:
        assert await answered(stub, ["index"]) == local
