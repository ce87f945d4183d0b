"""Services up and in use, a backup, everything destroyed, restored: the same lists, every event."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import psycopg
import pytest
from quintet_client import Event, Quintet, QuintetError, Retries
from quintet_store import open_engine
from quintet_store.tables import FeedbackEvent, Recommendation, table_of
from sqlalchemy import select

from tests.slow import slow

pytestmark = slow("starts all services twice")
EVENTS, LISTS = table_of(FeedbackEvent), table_of(Recommendation)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request):
    if request.param == "sqlite":
        return ""
    return request.getfixturevalue("postgresql").new_database()


def quintet(home, url, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "quintet_command", *arguments],
        env={**os.environ, "QUINTET_HOME": str(home), "QUINTET_DATABASE_URL": url},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def lists(client, seeds):
    """The answers to fixed requests as bytes, without the ids that are new each time."""
    answers = [
        client.recommend(seeds[turn : turn + 5], limit=50, diversity=turn / 10)
        for turn in range(0, 10, 2)
    ]
    facts = [answer.model_dump(mode="json") for answer in answers]
    for each in facts:
        del each["recommendation_id"], each["request_id"]
    return json.dumps(facts, sort_keys=True).encode()


def stored(home, url, *columns):
    engine = open_engine(url or f"sqlite:///{home / 'quintet.db'}")
    with engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(select(*columns))}
    engine.dispose()
    return found


class Listener(threading.Thread):
    """Asks and likes without a pause, and remembers what was accepted."""

    def __init__(self, base, seeds):
        super().__init__()
        self._base, self._seeds = base, seeds
        self.accepted: list[str] = []
        self.stopping = threading.Event()
        self.fault: Exception | None = None

    def run(self):
        with Quintet(self._base, timeout=60, retries=Retries(attempts=1)) as client:
            while not self.stopping.is_set():
                try:
                    self.like(client)
                except QuintetError as fault:
                    # Killed by the test: what was not accepted is not promised.
                    self.fault = None if self.stopping.is_set() else fault
                    return

    def like(self, client):
        answer = client.recommend(self._seeds[:3], limit=5, listener="listener-7")
        event = Event(
            recommendation_id=answer.recommendation_id,
            track_id=answer.tracks[0].track.id,
            kind="like",
        )
        assert client.feedback([event]).accepted == 1
        self.accepted.append(event.event_id)


def destroy(home, url, processes):
    for program in processes.programs.values():
        program.kill()
    shutil.rmtree(home)
    if url:
        server, _, name = url.rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_what_was_destroyed_serves_the_same_lists_with_every_event(
    embedded_home, launched, url, tmp_path
):
    home, backup = tmp_path / "home", tmp_path / "backup.tar.zst"
    shutil.copytree(embedded_home, home)
    changes = {"QUINTET_DATABASE_URL": url}
    with launched(home, **changes) as (base, processes):
        with Quintet(base, timeout=60) as client:
            matches = client.search("genre:rock", limit=50).tracks
            seeds = [match.track.id for match in matches if match.recommendable][:20]
            before = lists(client, seeds)
        listener = Listener(base, seeds)
        listener.start()
        deadline = time.monotonic() + 60
        while len(listener.accepted) < 20:
            assert listener.is_alive(), listener.fault
            assert time.monotonic() < deadline
        promised = set(listener.accepted)
        told = quintet(home, url, "backup", "create", str(backup))
        listener.stopping.set()
        destroy(home, url, processes)
        listener.join(timeout=60)
    assert listener.fault is None
    assert "is whole" in quintet(home, url, "backup", "verify", str(backup))
    assert not home.exists()
    assert told.partition(": ")[2] in quintet(home, url, "backup", "restore", str(backup))
    kept = stored(home, url, EVENTS.c.event_id, EVENTS.c.recommendation_id, EVENTS.c.track_id)
    assert promised <= {event_id for event_id, *_ in kept}
    event_id, given, track_id = kept.pop()
    with launched(home, **changes) as (base, _), Quintet(base, timeout=60) as client:
        assert lists(client, seeds) == before
        # An event from before is known, another one on its list is taken.
        liked = Event(recommendation_id=given, track_id=track_id, kind="like", event_id=event_id)
        saved = Event(recommendation_id=given, track_id=track_id, kind="save")
        recorded = client.feedback([liked, saved])
        assert (recorded.accepted, recorded.duplicates) == (1, 1)
        assert client.export_listener("listener-7")
    assert (given,) in stored(home, url, LISTS.c.recommendation_id)
