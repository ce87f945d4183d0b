"""Sources, their items and their quarantine; no secret is stored."""

import os
from typing import Any

import pytest
from quintet_store import writing
from quintet_store.features import put_features
from quintet_store.recording_items import fill_name_keys, record_items
from quintet_store.source_items import (
    Removal,
    absent_tracks,
    files_to_analyse,
    items_of_source,
    items_of_tracks,
    known_items,
    mark_unseen,
    remove_source,
    touch_items,
)
from quintet_store.sources import (
    Quarantined,
    SourceInvalid,
    SourceSpec,
    add_source,
    begin_sync,
    end_sync,
    find_source,
    list_sources,
    quarantine_items,
    quarantined_items,
    release_items,
    save_cursor,
)
from quintet_store.tables import Playlist, PlaylistTrack, Track, table_of
from sqlalchemy import Connection, insert, select

from tests.store.library_rows import add_tracks, folder, item, opened

EARLY, LATE = "2026-01-01T00:00:00.000", "2026-01-02T00:00:00.000"


def tracks(connection: Connection) -> set[str]:
    return {row[0] for row in connection.execute(select(table_of(Track).c.track_id))}


def hold_in_playlist(connection: Connection, track_id: str, import_id: int) -> None:
    playlist = {"playlist_id": "p", "name": "p", "provenance": "x", "licence": "x"}
    connection.execute(insert(table_of(Playlist)).values(**playlist, import_id=import_id))
    row = {"playlist_id": "p", "position": 0, "track_id": track_id, "import_id": import_id}
    connection.execute(insert(table_of(PlaylistTrack)).values(row))


def test_a_source_keeps_the_state_of_its_sync(database_url: str) -> None:
    spec = SourceSpec("home", "subsonic", "https://music.example/rest", {"a": 1}, "env:PASS", True)
    with opened(database_url) as engine, writing(engine) as connection:
        add_source(connection, spec, now=EARLY)
        begin_sync(connection, "home", now=LATE)
        save_cursor(connection, "home", "page 3")
        end_sync(connection, "home", error="the server is unreachable")
        (found,) = list_sources(connection)
        assert found.spec == spec
        assert (found.cursor, found.last_error) == ("page 3", "the server is unreachable")
        assert (found.added_at, found.started_at, found.synced_at) == (EARLY, LATE, "")
        end_sync(connection, "home", now=LATE)
        again = find_source(connection, "home")
        assert again is not None
        assert (again.last_error, again.synced_at) == ("", LATE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "My music"}, "name: 'My music' is not allowed"),
        ({"name": "music"}, "there is a source 'music' already"),
        ({"kind": "plex"}, "kind: 'plex'; expected one of folder, subsonic, jellyfin, beets, r"),
        ({"address": ""}, "address: empty"),
        ({"address": "https://me:hunter2@host/"}, "address: names a user or password"),
        ({"credential": "hunter2"}, "credential: expected env:NAME or file:PATH"),
    ],
)
def test_a_source_that_cannot_be_added_is_refused_without_its_secret(
    tmp_path, changes: dict[str, Any], message: str
) -> None:
    with opened(f"sqlite:///{tmp_path / 'q.db'}") as engine, writing(engine) as connection:
        folder(connection)
        facts: dict[str, Any] = {"name": "new", "kind": "folder", "address": "/srv", **changes}
        spec = SourceSpec(**facts)
        with pytest.raises(SourceInvalid, match=message) as caught:
            add_source(connection, spec)
        assert "hunter2" not in str(caught.value)


def test_a_source_removed_meanwhile_is_reported(tmp_path) -> None:
    with opened(f"sqlite:///{tmp_path / 'q.db'}") as engine, writing(engine) as connection:
        for call in (
            lambda: begin_sync(connection, "gone"),
            lambda: save_cursor(connection, "gone", "x"),
            lambda: end_sync(connection, "gone"),
            lambda: record_items(connection, "gone", [item("a")], EARLY),
            lambda: remove_source(connection, "gone"),
        ):
            with pytest.raises(SourceInvalid, match="there is no source 'gone'"):
                call()


