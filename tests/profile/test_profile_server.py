"""The real profile service on port 0, over a real snapshot, through a real channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_contract.attributes import ATTRIBUTES
from quintet_modelkit.features import COLUMN, DIMENSIONS, Standardiser
from quintet_modelkit.publication import publish, staged
from quintet_modelkit.snapshot import SCHEMA, write_snapshot
from quintet_profile.app import build
from quintet_profile.settings import ProfileSettings
from quintet_servicekit.channel import open_channel
from quintet_servicekit.errors import AppError, InvalidInput, NotFound, Reason
from quintet_servicekit.status import error_of

COUNT = 40
Seed = profile_pb2.Seed


def made_features() -> np.ndarray:
    random = np.random.default_rng(5)
    features = random.random((COUNT, len(ATTRIBUTES)))
    features[:, COLUMN["key"]] = random.integers(0, 12, COUNT)
    features[:, COLUMN["tempo"]] = random.uniform(60, 180, COUNT)
    features[:, COLUMN["duration_ms"]] = random.uniform(1e5, 4e5, COUNT)
    return features


FEATURES = made_features()


def publish_catalogue(home: Path, count: int = COUNT) -> None:
    empty = dict.fromkeys(("release_date", "isrc", "cover_url", "preview_url"), "")
    rows = [
        empty
        | {"track_id": f"t{row:03d}", "title": f"Song {row}", "artists": [f"Artist {row // 4}"]}
        | {"artist_ids": [f"a{row // 4}"], "album": "Album", "album_id": "al", "explicit": False}
        | {"genres": ["rock"] if row % 2 else ["rock", "jazz"], "recording": row}
        | {"provenance": "made", "licence": "CC0"}
        for row in range(count)
    ]
    root = home / "catalogue"
    with staged(root) as folder:
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        publish(folder, root, write_snapshot(folder, table, FEATURES[:count]))


@contextlib.asynccontextmanager
async def profile_service(home: Path) -> AsyncIterator[Any]:
    service = build(ProfileSettings(home=home, port=0, follow_seconds=0.02))
    await service.start()
    try:
        await asyncio.wait_for(service.ready.wait(), 90)
        async with open_channel(f"127.0.0.1:{service.port}", timeout=60) as channel:
            await asyncio.wait_for(channel.channel_ready(), 90)
            yield profile_pb2_grpc.ProfileServiceStub(channel)
    finally:
        await service.stop()


@pytest.fixture
async def stub(tmp_path):
    publish_catalogue(tmp_path)
    async with profile_service(tmp_path) as stub:
        yield stub


async def refusal(call) -> AppError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = error_of(caught.value)
    assert error is not None
    return error


def request(*ids: str, **options) -> profile_pb2.BuildProfileRequest:
    return profile_pb2.BuildProfileRequest(seeds=[Seed(track_id=name) for name in ids], **options)


async def test_five_seeds_give_the_mean_of_their_standardised_features(stub):
    answer = await stub.BuildProfile(request(*(f"t{row:03d}" for row in range(5))))
    expected = Standardiser.fit(FEATURES).transform(FEATURES[:5])
    assert len(answer.profile.mean) == DIMENSIONS
    assert list(answer.profile.mean) == pytest.approx(expected.mean(axis=0).tolist(), abs=1e-5)
    assert list(answer.profile.spread) == pytest.approx(expected.std(axis=0).tolist(), abs=1e-5)
    assert answer.profile.catalogue_version.startswith("cat-")
    assert answer.profile.standardiser_version.startswith("std-")


async def test_statistics_are_raw_and_in_the_order_of_the_attributes(stub):
    answer = await stub.BuildProfile(request("t003"))
    energy = answer.profile.statistics[COLUMN["energy"]]
    assert energy.attribute == profile_pb2.ATTRIBUTE_ENERGY
    assert energy.mean == pytest.approx(FEATURES[3, COLUMN["energy"]])
    assert energy.spread == 0


def test_the_enum_follows_the_order_of_the_attributes():
    names = [f"ATTRIBUTE_{name.upper()}" for name in ATTRIBUTES]
    assert list(profile_pb2.Attribute.keys())[1:] == names


async def test_every_spelling_of_a_genre_and_every_address_of_an_id_is_one_seed(stub):
    profiles = [
        (await stub.BuildProfile(profile_pb2.BuildProfileRequest(seeds=seeds))).profile
        for seeds in (
            [Seed(genre="jazz"), Seed(track_id="t000"), Seed(artist_id="a0")],
            [
                Seed(genre=" J\u00e1zz!"),
                Seed(track_id="spotify:track:t000"),
                Seed(artist_id="https://open.spotify.com/artist/a0?si=1"),
            ],
        )
    ]
    assert profiles[0] == profiles[1]
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=["spotify:track:t000"])
    assert (await stub.BatchGetAudioFeatures(asked)).results[0].HasField("features")


async def test_an_artist_and_a_genre_stand_for_their_tracks(stub):
    seeds = [Seed(artist_id="a0"), Seed(genre="jazz")]
    answer = await stub.BuildProfile(profile_pb2.BuildProfileRequest(seeds=seeds))
    expected = (FEATURES[:4].mean(axis=0) + FEATURES[::2].mean(axis=0)) / 2
    energy = answer.profile.statistics[COLUMN["energy"]]
    assert energy.mean == pytest.approx(expected[COLUMN["energy"]])


async def test_targets_and_weights_reach_the_profile(stub):
    energy = profile_pb2.ATTRIBUTE_ENERGY
    answer = await stub.BuildProfile(
        request(
            "t000",
            weights=[profile_pb2.AttributeWeight(attribute=energy, weight=3)],
            targets=[profile_pb2.AttributeTarget(attribute=energy, value=0.25)],
        )
    )
    assert answer.profile.statistics[COLUMN["energy"]].mean == 0.25
    assert max(answer.profile.weights) == 3


@pytest.mark.parametrize("count", [0, 6])
async def test_no_seed_and_six_seeds_are_refused(stub, count):
    error = await refusal(stub.BuildProfile(request(*["t000"] * count)))
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.field) == (Reason.SEED_COUNT, "seeds")
    assert "1 to 5" in error.message


async def test_unknown_seeds_are_all_named(stub):
    seeds = [Seed(track_id="t000"), Seed(track_id="nope"), Seed(genre="polka")]
    error = await refusal(stub.BuildProfile(profile_pb2.BuildProfileRequest(seeds=seeds)))
    assert isinstance(error, NotFound)
    assert error.reason is Reason.SEED_UNKNOWN
    assert error.metadata["seeds"] == "nope,polka"


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0, 10.5])
async def test_a_weight_out_of_range_is_refused(stub, weight):
    item = profile_pb2.AttributeWeight(attribute=profile_pb2.ATTRIBUTE_ENERGY, weight=weight)
    error = await refusal(stub.BuildProfile(request("t000", weights=[item])))
    assert (error.reason, error.field) == (Reason.WEIGHT_RANGE, "weights.energy")


async def test_a_target_out_of_range_names_the_range(stub):
    item = profile_pb2.AttributeTarget(attribute=profile_pb2.ATTRIBUTE_VALENCE, value=1.5)
    error = await refusal(stub.BuildProfile(request("t000", targets=[item])))
    assert error.reason is Reason.TARGET_RANGE
    assert "0 to 1" in error.message


async def test_features_come_in_order_with_repetitions_and_unknown_ids_marked(stub):
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=["t001", "nope", "t001"])
    answer = await stub.BatchGetAudioFeatures(asked)
    assert [result.track_id for result in answer.results] == ["t001", "nope", "t001"]
    assert [result.HasField("features") for result in answer.results] == [True, False, True]
    assert answer.results[0].features.energy == FEATURES[1, COLUMN["energy"]]


@pytest.mark.parametrize("count", [0, 101])
async def test_too_few_and_too_many_ids_are_refused(stub, count):
    asked = profile_pb2.BatchGetAudioFeaturesRequest(track_ids=["t001"] * count)
    error = await refusal(stub.BatchGetAudioFeatures(asked))
    assert error.reason is Reason.ID_COUNT


async def test_a_catalogue_published_meanwhile_is_served(tmp_path):
    publish_catalogue(tmp_path, 20)
    async with profile_service(tmp_path) as stub:
        first = await stub.BuildProfile(request("t000"))
        publish_catalogue(tmp_path, 30)
        async with asyncio.timeout(20):
            while True:
                answer = await stub.BuildProfile(request("t000"))
                if answer.profile.catalogue_version != first.profile.catalogue_version:
                    break
                await asyncio.sleep(0)
        assert (await stub.BuildProfile(request("t025"))).profile.mean
