"""Without the profile service the list is the same, also for seeds that are thinned."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from quintet_modelkit.features import MAX_AVERAGED_TRACKS
from quintet_modelkit.publication import set_current
from quintet_training.ranking import BootstrapParameters
from quintet_training.steps import publish_model

from tests.fakes.catalogue import publish_catalogue
from tests.fakes.services import gateway
from tests.slow import slow

TRACKS, ARTIST_TRACKS = 5_400, 2_600
# More tracks than are averaged, and not at a whole multiple of the step between them.
assert MAX_AVERAGED_TRACKS < ARTIST_TRACKS < TRACKS // 2
SEEDS = {
    "genre": [{"genre": "rock"}],
    "artist": [{"artist_id": "a0"}],
    "both and a track": [{"genre": "jazz", "weight": 2.5}, {"artist_id": "a1"}, "t0007"],
}
SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "steered": {
        "negative_seeds": [{"artist_id": "a1"}],
        "weights": {"energy": 3.0},
        "targets": {"valence": 0.9},
        "diversity": 0.3,
    },
}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("thinned")
    publish_catalogue(home, TRACKS, digits=4, popular=True, artist_tracks=ARTIST_TRACKS)
    version = publish_model(home, parameters=BootstrapParameters(groups=20, rounds=8))
    set_current(home / "models", version)
    return home


async def recommended(client: httpx.AsyncClient, seeds: Any, shape: Any) -> dict[str, Any]:
    body = {"seeds": seeds, "limit": 200, "max_per_artist": 0, **shape}
    response = await client.post("/api/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


@slow("starts all services")
async def test_the_list_is_the_same_without_the_profile_service(home):
    cases = [(seeds, shape) for seeds in SEEDS.values() for shape in SHAPES.values()]
    async with gateway(home) as (client, profile):
        normal = [await recommended(client, *case) for case in cases]
        await profile.stop()
        degraded = [await recommended(client, *case) for case in cases]
    for one, other in zip(normal, degraded, strict=True):
        assert (one["degraded"], other["degraded"]) == ([], ["profile"])
        assert one["profile"]
        assert not other["profile"]
        assert len(one["tracks"]) == 200
        # Ranks, scores, channels and reasons too, to the last bit.
        assert one["tracks"] == other["tracks"]
        assert (one["pool"], one["versions"]) == (other["pool"], other["versions"])


async def test_the_web_api_gives_the_same_order(home):
    async with gateway(home) as (client, _):
        for name, seed in (
            ("seed_genres", {"genre": "rock"}),
            ("seed_artists", {"artist_id": "a0"}),
        ):
            value = next(iter(seed.values()))
            query = {name: value, "limit": "100", "max_per_artist": "0"}
            response = await client.get("/v1/recommendations", params=query)
            assert response.status_code == 200, response.text
            listed = await recommended(client, [seed], {"limit": 100})
            names = [each["track"]["id"] for each in listed["tracks"]]
            assert [track["id"] for track in response.json()["tracks"]] == names