def test_what_a_sync_did_not_find_is_removed_and_what_playlists_hold_is_kept(
    database_url: str,
) -> None:
    published = {"title": "d", "artists": ["Björk"], "duration_ms": 180_000.0}
    with opened(database_url) as engine:
        with writing(engine) as connection:
            import_id = add_tracks(connection, {"published": published})
        fill_name_keys(engine)
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        made = record_items(connection, name, [item(each) for each in "abcd"], EARLY)
        ids = {each.item_id: each.track_id for each in made}
        hold_in_playlist(connection, ids["b"], import_id)
        touch_items(connection, name, ["a"], LATE)
        assert mark_unseen(connection, name, LATE) == Removal(items=3, deleted=1, kept=1)
        assert ids["d"] == "published"
        assert tracks(connection) == {"published", ids["a"], ids["b"]}
        assert absent_tracks(connection) == [ids["b"]]
        assert [each.item_id for each in items_of_source(connection, name)] == ["a", "b", "d"]
        # Back again: present, and the same track.
        again = record_items(connection, name, [item("b")], "2026-01-03T00:00:00.000")
        assert again[0].track_id == ids["b"]
        assert absent_tracks(connection) == []
        assert mark_unseen(connection, name, LATE) == Removal(0, 0, 0)


def test_a_removed_source_takes_only_what_no_other_source_has(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        one, other = folder(connection, "one"), folder(connection, "other")
        first = record_items(connection, one, [item("a"), item("b")], EARLY)
        record_items(connection, other, [item("b", path="/srv/other/b.flac")], EARLY)
        bad = Quarantined(one, "c", "sync", "no audio")
        quarantine_items(connection, [bad])
        assert remove_source(connection, one) == Removal(items=2, deleted=1, kept=0)
        assert tracks(connection) == {first[1].track_id}
        assert [each.spec.name for each in list_sources(connection)] == [other]
        assert quarantined_items(connection) == []
        folder(connection, "one")


def test_items_are_read_by_id_by_track_and_page_by_page(database_url: str) -> None:
    odd = os.fsdecode(b"/srv/music/caf\xe9.mp3")
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        items = [item(each) for each in "abc"] + [item("d", path=odd)]
        made = record_items(connection, name, items, EARLY)
        page = items_of_source(connection, name, limit=3)
        assert [each.item_id for each in page] == ["a", "b", "c"]
        rest = items_of_source(connection, name, after="c", limit=3)
        assert [each.path for each in rest] == [odd]
        assert set(known_items(connection, name, ["a", "nobody"])) == {"a"}
        assert items_of_tracks(connection, [made[3].track_id])[made[3].track_id] == rest


def test_the_quarantine_is_read_in_pages_and_items_leave_it(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        quarantine_items(
            connection, [Quarantined(name, each, "sync", f"{each}: broken\0") for each in "abc"]
        )
        quarantine_items(connection, [Quarantined(name, "a", "sync", "x" * 900, "/srv/a")])
        first = quarantined_items(connection, name, limit=2)
        assert [(each.item_id, len(each.reason)) for each in first] == [("a", 500), ("b", 9)]
        last = first[-1]
        after = (last.source, last.item_id, last.stage)
        assert [each.item_id for each in quarantined_items(connection, after=after)] == ["c"]
        release_items(connection, name, "sync", ["b", "c"])
        record_items(connection, name, [item("a")], EARLY)
        assert quarantined_items(connection) == []


def test_files_wait_for_analysis_until_they_are_analysed_or_proved_broken(
    database_url: str,
) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        made = record_items(connection, name, [item("a"), item("b"), item("c", path="")], EARLY)
        assert {each.item_id for each in files_to_analyse(connection)} == {"a", "b"}
        put_features(connection, "analysis", [(made[0].track_id, {"tempo": 120.0})])
        (left,) = files_to_analyse(connection)
        assert left.item_id == "b"
        bad = Quarantined(name, "b", "analysis", "no audio", left.path, left.size, left.mtime_ns)
        quarantine_items(connection, [bad])
        assert files_to_analyse(connection) == []
        record_items(connection, name, [item("b", size=2)], LATE)
        assert [each.item_id for each in files_to_analyse(connection)] == ["b"]
