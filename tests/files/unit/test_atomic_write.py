import os
import stat
from pathlib import Path

import pytest
from quintet_files import PRIVATE_MODE, keep_private, replacing, write_atomically


def write_half(path, fault):
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise fault


def test_the_content_and_the_mode_are_as_asked(tmp_path):
    path = tmp_path / "keys.json"
    write_atomically(path, "première\n", PRIVATE_MODE)
    assert path.read_bytes() == "première\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == PRIVATE_MODE
    write_atomically(path, b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_reader_sees_the_old_content_until_the_new_is_whole(tmp_path):
    path = tmp_path / "current"
    write_atomically(path, "old")
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write("new")
        stream.flush()
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_fault_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, fault):
    path = tmp_path / "current"
    write_atomically(path, "old")
    with pytest.raises(fault):
        write_half(path, fault)
    assert [each.name for each in tmp_path.iterdir()] == ["current"]
    assert path.read_text(encoding="utf-8") == "old"


def test_a_secret_is_never_readable_by_others(tmp_path):
    with replacing(tmp_path / "key", PRIVATE_MODE) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == PRIVATE_MODE


def test_a_target_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="target"):
        write_atomically(tmp_path / "target", "text")
    assert [each.name for each in tmp_path.iterdir()] == ["target"]


def test_a_process_keeps_what_it_makes_for_its_owner(tmp_path):
    before = os.umask(0o022)
    try:
        keep_private()
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")]
    assert modes == [0o600, 0o700]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(handle):
        steps.append(("sync", os.fstat(handle).st_size))
        real_sync(handle)

    def replace(path, target):
        steps.append(("replace", target.name))
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomically(tmp_path / "a", "text")
    assert steps == [("sync", 4), ("replace", "a")]


@pytest.mark.parametrize("fault", [None, ValueError("half")])
def test_no_handle_stays_open(tmp_path, monkeypatch, fault):
    handles = []
    real = os.fchmod

    def chmod(handle: int, mode: int) -> None:
        handles.append(handle)
        real(handle, mode)

    monkeypatch.setattr(os, "fchmod", chmod)
    if fault:
        with pytest.raises(ValueError, match="half"):
            write_half(tmp_path / "a", fault)
    else:
        write_atomically(tmp_path / "a", "text")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(*handles)


def test_a_new_version_that_was_removed_meanwhile_hides_no_error(tmp_path):
    def fail():
        with replacing(tmp_path / "a") as temporary:
            temporary.unlink()
            raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        fail()
