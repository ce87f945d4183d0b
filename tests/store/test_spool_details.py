"""The spool in detail: its files and modes, the order of deletions, damage, and failing disks."""

import errno
import fcntl
import json
import os
import stat
import zlib
from pathlib import Path
from typing import Any

import pytest
from quintet_store import spool as module
from quintet_store.spool import Spool, SpoolFull, damaged_files, forget

ROOM = 1 << 20
HASHES = {name: name[0] * 64 for name in ("ann", "bob")}


def row(number: int, listener: str | None = None, at: str = "2026-01") -> dict[str, Any]:
    name = HASHES.get(listener or "", listener)
    return {"client": "c", "event_id": f"e{number}", "listener": name, "received_at": at}


def line(*rows: dict[str, Any]) -> bytes:
    body = json.dumps(list(rows), separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def replayed(spool: Spool) -> list[str]:
    ids: list[str] = []
    spool.replay(lambda rows: ids.extend(each["event_id"] for each in rows))
    return ids


def segment(folder: Path, content: bytes, name: str = "0" * 20 + "-x") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.events"
    path.write_bytes(content)
    return path


def test_a_file_holds_one_line_per_request_for_its_owner_alone(tmp_path):
    spool = Spool(tmp_path / "spool", ROOM)
    spool.append([[row(1), row(2)], [], [row(1)], [row(3)]])
    (path,) = (tmp_path / "spool").iterdir()
    assert path.read_bytes() == line(row(1), row(2)) + line(row(3))
    assert spool.size == len(path.read_bytes())
    assert spool.events == 3
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "spool", path)]
    assert modes == [0o700, 0o600]
    assert path.suffix == ".events"
    with path.open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_two_clients_may_use_the_same_id(tmp_path):
    spool = Spool(tmp_path, ROOM)
    assert spool.append([[row(1), {**row(1), "client": "d"}]]) == [2]
    assert replayed(spool) == ["e1", "e1"]


def test_the_bound_is_exact_and_holds_over_all_files(tmp_path):
    size = len(line(row(1)))
    spool = Spool(tmp_path, 2 * size)
    segment(tmp_path, line(row(1)))
    assert spool.adopt() == 1
    assert spool.append([[row(2)]]) == [1]
    with pytest.raises(SpoolFull):
        spool.append([[row(3)]])
    assert spool.append([[row(1)]]) == [0]
    assert replayed(spool) == ["e1", "e2"]
    assert spool.append([[row(3)]]) == [1]


def test_files_are_replayed_by_their_time_and_adopted_ones_first(tmp_path):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(9)]])
    for number in (2, 1):
        segment(tmp_path, line(row(number)), f"{number:020d}-x")
    assert spool.adopt() == 2
    assert spool.adopt() == 0
    assert spool.append([[row(1), row(10)]]) == [1]
    assert replayed(spool) == ["e1", "e2", "e9", "e10"]
    assert list(tmp_path.iterdir()) == []
    spool.append([[row(1)]])
    assert replayed(spool) == ["e1"]


def test_a_file_taken_by_another_process_meanwhile_is_left_alone(tmp_path, monkeypatch):
    path = segment(tmp_path, line(row(1)))
    spool, real = Spool(tmp_path, ROOM), fcntl.flock

    def replaced(handle: int, how: int) -> None:
        real(handle, how)
        path.unlink()
        path.write_bytes(line(row(2)))

    def removed(handle: int, how: int) -> None:
        real(handle, how)
        path.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", replaced)
        assert spool.adopt() == 0
        patch.setattr(fcntl, "flock", removed)
        assert spool.adopt() == 0
    assert spool.empty
    segment(tmp_path, line(row(3)))
    assert spool.adopt() == 1


def test_a_file_that_vanishes_before_it_is_opened_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_files", lambda folder: [folder / "gone.events"])
    assert Spool(tmp_path, ROOM).adopt() == 0


def test_large_files_are_replayed_in_parts_and_go_on_after_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 2)
    spool = Spool(tmp_path, ROOM)
    parts: list[Any] = []
    spool.append([[row(number)] for number in range(5)])

    def store(rows):
        if len(parts) == 1 and "failed" not in parts:
            parts.append("failed")
            raise ConnectionError
        parts.append([each["event_id"] for each in rows])

    with pytest.raises(ConnectionError):
        spool.replay(store)
    assert not spool.empty
    assert spool.replay(store) == 3
    assert parts == [["e0", "e1"], "failed", ["e2", "e3"], ["e4"]]
    assert spool.empty


