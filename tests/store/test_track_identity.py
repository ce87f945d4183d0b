"""The same recording from two sources is one track; a file keeps its track when it is moved."""

import pytest
from quintet_store import writing
from quintet_store.items import Item, Match
from quintet_store.lookup import facts_of_track, find_tracks
from quintet_store.recording_items import fill_name_keys, record_items
from quintet_store.source_items import items_of_tracks, mark_unseen
from quintet_store.sources import quarantined_items
from quintet_store.tables import Track, TrackGenre, table_of
from quintet_store.track_ids import add_ids, ids_of, tracks_by_ids, tracks_of_id
from quintet_text.track_ids import ISRC, RECORDING, RELEASE, TrackIdentifier
from sqlalchemy import Connection, select

from tests.store.library_rows import add_tracks, folder, item, opened

EARLY, LATE = "2026-01-01T00:00:00.000", "2026-01-02T00:00:00.000"
CODE, UUID = "USRC17607839", "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"


def record(connection: Connection, name: str, *items: Item, now: str = EARLY) -> list[tuple]:
    made = record_items(connection, name, items, now)
    return [(each.track_id, each.match) for each in made]


def titles(connection: Connection) -> dict[str, str]:
    table = table_of(Track)
    query = select(table.c.track_id, table.c.title)
    return {row[0]: row[1] for row in connection.execute(query)}


def test_a_file_that_is_moved_renamed_and_tagged_again_stays_its_track(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        ((track, _),) = record(connection, name, item("old"))
        moved = item("new", audio_hash=item("old").audio_hash, path="/else/x.flac", title="Jóga")
        assert record(connection, name, moved, now=LATE) == [(track, Match.AUDIO)]
        assert mark_unseen(connection, name, LATE).deleted == 0
        retagged = item("new", audio_hash=moved.audio_hash, title="Bachelorette", genres=["Pop"])
        assert record(connection, name, retagged, now=LATE) == [(track, Match.ITEM)]
        assert titles(connection) == {track: "Bachelorette"}


def test_tags_of_a_source_never_rename_a_track_of_an_imported_file(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        add_tracks(connection, {"t": {"title": "Jóga", "artists": ["Björk"], "album": ""}})
        name = folder(connection)
        first = item("a", title="JOGA", artists=["Bjork"], duration_ms=201_500.0)
        connection.commit()
        assert fill_name_keys(engine) == 1
        assert fill_name_keys(engine) == 0
    with opened(database_url) as engine, writing(engine) as connection:
        assert record(connection, name, first) == [("t", Match.NAME)]
        wrong = item("a", title="Wrong", audio_hash=first.audio_hash, album="Homogenic")
        assert record(connection, name, wrong) == [("t", Match.ITEM)]
        table = table_of(Track)
        row = connection.execute(select(table.c.title, table.c.album)).one()
        assert tuple(row) == ("Jóga", "Homogenic")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"title": "Jóga"}, {"title": "joga!"}, True),
        ({"title": "Jóga"}, {"title": "Jóga (Live)"}, False),
        ({"title": "Jóga"}, {"title": "Jóga", "duration_ms": 182_000.0}, True),
        ({"title": "Jóga"}, {"title": "Jóga", "duration_ms": 182_001.0}, False),
        ({"title": "Jóga"}, {"title": "Jóga", "artists": ["Bjork", "Guest"]}, True),
        ({"title": "Jóga"}, {"title": "Jóga", "artists": ["Guest", "Björk"]}, False),
        ({"ids": [(ISRC, CODE)]}, {"ids": [(ISRC, "us-rc1-76-07839")]}, True),
        ({"ids": [(RECORDING, UUID)]}, {"ids": [(RECORDING, UUID.upper())]}, True),
        ({"ids": [(RELEASE, UUID)]}, {"ids": [(RELEASE, UUID)]}, False),
        ({"ids": [(ISRC, CODE)]}, {"ids": [(ISRC, CODE)], "duration_ms": 190_001.0}, False),
        ({"ids": [(ISRC, "none")]}, {"ids": [(ISRC, "none")]}, False),
        ({"audio_hash": "f" * 32}, {"audio_hash": "f" * 32}, True),
        ({"audio_hash": ""}, {"audio_hash": ""}, False),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_two_items_are_one_track_by_audio_by_code_or_by_name(
    tmp_path, first: dict, second: dict, same: bool, at_once: bool
) -> None:
    with opened(f"sqlite:///{tmp_path / 'q.db'}") as engine, writing(engine) as connection:
        name = folder(connection)
        items = item("one", **first), item("two", **second)
        if at_once:
            (a, _), (b, _) = record(connection, name, *items)
        else:
            ((a, _),) = record(connection, name, items[0])
            ((b, _),) = record(connection, name, items[1], now=LATE)
        assert (a == b) is same
        assert len(titles(connection)) == (1 if same else 2)


