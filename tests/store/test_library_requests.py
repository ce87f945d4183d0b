"""The queue of work on sources, the lease of its worker, and progress counted in the database."""

import pytest
from quintet_store import writing
from quintet_store.features import put_features
from quintet_store.library_progress import Progress, analysis_progress, sync_progress
from quintet_store.library_requests import (
    DONE,
    FAILED,
    LEASE_SECONDS,
    MOST_ATTEMPTS,
    MOST_KEPT,
    MOST_OPEN,
    QUEUED,
    RUNNING,
    QueueFull,
    begin_request,
    end_request,
    note_progress,
    recent_requests,
    report_worker,
    request_work,
    retire_worker,
    worker_seen,
)
from quintet_store.recording_items import fill_name_keys, record_items
from quintet_store.sources import (
    Quarantined,
    begin_sync,
    end_sync,
    find_source,
    quarantine_items,
)

from tests.store.library_rows import folder, item, opened

EARLY, LATE = "2026-01-01T00:00:00.000", "2026-01-02T00:00:00.000"


def test_work_is_done_in_the_order_of_the_requests(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        request_work(connection, "sync", "music")
        request_work(connection, "analyse", "music")
        first = begin_request(connection)
        assert first is not None
        assert (first.action, first.state, first.attempts) == ("sync", RUNNING, 1)
        note_progress(connection, first.id, "12 songs", 3)
        end_request(connection, first.id, "12 songs are new", failed=False)
        second = begin_request(connection)
        assert second is not None
        end_request(connection, second.id, "no decoder", failed=True)
        assert begin_request(connection) is None
        ended = [
            (r.action, r.state, r.message, r.steps_before) for r in recent_requests(connection)
        ]
        assert ended == [
            ("analyse", FAILED, "no decoder", 0),
            ("sync", DONE, "12 songs are new", 3),
        ]


def test_equal_work_waits_once_and_the_queue_is_bounded(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        first = request_work(connection, "sync", "music")
        assert request_work(connection, "sync", "music") == first
        begin_request(connection)
        # What runs may have passed the new files already.
        assert request_work(connection, "sync", "music") != first
        for number in range(MOST_OPEN - 2):
            request_work(connection, "sync", f"source{number}")
        with pytest.raises(QueueFull, match="100 requests are open"):
            request_work(connection, "remove", "music")


def test_old_ended_requests_are_forgotten_and_open_ones_never(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        for number in range(MOST_KEPT + 3):
            request_work(connection, "sync", f"s{number}")
            request = begin_request(connection)
            assert request is not None
            end_request(connection, request.id, "", failed=False)
        request_work(connection, "sync", "music")
        names = [request.source for request in recent_requests(connection)]
        assert names[:2] == ["music", f"s{MOST_KEPT + 2}"]
        assert names[-1] == "s3"


def test_one_worker_at_a_time_has_the_lease_until_it_is_not_seen(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        assert not worker_seen(connection)
        assert report_worker(connection, "one", 100.0)
        assert not report_worker(connection, "two", 101.0)
        assert report_worker(connection, "one", 102.0)
        assert worker_seen(connection, 102.0 + LEASE_SECONDS - 1)
        late = 102.0 + LEASE_SECONDS
        assert not worker_seen(connection, late)
        assert report_worker(connection, "two", late)
        assert not report_worker(connection, "one", late)


def test_work_of_a_killed_worker_is_queued_again_but_not_for_ever(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        request_work(connection, "analyse", "music")
        for attempt in range(MOST_ATTEMPTS):
            assert report_worker(connection, f"worker{attempt}", attempt * 100.0)
            request = begin_request(connection)
            assert request is not None
        report_worker(connection, "last", 1000.0)
        ended = recent_requests(connection)[0]
        assert ended.state == FAILED
        assert ended.message == "the worker ended 3 times while it did this"


def test_a_worker_that_stops_in_order_leaves_its_work_to_the_next(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        request_work(connection, "analyse", "music")
        report_worker(connection, "one")
        begin_request(connection)
        retire_worker(connection, "two")
        assert worker_seen(connection)
        retire_worker(connection, "one")
        assert not worker_seen(connection)
        left = recent_requests(connection)[0]
        assert (left.state, left.attempts) == (QUEUED, 0)


def test_progress_is_counted_in_items_and_measured_tracks(database_url: str) -> None:
    with opened(database_url) as engine:
        with writing(engine) as connection:
            folder(connection)
        fill_name_keys(engine)
        with writing(engine) as connection:
            begin_sync(connection, "music", EARLY)
            recorded = record_items(
                connection, "music", [item("one"), item("two"), item("three", path="")], EARLY
            )
            source = find_source(connection, "music")
            assert source is not None
            # Of a first sync, nobody knows how much there is.
            assert sync_progress(connection, source) == Progress(3, 0)
            end_sync(connection, "music", now=EARLY)
            begin_sync(connection, "music", LATE)
            record_items(connection, "music", [item("one")], LATE)
            source = find_source(connection, "music")
            assert source is not None
            assert sync_progress(connection, source) == Progress(1, 3)
            assert analysis_progress(connection) == {"music": Progress(0, 2)}
            put_features(connection, "analysis", [(recorded[0].track_id, {"tempo": 120.0})], LATE)
            quarantine_items(connection, [Quarantined("music", "two", "analysis", "not audio")])
            assert analysis_progress(connection) == {"music": Progress(2, 2)}
