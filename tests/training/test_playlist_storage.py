"""Rows of imported playlists are files that the database names: versions, deletion, old homes."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_store import StoreUnavailable, open_engine, writing
from quintet_store import catalogue as imports
from quintet_store import playlists as store
from quintet_store.catalogue import Counts
from quintet_training import datasets
from quintet_training.datasets import playlist_importing, playlist_moving
from quintet_training.datasets.catalogue_ids import CatalogueIds
from quintet_training.datasets.chunks import numbered
from quintet_training.datasets.entries import Entry, make_entry
from quintet_training.datasets.playlist_bulk import MATCHED, split
from quintet_training.datasets.playlist_spool import Spool
from quintet_training.settings import TrainingSettings

from tests.training.test_playlists_import import fill, filled, lite, stored, write

__all__ = ["filled", "lite"]

HEAD = "playlist_id,position,track_id\n"
TEXTS = st.sampled_from(
    [None, "", " ", "p", " p ", "q\0", "Ü", "x" * 1001, "['a', 'b']", "[1", "nan", "-1", "007"]
)
IDS = st.sampled_from(
    [
        *(None, "", "A", " A", "B\n", "spotify:track:A", "SPOTIFY:track:A", "spotify:album:A"),
        *("https://open.spotify.com/track/B?si=1", "http://open.spotify.com/intl-de/track/B"),
        *("Z", "é", "spotify:local:a:b:c:1"),
    ]
)
PLACES = st.sampled_from([None, "0", "-0", " 1", "1.0", "1e3", "9" * 10, "9" * 30, "x"])


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                **{"playlist_id": TEXTS, "playlist": TEXTS, "kind": TEXTS, "added_at": TEXTS},
                **{"isrc": TEXTS, "artist": TEXTS, "title": TEXTS},
                **{"track_id": IDS, "position": PLACES},
            }
        ),
        min_size=1,
        max_size=8,
    ),
    fields=st.sets(st.sampled_from(["playlist", "kind", "added_at", "isrc", "artist", "position"])),
)
def test_rows_matched_in_bulk_are_the_entries_of_the_same_rows(
    rows: list[dict[str, Any]], fields: set[str]
) -> None:
    names = [name for name in rows[0] if name in fields | {"playlist_id", "track_id"}]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String)).select(names)
    ids = CatalogueIds(pl.Series(["B", "A"]))
    found = split(numbered(frame, 0), ids, lambda cells: cells)
    assert len(found.matched) + found.left.sum() == len(rows)
    matched = {row["order"]: row for row in found.matched.iter_rows(named=True)}
    for order, cells in enumerate(frame.iter_rows(named=True)):
        item = make_entry(1, {"position": order, **cells})
        if order in matched:
            assert isinstance(item, Entry)
            row = {k: v for k, v in matched[order].items() if k != "order"}
            assert row == {name: getattr(item, name) for name in row}
    # An ordinary row is matched as a column.
    plain = pl.DataFrame({"playlist_id": ["p"], "track_id": ["spotify:track:A"], "position": [3]})
    assert split(numbered(plain, 0), ids, lambda cells: cells).matched["position"].to_list() == [3]


def test_one_by_one_and_in_bulk_store_the_same(
    lite: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEAD + "p,1,A\np,0,B\np,x,A\nq,0,nowhere\np,0,C\n,0,A\nfeedback:r,0,A\n" * 3
    one = datasets.import_playlists(lite, write(lite, "p.csv", text))
    other = fill(TrainingSettings(home=tmp_path / "other"))
    monkeypatch.setattr(playlist_importing, "LEAST_ROWS", 1)
    two = datasets.import_playlists(other, write(other, "p.csv", text))
    assert (one.counts, one.matched, one.playlists) == (two.counts, two.matched, two.playlists)
    assert stored(lite) == stored(other) == {"feedback:r": ["A"], "p": ["B", "A"]}


def test_a_new_version_replaces_and_other_positions_continue(filled: TrainingSettings) -> None:
    def run(name: str, text: str) -> Counts:
        return datasets.import_playlists(
            filled, write(filled, name, HEAD + text), source="s"
        ).counts

    assert run("1.csv", "p,0,A\np,1,B\nq,0,A\nq,1,B\n") == Counts(4, 4, 0, 0)
    # Shorter and changed; q is as it was.
    assert run("2.csv", "p,0,C\nq,0,A\nq,1,B\n") == Counts(3, 1, 0, 2)
    assert stored(filled) == {"p": ["C"], "q": ["A", "B"]}
    assert run("3.csv", "p,5,D\n") == Counts(1, 1, 0, 0)
    assert stored(filled) == {"p": ["C", "D"], "q": ["A", "B"]}
    assert run("4.csv", "q,0,A\n") == Counts(1, 0, 0, 1)
    assert stored(filled) == {"p": ["C", "D"], "q": ["A"]}
    (origin,) = datasets.playlists_info(filled).sources
    assert (origin.playlists, origin.rows, datasets.playlists_info(filled).tracks) == (2, 3, 3)


def test_files_that_waste_space_are_written_again(
    filled: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playlist_moving, "_MANY_SMALL", 2)
    for number in range(4):
        path = write(filled, f"{number}.csv", f"{HEAD}p{number},0,A\np{number},1,B\n")
        datasets.import_playlists(filled, path)
    before = stored(filled)
    assert datasets.compact(filled).rewritten == 4
    assert (stored(filled), datasets.compact(filled).rewritten) == (before, 0)


def test_deleted_playlists_leave_no_row_and_can_come_back(filled: TrainingSettings) -> None:
    path = write(filled, "p.csv", HEAD + "p,0,A\np,1,B\nq,0,C\nfeedback:r,0,A\n")
    datasets.import_playlists(filled, path)
    gone = datasets.delete_playlists(filled, ids=["p", "feedback:r", "none"])
    assert (gone.playlists, gone.rows, gone.unknown) == (1, 2, ["feedback:r", "none"])
    assert stored(filled) == {"feedback:r": ["A"], "q": ["C"]}
    sizes = [len(pl.read_parquet(file)) for file in (filled.home / "playlists").glob("*.parquet")]
    # The file from before waits for its readers.
    assert sorted(sizes) == [1, 3]
    assert not datasets.import_playlists(filled, path).unchanged
    assert stored(filled)["p"] == ["A", "B"]
    assert datasets.delete_playlists(filled, source="p.csv").playlists == 2
    assert stored(filled) == {"feedback:r": ["A"]}


def test_rows_of_an_earlier_release_move_once(filled: TrainingSettings) -> None:
    facts = {"kind": "playlists", "fingerprint": "f", "file_name": "f", "sha256": "s"}
    facts |= {"source": "old", "licence": "CC0", "imported_at": "2026-01-01T00:00:00+00:00"}
    engine = open_engine(filled.database_url)
    with writing(engine) as connection:
        number = imports.begin_import(connection, facts)
        for name in ("p", "q", "feedback:r"):
            row = {"playlist_id": name, "name": name, "kind": "", "provenance": "old"}
            places = [
                {"playlist_id": name, "position": place, "track_id": track, "added_at": None}
                for place, track in enumerate("AB")
            ]
            store.add_playlists(
                connection,
                [{**row, "licence": "CC0", "import_id": number}],
                [{**each, "import_id": number} for each in places],
            )
    engine.dispose()
    before, info = stored(filled), datasets.playlists_info(filled)
    assert before == {name: ["A", "B"] for name in ("feedback:r", "p", "q")}
    assert [datasets.compact(filled).moved for _ in range(2)] == [2, 0]
    assert (stored(filled), datasets.playlists_info(filled)) == (before, info)
    path = write(filled, "p.csv", HEAD + "p,0,C\n")
    assert datasets.import_playlists(filled, path, source="old").counts.rows_stored == 1
    assert stored(filled)["p"] == ["C"]


def test_a_missing_or_damaged_file_is_named(lite: TrainingSettings) -> None:
    datasets.import_playlists(lite, write(lite, "p.csv", HEAD + "p,0,A\n"))
    (path,) = (lite.home / "playlists").glob("*.parquet")
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreUnavailable, match=f"{path.name} is damaged"):
        datasets.read_playlists(lite)
    path.unlink()
    with pytest.raises(StoreUnavailable, match="is missing: restore a backup"):
        datasets.read_playlists(lite)


def test_a_spool_gives_each_playlist_whole_whatever_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quintet_training.datasets.playlist_spool._WAITING", 10)
    monkeypatch.setattr("quintet_training.datasets.playlist_spool.FILE_ROWS", 12)
    spool, texts = Spool(tmp_path / "s"), {"playlist": "", "kind": "", "added_at": None}
    rows = [
        {"order": n, "playlist_id": f"p{n % 7}", "position": n, "track_id": "A", **texts}
        for n in range(50)
    ]
    for start in range(0, 50, 5):
        spool.add(pl.DataFrame(rows[start : start + 5], schema=MATCHED), (start + 5) / 50)
    parts = list(spool.parts())
    assert len(parts) > 1
    assert sorted(pl.concat(parts)["order"]) == list(range(50))
    names = [name for part in parts for name in part["playlist_id"].unique()]
    assert sorted(names) == [f"p{n}" for n in range(7)]
