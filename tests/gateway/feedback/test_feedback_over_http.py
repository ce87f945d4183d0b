"""Feedback over HTTP: what is stored, and which events are rejected."""

import json
import os
import struct

import pytest
from quintet_access.pseudonyms import Pseudonyms
from quintet_store import open_engine, reading
from quintet_store.feedback import feature_sets

from tests.fakes.feedback import (
    EVENTS,
    FEEDBACK,
    LISTS,
    NAMES,
    SHOWN,
    STORED,
    add_track,
    detail_of,
    event,
    running,
    sqlite_url,
)


async def test_an_event_is_stored_whole_and_names_nobody(gateway):
    given_id = await gateway.recommend("ann")
    moment = "2026-01-31T12:00:00+01:00"
    sent = event(given_id, listener="bob", dwell_ms=1234, occurred_at=moment, kind="play")
    response = await gateway.send(sent)
    assert (response.status_code, response.json()) == (200, STORED)
    (row,) = gateway.rows(EVENTS)
    assert {n: row[n] for n in ("event_id", "recommendation_id", "track_id", "kind", "position",
                                "dwell_ms", "client")} == {
        "event_id": "e1", "recommendation_id": given_id, "track_id": "t1", "kind": "play",
        "position": 1, "dwell_ms": 1234, "client": "anyone",
    }  # fmt: skip
    assert row["occurred_at"] == "2026-01-31T11:00:00.000+00:00"
    names = Pseudonyms.of(gateway.home / "access")
    assert row["listener"] == names.listener("bob")
    (shown,) = gateway.rows(LISTS)
    assert shown["listener"] == names.listener("ann")
    assert os.stat(gateway.home / "access" / "listeners.json").st_mode & 0o777 == 0o600


async def test_what_was_shown_is_there_as_soon_as_feedback_on_it_is(gateway):
    given_id = await gateway.recommend(seeds=["s1", {"genre": "rock", "weight": 2}])
    await gateway.send(event(given_id))
    (shown,) = gateway.rows(LISTS)
    assert (shown["model_version"], shown["catalogue_version"]) == ("m1", "c1")
    assert shown["surface"] == "/api/v1/recommendations"
    assert shown["seeds"] == [{"track_id": "s1", "weight": 1.0}, {"genre": "rock", "weight": 2.0}]
    rows = gateway.rows(SHOWN)
    assert [(r["position"], r["track_id"], r["score"], r["channels"]) for r in rows] == [
        (n, f"t{n}", -n, "audio,artist") for n in (1, 2, 3)
    ]
    assert struct.unpack("<2f", rows[1]["features"]) == (2.0, 0.5)
    engine = open_engine(gateway.url)
    with reading(engine) as connection:
        assert feature_sets(connection) == {shown["feature_hash"]: list(NAMES)}
    engine.dispose()


async def test_a_list_that_came_without_feature_values_is_recorded_without(on_sqlite):
    on_sqlite.upstream.features = False
    await on_sqlite.send(event(await on_sqlite.recommend(limit=1)))
    (row,) = on_sqlite.rows(SHOWN)
    assert not row["features"]


async def test_an_event_without_a_listener_is_of_the_one_the_list_was_for(on_sqlite):
    await on_sqlite.send(event(await on_sqlite.recommend("ann")))
    (row,) = on_sqlite.rows(EVENTS)
    assert row["listener"] == Pseudonyms.of(on_sqlite.home / "access").listener("ann")


async def test_the_body_names_the_listener_before_the_header(on_sqlite):
    await on_sqlite.send(event(await on_sqlite.recommend("ann", listener="bob")))
    (row,) = on_sqlite.rows(LISTS)
    assert row["listener"] == Pseudonyms.of(on_sqlite.home / "access").listener("bob")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/recommendations?seed_tracks=s1&limit=2", None), ("/recommend_ranked", {"limit": 2})],
)
async def test_every_surface_gives_an_id_and_records_its_list(on_sqlite, path, body):
    headers = {"Quintet-Listener": "ann"}
    if body is None:
        response = await on_sqlite.client.get(path, headers=headers)
    else:
        response = await on_sqlite.client.post(
            path, json={"track_ids": ["s1"], **body}, headers=headers
        )
    given_id = response.headers["quintet-recommendation-id"]
    assert (await on_sqlite.send(event(given_id, track_id="t2"))).status_code == 200
    (row,) = on_sqlite.rows(LISTS)
    assert (row["recommendation_id"], row["surface"]) == (given_id, path.partition("?")[0])
    assert row["listener"]


