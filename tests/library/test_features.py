"""Features from ReccoBeats: batches, patience, and going on after a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from quintet_library import opening
from quintet_library.http import Limits
from quintet_library.records import SourceFailed
from quintet_library.sync import remove, sync_source
from quintet_settings import sqlite_url
from quintet_store import open_engine, reading, writing
from quintet_store.features import count_provenances
from quintet_store.items import Item
from quintet_store.recording_items import record_items
from quintet_store.sources import SourceSpec, add_source, begin_sync
from quintet_training.settings import TrainingSettings

from tests.fakes.web_server import Answer, Request, Web, web_server

SPOTIFY_ID = "3n3Ppam7vgaVa1iaRUc9Lp"


class StandIn:
    """Knows every other ISRC and the Spotify id; fails when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failures: list[Answer] = []

    def __call__(self, request: Request) -> Answer:
        if self.failures:
            return self.failures.pop(0)
        ids = request.query["ids"].split(",")
        self.batches.append(ids)
        known = [i for i in ids if i == SPOTIFY_ID or int(i[-1]) % 2 == 0]
        return Answer({"content": [{**_name(i), "energy": 0.5, "valence": 0.25} for i in known]})


def _name(identifier: str) -> dict[str, str]:
    if identifier == SPOTIFY_ID:
        return {"href": f"https://open.spotify.com/track/{identifier}"}
    return {"isrc": identifier}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited, but for the gap between requests."""
    waited: list[float] = []

    def limits(**values) -> Limits:
        return Limits(**{**values, "least_gap": 0.0}, wait=waited.append)

    monkeypatch.setattr(opening, "Limits", limits)
    return waited


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """A catalogue of 101 tracks with an ISRC, one of which has a Spotify id, and one without."""
    settings = TrainingSettings(home=tmp_path, database_url=sqlite_url(tmp_path / "q.db"))
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_source(connection, SourceSpec("music", "folder", "/music"))
        now = begin_sync(connection, "music")
        items = [
            Item(f"{n}", f"T{n}", (f"A{n}",), 1000.0 + n, ids=(("isrc", f"GBAYE06{n:05}"),))
            for n in range(100)
        ]
        ids = (("isrc", "GBAYE0699999"), ("spotify", SPOTIFY_ID))
        more = [Item("s", "S", ("S",), 5.0, ids=ids), Item("none", "N", ("N",), 6.0)]
        record_items(connection, "music", [*items, *more], now)
    engine.dispose()
    return settings


@pytest.fixture
def service(settings: TrainingSettings) -> Iterator[Web]:
    with web_server(StandIn()) as web:
        engine = open_engine(settings.database_url)
        with writing(engine) as connection:
            add_source(connection, SourceSpec("reccobeats", "reccobeats", web.address))
        engine.dispose()
        yield web


def provenances(settings: TrainingSettings) -> dict[str, int]:
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        found = count_provenances(connection)
    engine.dispose()
    return found


@pytest.mark.usefixtures("waits")
def test_every_track_with_an_id_is_asked_for_once(settings, service):
    report = sync_source(settings, "reccobeats")
    stand_in = service.answer
    assert report.features == 51
    assert max(map(len, stand_in.batches)) == 40
    # The Spotify id is asked for first, and its ISRC then not at all.
    asked = [identifier for batch in stand_in.batches for identifier in batch]
    assert len(asked) == len(set(asked)) == 101
    assert SPOTIFY_ID in asked
    assert sync_source(settings, "reccobeats").features == 0
    assert len(stand_in.batches) == 3
    # Those that were unknown are asked for again if that is wanted.
    sync_source(settings, "reccobeats", all_again=True)
    assert sum(map(len, stand_in.batches[3:])) == 50
    assert provenances(settings) == {"reccobeats": 101}


def test_a_service_that_asks_for_patience_gets_it(settings, service, waits):
    service.answer.failures = [Answer({}, 429, {"retry-after": "17"}), Answer({}, 503)]
    assert sync_source(settings, "reccobeats").features == 51
    assert waits == [17.0, 4.0]


def test_a_service_that_fails_in_the_middle_loses_no_batch(settings, service, waits):
    answers = service.answer

    def fail_after_one(request: Request) -> Answer:
        if len(answers.batches) == 1:
            return Answer({}, 429, {"retry-after": "3600"})
        return answers(request)

    service.answer = fail_after_one
    with pytest.raises(SourceFailed, match=r"ReccoBeats at .* answered 429, 4 times in a row"):
        sync_source(settings, "reccobeats")
    assert waits == [60.0, 60.0, 60.0]
    assert provenances(settings) == {"reccobeats": 40}
    service.answer = answers
    sync_source(settings, "reccobeats")
    asked = [identifier for batch in answers.batches for identifier in batch]
    assert len(asked) == len(set(asked)) == 101


@pytest.mark.usefixtures("waits")
def test_what_it_said_goes_with_the_source(settings, service):
    assert service.address
    sync_source(settings, "reccobeats")
    remove(settings, "reccobeats")
    assert provenances(settings) == {}
