"""A sync of a server that was killed, or that the server failed, goes on where it stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from quintet_library import jellyfin, subsonic, sync
from quintet_library.adding import add_source
from quintet_library.listening import Heard
from quintet_library.records import Listening, SourceFailed
from quintet_library.resuming import LONGEST, SyncState, state_of
from quintet_library.sync import sync_source
from quintet_settings import sqlite_url
from quintet_store import open_engine, reading
from quintet_store.library_progress import Progress, sync_progress
from quintet_store.source_items import items_of_source
from quintet_store.sources import SourceSpec, find_source
from quintet_training.datasets.playlists import read_playlists
from quintet_training.settings import TrainingSettings

from tests.fakes.web_server import Answer, Request, Web, web_server
from tests.root import ROOT

SONGS = 13


class Server:
    """Songs by Subsonic's search, by its albums, or by Jellyfin; it can fail at a place."""

    def __init__(self) -> None:
        self.ids = [f"s{number:02}" for number in range(SONGS)]
        self.fails_at = SONGS
        self.searches = True

    def __call__(self, request: Request) -> Answer:
        if request.path == "/Items":
            return self._jellyfin(request)
        body: dict = {}
        if "search3" in request.path and self.searches:
            at = int(request.query["songOffset"])
            if at >= self.fails_at:
                return Answer({}, 404)
            found = self.ids[at : at + int(request.query["songCount"])]
            body = {"searchResult3": {"song": [self._song(each) for each in found]}}
        elif "getAlbumList2" in request.path:
            at, size = int(request.query["offset"]), int(request.query["size"])
            body = {"albumList2": {"album": [{"id": each} for each in self.ids[at : at + size]]}}
        elif "getAlbum" in request.path:
            body = {"album": {"song": [self._song(request.query["id"])]}}
        return Answer({"subsonic-response": {"status": "ok", **body}})

    def _song(self, name: str) -> dict:
        facts = {"id": name, "title": f"Song {name}", "artist": f"Artist {name}", "duration": 200}
        # The first songs are starred: what was read before the kill must not be forgotten.
        return facts | ({"starred": "2026-01-02T03:04:05Z"} if name < "s04" else {})

    def _jellyfin(self, request: Request) -> Answer:
        at, size = int(request.query["startIndex"]), int(request.query["limit"])
        audio = request.query["includeItemTypes"] == "Audio"
        found = [
            {
                "Id": n,
                "Name": f"Song {n}",
                "Artists": [f"Artist {n}"],
                "RunTimeTicks": 2_000_000_000,
            }
            for n in (self.ids if audio else [])
        ]
        return Answer({"Items": found[at : at + size], "TotalRecordCount": len(found)})


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingSettings:
    monkeypatch.setenv("MUSIC_PASSWORD", "sesame")
    for module in (subsonic, jellyfin):
        monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(sync, "SAVE_PAGES", 2)
    return TrainingSettings(home=tmp_path, database_url=sqlite_url(tmp_path / "quintet.db"))


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(Server()) as web:
        yield web


def added(settings: TrainingSettings, web: Web, kind: str = "subsonic") -> None:
    options: dict[str, object] = {} if kind == "jellyfin" else {"user": "ann"}
    add_source(settings, SourceSpec("nd", kind, web.address, options, "env:MUSIC_PASSWORD"))
    web.requests.clear()


KILLED = """
import os, signal, sys
from pathlib import Path
from quintet_library import jellyfin, subsonic, sync
from quintet_training.settings import TrainingSettings
subsonic.PAGE = jellyfin.PAGE = sync.SAVE_PAGES = 2
pages = 0
store = sync._store
def store_and_die(run, connection, page, all_again):
    global pages
    pages += 1
    store(run, connection, page, all_again)
    if pages == 6:
        os.kill(os.getpid(), signal.SIGKILL)
sync._store = store_and_die
sync.sync_source(TrainingSettings(home=Path(sys.argv[1])), "nd")
"""


def kill_a_sync(settings: TrainingSettings) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, settings.home],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        env={**os.environ, "QUINTET_DATABASE_URL": ""},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def present(settings: TrainingSettings) -> list[str]:
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        items = items_of_source(connection, "nd")
    engine.dispose()
    return [item.item_id for item in items if item.present]


def progress(settings: TrainingSettings) -> Progress:
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        source = find_source(connection, "nd")
        assert source is not None
        found = sync_progress(connection, source)
    engine.dispose()
    return found


