"""The spool on a real disk: nothing promised is lost, nothing given away twice."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from quintet_store.spool import Spool, SpoolFull, damaged_files, forget

ROOM = 1 << 20


def row(number: int, listener: str | None = None, at: str = "2026") -> dict[str, Any]:
    return {"client": "c", "event_id": f"e{number}", "listener": listener, "received_at": at}


class Database:
    """What is stored, by id; away when told so."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.away = False

    def store(self, rows) -> None:
        if self.away:
            raise ConnectionError
        self.ids += [each["event_id"] for each in rows]


def test_rows_come_back_in_the_order_in_which_they_came(tmp_path):
    spool, database = Spool(tmp_path / "spool", ROOM), Database()
    assert spool.empty
    assert spool.append([[row(1), row(2)], [row(3), row(1)]]) == [2, 1]
    assert (spool.events, spool.append([[row(2)]])) == (3, [0])
    assert spool.replay(database.store) == 3
    assert database.ids == ["e1", "e2", "e3"]
    assert (spool.empty, spool.events, spool.size) == (True, 0, 0)
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_cannot_be_stored_waits_on_and_goes_first(tmp_path):
    spool, database = Spool(tmp_path, ROOM), Database()
    spool.append([[row(1)]])
    database.away = True
    with pytest.raises(ConnectionError):
        spool.replay(database.store)
    spool.append([[row(2)]])
    database.away = False
    spool.replay(database.store)
    assert database.ids == ["e1", "e2"]


def test_a_file_belongs_to_the_process_that_made_it_until_that_is_gone(tmp_path):
    first, second, database = Spool(tmp_path, ROOM), Spool(tmp_path, ROOM), Database()
    first.append([[row(1)]])
    assert second.adopt() == 0
    first.close()
    second.append([[row(2)]])
    assert (second.adopt(), second.adopt()) == (1, 0)
    second.replay(database.store)
    assert database.ids == ["e1", "e2"]


def test_wherever_a_line_is_torn_whole_ones_are_kept_and_half_ones_are_not(tmp_path):
    spool, ends = Spool(tmp_path / "first", ROOM), []
    for number in range(3):
        spool.append([[row(number)]])
        ends.append(spool.size)
    spool.close()
    (path,) = (tmp_path / "first").iterdir()
    content = path.read_bytes()
    for cut in (*range(ends[0], ends[1] + 1, 7), *ends, 0, 1, ends[2] - 1):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir(exist_ok=True)
        (folder / path.name).write_bytes(content[:cut])
        heir, database = Spool(folder, ROOM), Database()
        heir.adopt()
        heir.replay(database.store)
        assert database.ids == [f"e{number}" for number, end in enumerate(ends) if end <= cut]
        assert damaged_files(folder) == 0


def test_a_line_damaged_on_the_disk_is_kept_aside_and_holds_nothing_up(tmp_path):
    spool, database = Spool(tmp_path, ROOM), Database()
    for number in range(3):
        spool.append([[row(number)]])
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"e1", b"eX"))
    spool.replay(database.store)
    assert database.ids == ["e0", "e2"]
    assert damaged_files(tmp_path) == 1


def test_no_more_is_taken_than_there_is_room_for(tmp_path):
    spool, database = Spool(tmp_path, 300), Database()
    spool.append([[row(1)]])
    with pytest.raises(SpoolFull, match="300 bytes"):
        spool.append([[row(number) for number in range(2, 9)]])
    assert spool.append([[row(2)]]) == [1]
    spool.replay(database.store)
    assert database.ids == ["e1", "e2"]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_what_a_full_disk_took_half_of_was_never_promised(tmp_path, monkeypatch, call):
    spool, database = Spool(tmp_path, ROOM), Database()
    spool.append([[row(1)]])

    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(SpoolFull, match="No space left"):
            spool.append([[row(2)]])
    spool.append([[row(3)]])
    spool.close()
    heir = Spool(tmp_path, ROOM)
    heir.adopt()
    heir.replay(database.store)
    assert database.ids == ["e1", "e3"]


def test_who_was_deleted_is_left_out_of_what_waits_anywhere(tmp_path):
    spool, database = Spool(tmp_path, ROOM), Database()
    rows = [row(1, "ann", "2026-01"), row(2, "bob", "2026-01"), row(3, "ann", "2026-03"), row(4)]
    spool.append([rows])
    forget(tmp_path, "ann", "2026-02")
    spool.replay(database.store)
    assert database.ids == ["e2", "e3", "e4"]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_down_of_who_is_deleted_while_nothing_waits(tmp_path):
    forget(tmp_path / "spool", "ann", "2026")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_full_spool(tmp_path: Path):
    (tmp_path / "spool").write_text("in the way", encoding="utf-8")
    with pytest.raises(SpoolFull):
        Spool(tmp_path / "spool", ROOM).append([[row(1)]])
