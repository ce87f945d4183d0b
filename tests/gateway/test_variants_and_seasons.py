"""Versions of a seed and songs of a season, asked for through the gateway and the real services."""

import shutil
from collections import defaultdict

import pyarrow as pa
import pytest
from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot

from tests.fakes.services import gateway

LIST = {"limit": 500, "max_per_artist": 0, "reasons": False}


@pytest.fixture(scope="module")
def home(embedded_home, tmp_path_factory):
    copy = tmp_path_factory.mktemp("songs") / "home"
    shutil.copytree(embedded_home, copy, symlinks=True)
    return copy


@pytest.fixture(scope="module")
def tracks(home):
    """The embedded catalogue's tracks, with the song, the recording and the season of each."""
    table = Snapshot.load(current_folder(home / "catalogue")).tracks
    assert isinstance(table, pa.Table)
    return table.select(["track_id", "artist_ids", "song", "recording", "season"]).to_pylist()


def songs_in_versions(tracks, most):
    """Tracks of one artist's songs that the catalogue has in several recordings, by song."""
    by_song = defaultdict(list)
    for track in tracks:
        if track["song"] >= 0:
            by_song[track["song"], track["artist_ids"][0]].append(track)
    several = [each for each in by_song.values() if len({t["recording"] for t in each}) > 1]
    return several[:most]


async def listed(client, seed, **options):
    """The ids that /api/v1 and /v1 return for a seed; the two must agree."""
    body = {"seeds": [seed], **LIST, **options}
    response = await client.post("/api/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    ids = [item["track"]["id"] for item in response.json()["tracks"]]
    query = {"seed_tracks": seed, "limit": "100", **options}
    compatible = await client.get("/v1/recommendations", params=query)
    assert compatible.status_code == 200, compatible.text
    return ids, [item["id"] for item in compatible.json()["tracks"]]


async def test_other_versions_of_a_seed_come_only_when_asked_for(home, tracks):
    came = 0
    async with gateway(home) as (client, _):
        for song in songs_in_versions(tracks, 12):
            seed, others = song[0]["track_id"], {track["track_id"] for track in song[1:]}
            for ids in await listed(client, seed):
                assert others.isdisjoint(ids)
            came += len(others.intersection((await listed(client, seed, variants="allow"))[0]))
    assert came


async def test_songs_of_a_season_come_only_when_asked_for(home, tracks):
    seasonal = {track["track_id"] for track in tracks if track["season"]}
    seed = next(track["track_id"] for track in tracks if not track["season"])
    christmas = min(seasonal)
    async with gateway(home) as (client, _):
        for ids in await listed(client, seed):
            assert seasonal.isdisjoint(ids)
        assert seasonal.intersection((await listed(client, christmas))[0])


@pytest.mark.parametrize("option", ["variants", "seasonal"])
async def test_an_unknown_choice_is_named_with_the_allowed_ones(home, tracks, option):
    async with gateway(home) as (client, _):
        body = {"seeds": [tracks[0]["track_id"]], option: "maybe"}
        response = await client.post("/api/v1/recommendations", json=body)
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert option in message
    assert "exclude" in message
    assert "allow" in message