def test_lines_written_during_a_replay_are_replayed_too(tmp_path):
    spool = Spool(tmp_path, ROOM)
    ids: list[str] = []

    def store(rows):
        if not ids:
            spool.append([[row(2)]])
        ids.extend(each["event_id"] for each in rows)

    spool.append([[row(1)]])
    assert spool.replay(store) == 2
    assert ids == ["e1", "e2"]
    assert (spool.empty, spool.events, list(tmp_path.iterdir())) == (True, 0, [])


def test_a_closed_spool_leaves_its_files_to_the_next(tmp_path):
    first = Spool(tmp_path, ROOM)
    first.append([[row(1)]])
    first.close()
    assert (first.empty, first.events, first.size) == (True, 0, 0)
    assert first.append([[row(1)]]) == [1]
    second = Spool(tmp_path, ROOM)
    assert second.adopt() == 1
    assert replayed(second) == ["e1"]


# Deletions


def test_the_later_of_two_deletions_counts_in_any_order(tmp_path):
    spool = Spool(tmp_path, ROOM)
    rows = [row(1, "ann", "2026-01"), row(2, "ann", "2026-02"), row(3, "ann", "2026-03"), row(4)]
    spool.append([rows])
    spool.forget(HASHES["ann"], "2026-02")
    forget(tmp_path, HASHES["ann"], "2026-01")
    forget(tmp_path, "", "2027")
    path = tmp_path / "forgotten"
    text = path.read_text(encoding="utf-8")
    assert text == f"{HASHES['ann']} 2026-02\n{HASHES['ann']} 2026-01\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert replayed(spool) == ["e3", "e4"]
    assert not path.exists()


def test_a_damaged_list_of_deletions_holds_nothing_up(tmp_path):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1, "ann"), row(2, "bob")]])
    content = b"\xff\n" + f"{HASHES['ann']} 2026\n{HASHES['bob']} 2027\nx y z\n".encode()
    (tmp_path / "forgotten").write_bytes(content)
    assert replayed(spool) == ["e1"]


def test_a_list_of_deletions_stays_while_another_file_waits(tmp_path):
    mine, other = Spool(tmp_path, ROOM), Spool(tmp_path, ROOM)
    mine.append([[row(1, "ann")]])
    other.append([[row(2, "ann")]])
    mine.forget(HASHES["ann"], "2026-02")
    assert replayed(mine) == []
    assert (tmp_path / "forgotten").exists()
    assert replayed(other) == []
    assert not (tmp_path / "forgotten").exists()


def test_a_deletion_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    Spool(tmp_path, ROOM).append([[row(1, "ann")]])

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        forget(tmp_path, HASHES["ann"], "2027")


# Damage


def test_damaged_lines_are_kept_whole_for_the_operator_alone(tmp_path):
    bad = [b"00000000 []\n", line(row(2)).replace(b"e2", b"eX"), b"\xff\n", b"no\n"]
    nested = b"[" * 100_000
    bad.append(b"%08x %s\n" % (zlib.crc32(nested), nested))
    path = segment(tmp_path, line(row(1)) + b"".join(bad) + line(row(3)))
    spool = Spool(tmp_path, ROOM)
    assert spool.adopt() == 1
    assert spool.events == 2
    assert replayed(spool) == ["e1", "e3"]
    kept = path.with_suffix(".damaged")
    assert kept.read_bytes() == b"".join(bad)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [kept.name]
    assert damaged_files(tmp_path) == 1


def test_damaged_lines_that_cannot_be_kept_hold_nothing_up(tmp_path, monkeypatch):
    segment(tmp_path, b"no\n" + line(row(1)))

    def full(_segment: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module, "_keep_damaged", full)
    spool = Spool(tmp_path, ROOM)
    spool.adopt()
    assert replayed(spool) == ["e1"]
    assert spool.empty
    assert damaged_files(tmp_path) == 0


def test_a_deletion_removes_damaged_lines_that_may_be_the_listeners(tmp_path):
    def broken(*rows: dict[str, Any]) -> bytes:
        return b"0" + line(*rows)[1:].replace(b'"client":"c"', b'"client":"d"')

    others = [broken(row(1, "bob")), broken(row(2, "bob"), row(3, "bob"))]
    removed = [
        *(broken(row(4, "ann")), broken(row(5, "bob"), row(6, "ann")), b"unreadable\n"),
        # One of the two events does not show whose it is.
        *(broken(row(7, "bob"), row(8)), broken(row(9))),
    ]
    path = tmp_path / "x.damaged"
    path.write_bytes(b"".join([*others, *removed]))
    forget(tmp_path, HASHES["ann"], "2026")
    assert path.read_bytes() == b"".join(others)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    facts = path.stat()
    forget(tmp_path, HASHES["ann"], "2026")
    assert path.stat().st_ino == facts.st_ino  # not even written again
    forget(tmp_path, HASHES["bob"], "2026")
    assert list(tmp_path.iterdir()) == []


