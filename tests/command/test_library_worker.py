"""Requests over HTTP are done by the commands that a person would type."""

import io
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from quintet_command.library_worker import LibraryWorker, arguments_of, last_line
from quintet_store import open_engine, writing
from quintet_store.library_requests import (
    MODEL_ACTIONS,
    Request,
    recent_requests,
    report_worker,
    request_work,
    worker_seen,
)
from sqlalchemy import Engine

# Stands in for `quintet`: shows its arguments; fails at a source named bad; hangs at slow.
PROGRAM = """
import sys, time
name = sys.argv[-1]
print(f"{name}: {' '.join(sys.argv[1:])}")
print("catalogue cat-1", flush=True)
if name == "slow":
    time.sleep(120)
if name == "bad":
    sys.exit("error: \\x1b[31mno such folder")
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'quintet.db'}"


def opened(url: str, *requests: tuple[str, str]) -> Engine:
    engine = open_engine(url)
    with writing(engine) as connection:
        for action, source in requests:
            request_work(connection, action, source)
    return engine


def states(engine: Engine) -> list[tuple[str, str, str]]:
    with writing(engine) as connection:
        return [(r.action, r.state, r.message) for r in reversed(recent_requests(connection))]


def worker(url: str) -> LibraryWorker:
    return LibraryWorker(url, (sys.executable, "-c", PROGRAM))


def test_requests_are_done_and_a_sync_is_followed_by_an_analysis(url: str) -> None:
    engine = opened(url, ("sync", "music"))
    said: list[str] = []
    worker(url).run(said.append, once=True)
    assert states(engine) == [
        ("sync", "done", "music: library sync -- music"),
        ("analyse", "done", "music: analyse --source music"),
    ]
    assert said[0] == "sync music: begun"
    with writing(engine) as connection:
        assert not worker_seen(connection)
    engine.dispose()


def test_a_failure_keeps_its_reason_and_the_next_request_is_done(url: str) -> None:
    engine = opened(url, ("sync", "bad"), ("remove", "music"))
    worker(url).run(lambda _: None, once=True)
    (sync, remove) = states(engine)
    assert sync[1] == "failed"
    assert remove == ("remove", "done", "music: library remove -- music")
    engine.dispose()


def test_a_worker_that_is_stopped_queues_its_work_again(url: str) -> None:
    engine = opened(url, ("sync", "slow"))
    begun = threading.Event()
    one = worker(url)
    thread = threading.Thread(target=one.run, args=(lambda _: begun.set(),))
    thread.start()
    assert begun.wait(60)
    one.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert states(engine) == [("sync", "queued", "")]
    engine.dispose()


def test_a_model_is_promoted_while_a_sync_runs(url: str) -> None:
    engine = opened(url, ("sync", "slow"))
    begun, promoted = threading.Event(), threading.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        begun.set()
        if line.startswith("promote 7: 7:"):
            promoted.set()

    one = worker(url)
    thread = threading.Thread(target=one.run, args=(say,))
    thread.start()
    assert begun.wait(60)
    with writing(engine) as connection:
        request_work(connection, "promote", "7")
    assert promoted.wait(90)
    # The sync, which takes two minutes, is not done.
    assert states(engine) == [("sync", "running", "")]
    one.stop()
    thread.join(60)
    with writing(engine) as connection:
        (done,) = recent_requests(connection, actions=MODEL_ACTIONS)
    assert (done.state, done.message) == ("done", "7: models promote -- 7")
    engine.dispose()


def test_a_second_worker_waits_for_the_first(url: str) -> None:
    engine = opened(url, ("sync", "music"))
    with writing(engine) as connection:
        report_worker(connection, "other")
    worker(url).run(lambda _: None, once=True)
    assert states(engine) == [("sync", "queued", "")]
    engine.dispose()


def asked(**options: Any) -> Request:
    common = {"kind": "folder", "address": "/m", "user": "", "credential": ""}
    return Request(1, "add", "home", common | options, "running", "", 1, 0, "", "", "")


def test_a_source_is_added_with_its_options_and_no_address_is_an_option() -> None:
    assert arguments_of(asked(address="--help")) == [
        *("library", "add", "--name=home", "--", "folder", "--help"),
    ]
    server = asked(kind="subsonic", address="https://h", user="me", credential="env:MUSIC_A")
    assert arguments_of(server) == [
        *("library", "add", "--name=home", "--password-env=MUSIC_A", "--user=me"),
        *("--", "subsonic", "https://h"),
    ]
    beets = asked(kind="beets", credential="file:/s/x", music="/m", play_allowed=True)
    assert arguments_of(beets)[2:-3] == [
        *("--name=home", "--password-file=/s/x", "--music=/m", "--allow-play"),
    ]

    push = Request(1, "push", "home", {"list": "5f2c"}, "running", "", 1, 0, "", "", "")
    assert arguments_of(push) == ["playlists", "push", "--saved=5f2c", "--to=home"]


def test_the_line_that_names_the_source_is_kept_without_control_characters() -> None:
    output = io.BytesIO(b"10 %\r90 %\r\nmusic: 3 new\n\ncatalogue cat-1\n")
    assert last_line(output, "music: ") == "music: 3 new"
    assert last_line(output, "other: ") == "catalogue cat-1"
    assert last_line(io.BytesIO(b"error: \x1b[31mno\n"), "x") == "error: \ufffd[31mno"
