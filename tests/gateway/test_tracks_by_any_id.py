"""Seeds by an ISRC, absent tracks and unknown values, through gateway, services and batches."""

import json
from pathlib import Path
from typing import Any

import pytest
from quintet_training.settings import TrainingSettings
from quintet_training.steps.batch import batch_recommend

from tests.fakes.bundle import publish_trained
from tests.fakes.catalogue import isrc_of, track_id
from tests.fakes.services import gateway

ABSENT = (1, 2, 3, 8, 9)
# All tracks of artist a5, and one of another artist.
UNKNOWN = (20, 21, 22, 23, 40)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("any-id")
    publish_trained(path, isrcs=True, absent=ABSENT, unknown=UNKNOWN)
    return path


async def listed(client: Any, seed: Any, **options: Any) -> Any:
    body = {"seeds": [seed], "limit": 300, "max_per_artist": 0, **options}
    response = await client.post("/api/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def ids(answer: Any) -> list[str]:
    return [each["track"]["id"] for each in answer["tracks"]]


async def test_a_seed_and_exclusions_by_isrc_are_the_tracks_that_they_name(home: Path) -> None:
    async with gateway(home) as (client, _):
        expected = await listed(client, track_id(0))
        by_isrc = await listed(client, f"isrc:us-qtt-26-{0:05d}")
        assert ids(by_isrc) == ids(expected)
        assert by_isrc["seeds"][0]["track"]["id"] == track_id(0)
        assert by_isrc["profile"] == expected["profile"]
        assert "profile" not in by_isrc["degraded"]
        reasons = [each["reasons"]["closest_seed"] for each in by_isrc["tracks"]]
        # Nothing sounds like a seed of which nothing was measured.
        assert {each["id"] for each in reasons} == {track_id(0), ""}

        excluded = [isrc_of(row) for row in (10, 20)]
        less = ids(await listed(client, isrc_of(0), filters={"excluded_track_ids": excluded}))
        assert set(ids(expected)) - set(less) == {track_id(10), track_id(20)}
        negative = ids(await listed(client, track_id(0), negative_seeds=[isrc_of(30)]))
        assert track_id(30) not in negative

        query = {"seed_tracks": isrc_of(0), "exclude": isrc_of(10), "limit": "100"}
        compatible = (await client.get("/v1/recommendations", params=query)).json()["tracks"]
        assert not {track_id(0), track_id(10)} & {each["id"] for each in compatible}
        unknown = await client.post("/api/v1/recommendations", json={"seeds": ["USZZZ9999999"]})
        assert unknown.status_code == 404
        assert "USZZZ9999999" in unknown.json()["error"]["message"]


def test_a_batch_takes_seeds_by_isrc(home: Path, tmp_path: Path) -> None:
    lines = [{"id": 1, "seed_tracks": [track_id(0)]}, {"id": 2, "seed_tracks": [isrc_of(0)]}]
    (tmp_path / "in").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    batch_recommend(TrainingSettings(home=home), tmp_path / "in", tmp_path / "out")
    first, second = map(json.loads, (tmp_path / "out").read_text("utf-8").splitlines())
    assert first["tracks"] == second["tracks"]
    assert not {track_id(row) for row in ABSENT} & set(first["tracks"])


async def test_absent_tracks_are_in_no_list_but_may_be_seeds(home: Path) -> None:
    absent = {track_id(row) for row in ABSENT}
    async with gateway(home) as (client, _):
        assert not absent & set(ids(await listed(client, track_id(0), variants="allow")))
        assert not absent & set(ids(await listed(client, {"artist_id": "a0"}, seasonal="allow")))
        assert not absent & set(ids(await listed(client, {"genre": "rock"})))
        assert len(ids(await listed(client, track_id(1)))) == 240 - len(ABSENT)
        query = {"seed_tracks": track_id(0), "limit": "100"}
        compatible = (await client.get("/v1/recommendations", params=query)).json()["tracks"]
        assert not absent & {each["id"] for each in compatible}
        legacy = await client.post(
            "/recommend_ranked", json={"track_ids": [track_id(0)], "limit": 300}
        )
        assert not absent & {each["track_id"] for each in legacy.json()["recommendations"]}


async def test_what_is_unknown_is_null_in_every_answer(home: Path) -> None:
    unknown = {track_id(row) for row in UNKNOWN}
    async with gateway(home) as (client, _):
        found = {
            each["track"]["id"]: each for each in (await listed(client, track_id(0)))["tracks"]
        }
        for name, each in found.items():
            closest = each["reasons"]["closest_seed"]["similarity"]
            values = (each["similarity"], each["track"]["popularity"], closest)
            assert [value is None for value in values] == [name in unknown] * 3, name
        # Nothing is known of the seed, so nothing can be like it.
        bare = await listed(client, track_id(40))
        assert {each["similarity"] for each in bare["tracks"]} == {None}

        for row, is_known in ((0, True), (20, False)):
            name = track_id(row)
            track = (await client.get(f"/v1/tracks/{name}")).json()
            assert (track["popularity"] is not None) == is_known
            features = (await client.get("/v1/audio-features", params={"ids": name})).json()
            assert (features["audio_features"][0] is not None) == is_known
            artist = (await client.get(f"/v1/artists/a{row // 4}")).json()
            assert (artist["popularity"] is not None) == is_known
        query = {"seed_tracks": track_id(0), "limit": "100", "reasons": "true"}
        tracks = (await client.get("/v1/recommendations", params=query)).json()["tracks"]
        for each in tracks:
            is_known = each["id"] not in unknown
            assert (each["popularity"] is not None) == is_known
            assert (each["quintet"]["similarity"] is not None) == is_known