async def test_a_batch_is_stored_whole_and_counts_what_came_twice(gateway):
    given_id = await gateway.recommend(limit=500)
    batch = [event(given_id, n, track_id=f"t{n}", position=n) for n in range(1, 500)]
    first = await gateway.send(*batch, batch[0])
    assert first.json() == {"accepted": 499, "duplicates": 1, "degraded": []}
    assert (await gateway.send(*batch)).json() == {"accepted": 0, "duplicates": 499, "degraded": []}
    assert len(gateway.rows(EVENTS)) == 499


async def test_the_first_of_two_events_with_one_id_is_kept(on_sqlite):
    given_id = await on_sqlite.recommend()
    await on_sqlite.send(event(given_id, 1, kind="like"), event(given_id, 1, kind="skip"))
    await on_sqlite.send(event(given_id, 1, kind="dislike"))
    assert [row["kind"] for row in on_sqlite.rows(EVENTS)] == ["like"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recommendation_id": "0" * 40}, (404, "RECOMMENDATION_UNKNOWN", "recommendation_id")),
        ({"recommendation_id": "nope"}, (404, "RECOMMENDATION_UNKNOWN", "recommendation_id")),
        ({"track_id": "nope"}, (404, "TRACK_UNKNOWN", "track_id")),
        ({"track_id": "\0"}, (400, "EVENT_RANGE", "track_id")),
        ({"track_id": "\ud800"}, (400, "REQUEST_MALFORMED", "track_id")),
        ({"event_id": ""}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": "a" * 65}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": "a b"}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": None}, (400, "REQUEST_MALFORMED", "event_id")),
        ({"kind": "love"}, (400, "REQUEST_MALFORMED", "kind")),
        ({"position": 0}, (400, "EVENT_RANGE", "position")),
        ({"position": 501}, (400, "EVENT_RANGE", "position")),
        ({"position": 1.5}, (400, "REQUEST_MALFORMED", "position")),
        ({"position": 10**30}, (400, "EVENT_RANGE", "position")),
        ({"dwell_ms": -1}, (400, "EVENT_RANGE", "dwell_ms")),
        ({"listener": "a b"}, (400, "LISTENER_INVALID", "listener")),
        ({"occurred_at": "yesterday"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "2026-01-31T12:00:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "0001-01-01T00:00:00+12:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"mood": "good"}, (400, "REQUEST_MALFORMED", "mood")),
    ],
)
async def test_what_is_unknown_or_out_of_range_is_refused_by_name(on_sqlite, changes, expected):
    given_id = await on_sqlite.recommend()
    bad = event(given_id, 2, **changes)
    headers = {"content-type": "application/json"}
    one = await on_sqlite.client.post(FEEDBACK, content=json.dumps(bad), headers=headers)
    assert detail_of(one) == expected
    both = json.dumps({"events": [event(given_id, 1), bad]})
    many = await on_sqlite.client.post(FEEDBACK, content=both, headers=headers)
    status, reason, field = expected
    assert detail_of(many) == (status, reason, f"events[1].{field}")
    assert on_sqlite.rows(EVENTS) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"events": []}, (400, "EVENT_COUNT", "events")),
        ({"events": [{}] * 501}, (400, "EVENT_COUNT", "events")),
        ({"events": {}}, (400, "REQUEST_MALFORMED", "events")),
        ({"events": [], "kind": "like"}, (400, "REQUEST_MALFORMED", "kind")),
        ([], (400, "REQUEST_MALFORMED", "body")),
        (None, (400, "REQUEST_MALFORMED", "body")),
    ],
)
async def test_bodies_that_are_no_events_are_refused(on_sqlite, body, expected):
    assert detail_of(await on_sqlite.client.post(FEEDBACK, json=body)) == expected


async def test_a_track_of_the_catalogue_counts_where_it_was_not_shown(gateway):
    add_track(gateway.url, "other")
    given_id = await gateway.recommend()
    response = await gateway.send(event(given_id, track_id="other", position=None))
    assert response.status_code == 200


async def test_feedback_is_taken_after_a_restart_and_where_the_list_was_lost(tmp_path):
    home, url = tmp_path / "home", sqlite_url(tmp_path)
    async with running(home, url) as first:
        kept = await first.recommend()
        # Given out, and gone with the process before it was written.
        lost = first.app.state.recorder.new_id()
    add_track(url, "other")
    async with running(home, url) as second:
        both = await second.send(event(kept, 1), event(kept, 2, track_id="t3"))
        assert both.json()["accepted"] == 2
        alone = await second.send(event(lost, 3, track_id="other"))
        assert alone.json()["accepted"] == 1
        assert [row["recommendation_id"] for row in second.rows(LISTS)] == [kept]


async def test_another_installation_on_the_same_database_knows_what_was_recorded(tmp_path):
    url = sqlite_url(tmp_path)
    async with running(tmp_path / "one", url) as first:
        given_id = await first.recommend()
    async with running(tmp_path / "two", url) as second:
        assert (await second.send(event(given_id))).status_code == 200


# gRPC