# Failing disks


def fails(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch, call):
    spool = Spool(tmp_path / "spool", ROOM)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(SpoolFull, match="cannot be written: Input/output error"):
            spool.append([[row(1)]])
    assert (spool.empty, spool.events, spool.size) == (True, 0, 0)
    spool.append([[row(2)]])
    assert replayed(spool) == ["e2"]


def test_a_file_that_failed_once_takes_no_more_and_is_replayed(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1)]])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(SpoolFull):
            spool.append([[row(2)]])
    (first,) = tmp_path.iterdir()
    assert first.read_bytes() == line(row(1))
    assert spool.events == 1
    spool.append([[row(3)]])
    assert len(list(tmp_path.iterdir())) == 2
    assert replayed(spool) == ["e1", "e3"]


def test_an_empty_file_that_failed_is_removed(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(SpoolFull):
            spool.append([[row(1)]])
    assert list(tmp_path.iterdir()) == []
    assert spool.append([[row(1)]]) == [1]


def test_a_disk_that_writes_in_pieces_gets_all(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, at: real(handle, bytes(data[:7]), at))
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1)]])
    spool.append([[row(2)]])
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == line(row(1)) + line(row(2))


def test_a_disk_that_cannot_even_cut_off_keeps_the_error(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1)]])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        patch.setattr(os, "ftruncate", fails)
        with pytest.raises(SpoolFull):
            spool.append([[row(2)]])
    # The rest of the line is beyond the size that counts.
    assert replayed(spool) == ["e1"]


def test_a_folder_that_cannot_be_synced_after_a_removal_holds_nothing_up(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1)]])
    with monkeypatch.context() as patch:
        patch.setattr(module, "_sync", fails)
        assert replayed(spool) == ["e1"]
    assert spool.empty


def test_names_are_on_the_disk_before_an_event_is_confirmed_and_after_it_is_stored(
    tmp_path, monkeypatch
):
    folder, synced, real = tmp_path / "home" / "spool", [], module._sync

    def sync(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(module, "_sync", sync)
    spool = Spool(folder, ROOM)
    spool.append([[row(1)]])
    # The folder is new too.
    assert synced == [folder, folder.parent]
    replayed(spool)
    assert synced == [folder, folder.parent, folder]


def test_damaged_lines_are_on_the_disk_before_their_file_is_removed(tmp_path, monkeypatch):
    path = segment(tmp_path, b"no\n")
    synced, real = [], os.fsync

    def sync(handle: int) -> None:
        if path.exists():
            synced.append(os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    spool = Spool(tmp_path, ROOM)
    spool.adopt()
    replayed(spool)
    assert synced == [len(b"no\n")]


def test_a_file_that_cannot_be_locked_leaves_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fails)
        with pytest.raises(SpoolFull, match="Input/output error"):
            Spool(tmp_path, ROOM).append([[row(1)]])
    assert list(tmp_path.iterdir()) == []


def test_files_that_somebody_removes_hold_nothing_up(tmp_path, monkeypatch):
    spool = Spool(tmp_path, ROOM)
    spool.append([[row(1)]])
    (path,) = tmp_path.iterdir()
    assert spool.replay(lambda _rows: path.unlink()) == 1
    assert spool.empty
    damaged, real = tmp_path / "x.damaged", Path.read_bytes
    damaged.write_bytes(b"unreadable\n")

    def read(path: Path) -> bytes:
        content = real(path)
        path.unlink()
        return content

    monkeypatch.setattr(Path, "read_bytes", read)
    forget(tmp_path, HASHES["ann"], "2026")
    assert list(tmp_path.iterdir()) == []


def test_each_handle_is_closed(tmp_path, monkeypatch):
    opened: set[int] = set()
    real_open, real_close = os.open, os.close

    def open_(*arguments: Any, **options: Any) -> int:
        handle = real_open(*arguments, **options)
        opened.add(handle)
        return handle

    def close(handle: int) -> None:
        opened.discard(handle)
        real_close(handle)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "close", close)
    spool, other = Spool(tmp_path, ROOM), Spool(tmp_path, ROOM)
    spool.append([[row(1, "ann")]])
    assert len(opened) == 1
    assert other.adopt() == 0
    spool.forget(HASHES["ann"], "2025")
    assert len(opened) == 1
    replayed(spool)
    assert opened == set()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fails)
        with pytest.raises(SpoolFull):
            spool.append([[row(2)]])
    assert opened == set()