def test_one_recording_from_two_sources_is_one_track_with_two_sources(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        one, other = folder(connection, "one"), folder(connection, "other")
        ((track, _),) = record(connection, one, item("a", title="Jóga"))
        served = item("77", title="Joga", audio_hash="", path="", ids=[(ISRC, CODE)])
        assert record(connection, other, served) == [(track, Match.NAME)]
        sources = [each.source for each in items_of_tracks(connection, [track])[track]]
        assert sources == ["one", "other"]
        assert ids_of(connection, [track]) == {track: [TrackIdentifier(ISRC, CODE)]}


def test_two_songs_of_one_name_in_one_album_stay_two_tracks(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        twins = [item(each, title="Interlude", album="Album") for each in "ab"]
        (a, _), (b, _) = record(connection, name, *twins)
        assert a != b
        (c, match), *_ = record(connection, name, item("c", title="Interlude", album="Best of"))
        assert (c, match) in {(a, Match.NAME), (b, Match.NAME)}


def test_a_file_replaced_by_a_better_copy_stays_its_track(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        ((track, _),) = record(connection, name, item("a", album="Album"))
        better = item("a", album="Album", audio_hash="e" * 32)
        assert record(connection, name, better, now=LATE) == [(track, Match.NAME)]


def test_genres_follow_the_tags_of_a_sources_own_track(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        record(connection, name, item("a", genres=["Rock", "Pop"]))
        record(connection, name, item("a", genres=["Jazz"]), now=LATE)
        genres = connection.execute(select(table_of(TrackGenre).c.genre)).scalars().all()
        assert genres == ["Jazz"]


def test_an_item_that_cannot_be_a_track_is_quarantined_with_its_reason(database_url: str) -> None:
    bad = {
        "title": item("1", title=" "),
        "artists": item("2", artists=[""]),
        "duration_ms": item("3", duration_ms=0.0),
        "energy": item("4", features={"energy": 2.0}),
        "audio_hash": item("5", audio_hash="XYZ"),
        "album": item("6", album="a\0b"),
    }
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        made = record_items(connection, name, [*bad.values(), item("good")], EARLY)
        assert [each.match for each in made] == [Match.INVALID] * 6 + [Match.NEW]
        kept = quarantined_items(connection, name)
        assert [each.reason.partition(":")[0] for each in kept] == list(bad)


def test_ids_are_stored_in_one_form_and_name_the_most_popular_track(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        add_tracks(connection, {"a": {"popularity": 1.0}, "b": {"popularity": 2.0}, "c": {}})
        rows = [(each, ISRC, "us-rc1-76-07839") for each in "abc"]
        add_ids(connection, [*rows, ("a", RELEASE, UUID), ("a", ISRC, "nonsense")])
        code = TrackIdentifier(ISRC, CODE)
        assert tracks_by_ids(connection, [code]) == {code: "b"}
        assert tracks_of_id(connection, code, limit=2) == ["a", "b"]
        assert tracks_of_id(connection, code, after="b") == ["c"]
        assert ids_of(connection, ["a"])["a"] == [code, TrackIdentifier(RELEASE, UUID)]


def test_a_track_is_found_by_whatever_names_it(database_url: str) -> None:
    with opened(database_url) as engine, writing(engine) as connection:
        name = folder(connection)
        ids = [(ISRC, CODE), (RELEASE, UUID)]
        ((track, _), (other, _)) = record(
            connection, name, item("a", ids=ids), item("b", ids=[(RELEASE, UUID)])
        )
        for text in (track, "us-rc1-76-07839", f"isrc:{CODE}", "source:music:a", item("a").path):
            assert find_tracks(connection, text) == [track]
        release = f"https://musicbrainz.org/release/{UUID}"
        assert find_tracks(connection, release) == sorted([track, other])
        assert len(find_tracks(connection, release, limit=1)) == 1
        assert find_tracks(connection, "nobody") == []
        assert facts_of_track(connection, track)["popularity"] is None
        with pytest.raises(KeyError):
            facts_of_track(connection, "nobody")