def by_search(web: Web) -> list[int]:
    found = [r for r in web.requests if "search3" in r.path]
    return [int(request.query["songOffset"]) for request in found]


def by_albums(web: Web) -> list[int]:
    found = [r for r in web.requests if "getAlbum.view" in r.path]
    return [int(request.query["id"][1:]) for request in found]


def by_jellyfin(web: Web) -> list[int]:
    found = [r for r in web.requests if r.query.get("includeItemTypes") == "Audio"]
    return [int(request.query["startIndex"]) for request in found]


@pytest.mark.parametrize(
    ("kind", "places", "saved"),
    [("subsonic", by_search, 8), ("subsonic", by_albums, 4), ("jellyfin", by_jellyfin, 8)],
    ids=["search", "albums", "jellyfin"],
)
def test_a_killed_sync_of_a_server_goes_on_at_the_page_that_was_saved_last(
    settings: TrainingSettings, web: Web, kind: str, places: Callable[[Web], list[int]], saved: int
) -> None:
    web.answer.searches = places is not by_albums  # type: ignore[attr-defined]
    added(settings, web, kind)
    kill_a_sync(settings)
    # Five pages were committed: two songs each, or one of an album.
    stored = 5 if places is by_albums else 10
    assert present(settings) == [f"s{n:02}" for n in range(stored)]
    assert progress(settings) == Progress(stored, 0)
    web.requests.clear()
    steps: list[tuple[float, str]] = []
    report = sync_source(settings, "nd", lambda share, text: steps.append((share, text)))
    assert min(places(web)) == saved
    assert present(settings) == [f"s{n:02}" for n in range(SONGS)]
    assert report.counts["new"] == SONGS - stored
    assert report.counts["unchanged"] == stored - saved
    assert report.notes == [f"continued after {saved} songs of a sync that did not end"]
    shares = [share for share, _ in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert f"nd: {SONGS} songs" in [text for _, text in steps]
    assert progress(settings) == Progress(SONGS, SONGS)
    if kind == "subsonic":
        # Stars of songs that were read before the kill.
        assert len(read_playlists(settings)) == 4
    # The next one begins at the beginning.
    web.requests.clear()
    assert sync_source(settings, "nd").counts["unchanged"] == SONGS
    assert min(places(web)) == 0


def test_a_sync_that_was_continued_leaves_removals_to_the_next(
    settings: TrainingSettings, web: Web
) -> None:
    added(settings, web)
    sync_source(settings, "nd")
    kill_a_sync(settings)
    del web.answer.ids[:3]  # type: ignore[attr-defined]
    # All songs moved up by three: s10 is on a page that was read already.
    report = sync_source(settings, "nd")
    assert report.removal.items == 0
    note = "1 songs were not met, and are removed by the next sync if they are gone"
    assert report.notes[1:] == [note]
    assert len(present(settings)) == SONGS
    assert sync_source(settings, "nd").removal.items == 3
    assert present(settings) == [f"s{n:02}" for n in range(3, SONGS)]


def test_a_server_that_fails_is_asked_on_from_there_and_all_begins_anew(
    settings: TrainingSettings, web: Web
) -> None:
    added(settings, web)
    web.answer.fails_at = 6  # type: ignore[attr-defined]
    with pytest.raises(SourceFailed, match="answered HTTP 404"):
        sync_source(settings, "nd")
    web.answer.fails_at = SONGS  # type: ignore[attr-defined]
    web.requests.clear()
    sync_source(settings, "nd", all_again=True)
    assert min(by_search(web)) == 0
    web.answer.fails_at = 6  # type: ignore[attr-defined]
    with pytest.raises(SourceFailed):
        sync_source(settings, "nd")
    web.answer.fails_at = SONGS  # type: ignore[attr-defined]
    web.requests.clear()
    sync_source(settings, "nd")
    assert min(by_search(web)) == 6


def test_a_state_is_read_as_it_was_written_and_an_old_or_foreign_one_is_not() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    heard = Heard()
    for number in range(3):
        heard.add(f"t{number}", Listening(True, "2026-01-02T03:04:05Z", 5, 9, "2026-01-03"))
    state = SyncState(now.isoformat(), "search:1500", 1500, heard)
    assert state_of(state.to_json(), now) == state
    assert state_of(state.to_json(), now + LONGEST + timedelta(seconds=1)) is None
    for text in ("", "page 3", "[]", "{}", '{"version": 0}', state.to_json()[:-1]):
        assert state_of(text, now) is None
