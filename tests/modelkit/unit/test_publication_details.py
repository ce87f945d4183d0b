"""Published folders in detail: modes, names, pointers, manifests and what is wrong with a file."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from quintet_modelkit import publication
from quintet_modelkit.publication import (
    BOUNDS,
    CURRENT,
    FORMAT,
    MANIFEST,
    PublicationInvalid,
    current_folder,
    current_version,
    damaged_files,
    fingerprint_of,
    followed_version,
    is_version,
    publish,
    read_manifest,
    read_pointer,
    read_text,
    set_current,
    sha256_of,
    staged,
    write_manifest,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def published(root: Path, version: str = "v1", **options: bool) -> Path:
    with staged(root) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "data.bin").write_bytes(b"data")
        (folder / "empty").write_bytes(b"")
        write_manifest(folder, {"kind": "test"})
        return publish(folder, root, version, **options)


def test_others_may_read_what_is_published_whatever_the_umask(tmp_path):
    root = tmp_path / "deep" / "models"
    before = os.umask(0o077)
    try:
        folder = published(root)
    finally:
        os.umask(before)
    assert folder == root / "v1"
    assert {mode(path) for path in (root, folder, folder / "deep")} == {0o755}
    files = (folder / "deep" / "data.bin", folder / MANIFEST, root / CURRENT)
    assert {mode(path) for path in files} == {0o644}


def test_a_staged_folder_is_hidden_and_lets_others_in(tmp_path):
    with staged(tmp_path) as folder, staged(tmp_path) as other:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".staging-")
        assert folder != other
        assert mode(folder) == 0o755
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_user_keeps_its_mode(tmp_path, monkeypatch):
    real = Path.chmod

    def chmod(path, *arguments):
        if path.name == "empty":
            raise PermissionError
        real(path, *arguments)

    monkeypatch.setattr(Path, "chmod", chmod)
    assert mode(published(tmp_path) / MANIFEST) == 0o644


def test_a_folder_can_be_published_without_being_used(tmp_path):
    published(tmp_path)
    published(tmp_path, "v2", make_current=False)
    assert current_version(tmp_path) == "v1"
    assert read_manifest(tmp_path / "v2")["kind"] == "test"
    published(tmp_path, "v2")
    assert current_folder(tmp_path) == tmp_path / "v2"


@pytest.mark.parametrize("code", [errno.ENOTEMPTY, errno.EEXIST])
def test_a_version_that_exists_stays(tmp_path, monkeypatch, code):
    def rename(_path, _target):
        raise OSError(code, "there")

    published(tmp_path)
    monkeypatch.setattr(Path, "rename", rename)
    assert published(tmp_path) == tmp_path / "v1"


def test_a_disk_that_fails_is_reported(tmp_path, monkeypatch):
    def rename(_path, _target):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="full"):
        published(tmp_path)
    assert current_version(tmp_path) is None


@pytest.mark.parametrize("version", ["../up", "", ".hidden", "a/b", "x" * 129])
def test_a_name_that_is_no_version_is_rejected(tmp_path, version):
    assert not is_version(version)
    with pytest.raises(PublicationInvalid, match="is not a version"):
        published(tmp_path, version)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_has_each_file_with_size_and_checksum(tmp_path):
    folder = published(tmp_path)
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert document == {
        "format": FORMAT,
        "kind": "test",
        "files": {
            "deep/data.bin": {"sha256": sha256_of(folder / "deep" / "data.bin"), "bytes": 4},
            "empty": {"sha256": EMPTY, "bytes": 0},
        },
    }
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    assert text.index('"files"') < text.index('"format"') < text.index('"kind"')
    with staged(tmp_path) as other:
        write_manifest(other, {"name": "é"})
        assert '\n  "name": "é"' in (other / MANIFEST).read_text(encoding="utf-8")


def test_a_file_of_several_pieces_is_hashed_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(publication, "_CHUNK", 3)
    path = tmp_path / "data"
    path.write_bytes(b"")
    assert sha256_of(path) == EMPTY
    path.write_bytes(b"The quick brown fox jumps over the lazy dog")
    assert sha256_of(path).startswith("d7a8fbb307d7809469ca9abcb0082e4f")


# Pointers


@pytest.mark.parametrize(
    ("content", "text"),
    [(b" v1 \n", "v1"), (b"", ""), (b"\xff", ""), (b"x" * 4096, "x" * 4096), (b"x" * 4097, "")],
)
def test_a_pointer_is_one_short_text(tmp_path, content, text):
    assert read_pointer(tmp_path / "none") == ""
    (tmp_path / "pointer").write_bytes(content)
    assert read_pointer(tmp_path / "pointer") == text


def test_a_damaged_pointer_names_nothing_and_is_reported(tmp_path):
    assert followed_version(tmp_path) is None
    (tmp_path / CURRENT).write_bytes(b"../up")
    assert current_version(tmp_path) is None
    for read in (followed_version, current_folder):
        with pytest.raises(PublicationInvalid, match="current is damaged"):
            read(tmp_path)


def test_a_pointer_to_a_folder_that_is_gone_is_reported(tmp_path):
    published(tmp_path)
    (tmp_path / CURRENT).write_text("v9\n", encoding="utf-8")
    assert followed_version(tmp_path) == "v9"
    with pytest.raises(PublicationInvalid, match="names v9, which is missing"):
        current_folder(tmp_path)


def test_a_file_is_no_version_to_use(tmp_path):
    published(tmp_path)
    (tmp_path / "v2").write_text("", encoding="utf-8")
    with pytest.raises(PublicationInvalid, match="'v2' is not a version in"):
        set_current(tmp_path, "v2")
    set_current(tmp_path, "v1")
    assert (tmp_path / CURRENT).read_text(encoding="utf-8") == "v1\n"


# Manifests and damage


def change(folder: Path, **values: object) -> None:
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**document, **values}), encoding="utf-8")


@pytest.mark.parametrize(
    "files",
    [
        *({"a": {"sha256": 1, "bytes": 1}}, {"a": {"sha256": "x", "bytes": "1"}}, {"a": {}}),
        *({"a": {"sha256": "x", "bytes": True}}, {"a": []}, [], None, {"a": {"bytes": 1}}),
    ],
)
def test_a_manifest_of_another_form_is_unreadable(tmp_path, files):
    folder = published(tmp_path)
    change(folder, files=files)
    for verify in (True, False):
        with pytest.raises(PublicationInvalid, match="v1: manifest is missing or unreadable"):
            read_manifest(folder, verify=verify)


def test_another_format_is_named_with_the_one_that_is_read(tmp_path):
    folder = published(tmp_path)
    change(folder, format=2)
    with pytest.raises(PublicationInvalid, match="has format 2; this program reads 1"):
        read_manifest(folder)


def test_each_damaged_file_is_named_with_its_damage(tmp_path):
    folder = published(tmp_path)
    assert damaged_files(folder) == {}
    (folder / "deep" / "data.bin").write_bytes(b"dat@")
    facts = {"sha256": EMPTY, "bytes": 0}
    document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / "link").symlink_to(tmp_path / CURRENT)
    more = dict.fromkeys(("../v1/empty", "../up", "link", "none", "deep", "a\0"), facts)
    change(folder, files={**document["files"], **more})
    found = damaged_files(folder)
    assert found.pop("a\0").startswith("cannot be read: ")
    assert found == {
        "deep/data.bin": "does not match its checksum",
        "../up": "is outside the folder",
        "link": "is outside the folder",
        "none": "is missing or has another size",
        "deep": "is missing or has another size",
    }
    with pytest.raises(PublicationInvalid, match=r"v1: deep/data\.bin does not match"):
        read_manifest(folder)
    assert read_manifest(folder, verify=False)["kind"] == "test"


def test_a_path_that_the_system_cannot_read_is_damage(tmp_path, monkeypatch):
    folder = published(tmp_path)

    def resolve(_path):
        raise OSError(errno.ELOOP, "Too many links")

    monkeypatch.setattr(Path, "resolve", resolve)
    assert publication._damage(folder, "empty", {}) == "cannot be read: Too many links"


def test_a_text_has_at_most_so_many_bytes(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"x" * BOUNDS.total)
    assert len(read_text(path)) == BOUNDS.total
    path.write_bytes(b"x" * (BOUNDS.total + 1))
    with pytest.raises(ValueError, match="text has more than 8,388,608 bytes"):
        read_text(path)


def test_a_repaired_folder_has_another_fingerprint(tmp_path):
    folder = published(tmp_path)
    first = fingerprint_of(folder)
    assert [name for name, *_ in first] == ["deep", "deep/data.bin", "empty", MANIFEST]
    assert fingerprint_of(folder) == first
    facts = (folder / "empty").stat()
    assert first[2] == ("empty", facts.st_mtime_ns, 0)
    os.utime(folder / "empty", ns=(1, 1))
    assert fingerprint_of(folder) != first


def test_a_file_removed_meanwhile_has_no_fingerprint(tmp_path, monkeypatch):
    folder = published(tmp_path)
    real = Path.rglob
    gone = [folder / "gone"]
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: [*real(path, pattern), *gone])
    assert len(fingerprint_of(folder)) == 4
