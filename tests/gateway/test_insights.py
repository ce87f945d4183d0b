"""What the lists of a while had in common, on both databases and through the gateway."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_contract.attributes import ATTRIBUTES
from quintet_gateway.app import build
from quintet_gateway.routes.insights import InsightsResponse
from quintet_gateway.settings import GatewaySettings
from quintet_store import open_engine, reading, writing
from quintet_store.catalogue import begin_import, upsert_tracks
from quintet_store.feedback import add_events, add_shown, stamp
from quintet_store.insights import insights_since, wilson

NOW = datetime.now(UTC)
IMPORT = {
    "kind": "catalogue", "fingerprint": "f", "file_name": "x.csv", "sha256": "0",
    "source": "made", "licence": "CC0", "imported_at": stamp(NOW),
}  # fmt: skip
ARTISTS = {"t1": ["Queen"], "t2": ["Queen", "David Bowie"], "t3": ["Adele"]}


def track(name):
    texts = dict.fromkeys(("album", "release_date", "isrc", "cover_url", "preview_url"), "")
    facts = {"track_id": name, "title": name, "artists": ARTISTS[name], "explicit": False}
    origin = {"provenance": "made", "licence": "CC0", "imported_at": stamp(NOW)}
    return {**texts, **facts, **origin, **dict.fromkeys(ATTRIBUTES, 0.5)}


def shown(name, model, tracks, moment=NOW):
    facts = dict.fromkeys(("surface", "index_version", "catalogue_version", "feature_hash"), "")
    row = {"recommendation_id": name, "listener": "", "shown_at": stamp(moment), "seeds": []}
    places = [
        {"recommendation_id": name, "position": place, "track_id": track_id, "score": 0.0,
         "channels": "", "features": b""}
        for place, track_id in enumerate(tracks, start=1)
    ]  # fmt: skip
    return {**facts, **row, "model_version": model}, places


def liked(name, kind="like", number=1):
    return {
        "client": "page", "event_id": f"{name}-{kind}-{number}", "recommendation_id": name,
        "track_id": "t1", "kind": kind, "position": 1, "dwell_ms": None, "listener": "",
        "occurred_at": stamp(NOW), "received_at": stamp(NOW),
    }  # fmt: skip


@pytest.fixture
def url(database_url):
    """A database with three tracks, four lists of two models, one of them old, and feedback."""
    engine = open_engine(database_url)
    lists = [
        shown("r1", "m1", ["t1", "t2"]),
        shown("r2", "m1", ["t1", "t3"]),
        shown("r3", "m2", ["t2", "t1"]),
        shown("r0", "m0", ["t3"], NOW - timedelta(days=9)),
    ]
    with writing(engine) as connection:
        begun = begin_import(connection, IMPORT)
        upsert_tracks(connection, [track(name) | {"import_id": begun} for name in ARTISTS])
        add_shown(connection, [], [row for row, _ in lists], [p for _, ps in lists for p in ps])
        twice = [liked("r1"), liked("r1", number=2)]
        add_events(connection, [*twice, liked("r1", "save"), liked("r2", "skip")])
    engine.dispose()
    return database_url


def test_lists_artists_and_models_are_counted_since_a_time(url):
    engine = open_engine(url)
    with reading(engine) as connection:
        found = insights_since(connection, NOW - timedelta(days=1))
    engine.dispose()
    assert (found.lists, found.impressions, found.tracks_shown) == (3, 6, 3)
    assert [a.name for a in found.artists] == ["Queen", "David Bowie", "Adele"]
    assert [round(6 * a.share) for a in found.artists] == [5, 2, 1]
    assert found.events == {"like": 2, "save": 1, "skip": 1}
    assert [(m.model, m.lists, m.approved) for m in found.models] == [("m1", 2, 1), ("m2", 1, 0)]


def test_nothing_shown_is_nothing_found(database_url):
    engine = open_engine(database_url)
    with reading(engine) as connection:
        found = insights_since(connection, NOW)
    engine.dispose()
    assert (found.lists, found.impressions, found.artists, found.models) == (0, 0, [], [])


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_narrows_with_more(pair):
    successes, count = pair
    low, high = wilson(successes, count)
    assert 0.0 <= low <= high <= 1.0
    if count:
        assert low - 1e-12 <= successes / count <= high + 1e-12
        wider = wilson(successes, count)
        narrower = wilson(10 * successes, 10 * count)
        assert narrower[1] - narrower[0] < wider[1] - wider[0]


def test_a_known_interval_is_as_in_the_literature():
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81/263.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


async def asked(url, tmp_path, query=""):
    app = build(GatewaySettings(home=tmp_path / "home", database_url=url, grpc_port=0))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client,
    ):
        return await client.get(f"/api/v1/insights{query}")


async def test_the_gateway_answers_with_intervals(url, tmp_path):
    answer = InsightsResponse.model_validate((await asked(url, tmp_path)).json())
    assert answer.lists == 3
    best = answer.models[0]
    assert (best.model, best.approved) == ("m1", 1)
    assert best.low < 0.5 < best.high


@pytest.mark.parametrize("hours", [0, 745, -1])
async def test_a_while_outside_a_month_is_refused(tmp_path, hours):
    answer = await asked(f"sqlite:///{tmp_path / 'q.db'}", tmp_path, f"?hours={hours}")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["reason"] == "LIMIT_RANGE"


async def test_a_database_that_is_away_is_said_so(tmp_path):
    answer = await asked("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    await asyncio.sleep(0)
    assert answer.status_code == 503
