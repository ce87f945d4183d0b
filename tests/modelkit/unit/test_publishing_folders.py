import json

import pytest
from quintet_modelkit.publication import (
    MANIFEST,
    PublicationInvalid,
    current_folder,
    current_version,
    publish,
    read_manifest,
    set_current,
    staged,
    write_manifest,
)


def publish_one(root, version="v1", text="content"):
    with staged(root) as folder:
        (folder / "data.txt").write_text(text)
        write_manifest(folder, {"kind": "test"})
        return publish(folder, root, version)


def test_a_published_folder_is_current_and_verified(tmp_path):
    publish_one(tmp_path)
    assert current_version(tmp_path) == "v1"
    assert read_manifest(current_folder(tmp_path))["kind"] == "test"


def test_a_failed_stage_leaves_nothing(tmp_path):
    def fail_midway():
        with staged(tmp_path) as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_midway()
    assert list(tmp_path.iterdir()) == []


def test_a_second_publisher_of_a_version_keeps_the_first(tmp_path):
    publish_one(tmp_path, text="first")
    publish_one(tmp_path, text="second")
    assert (tmp_path / "v1" / "data.txt").read_text() == "first"


@pytest.mark.parametrize("damage", ["alter", "truncate", "remove"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    folder = publish_one(tmp_path)
    data = folder / "data.txt"
    if damage == "remove":
        data.unlink()
    else:
        data.write_text("contenT" if damage == "alter" else "")
    with pytest.raises(PublicationInvalid, match=r"data\.txt"):
        read_manifest(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99, "files": {}}', "null"])
def test_an_unreadable_manifest_is_refused(tmp_path, text):
    folder = publish_one(tmp_path)
    (folder / MANIFEST).write_text(text)
    with pytest.raises(PublicationInvalid):
        read_manifest(folder)


def test_a_manifest_that_points_outside_is_refused(tmp_path):
    (tmp_path / "secret").write_text("x")
    folder = publish_one(tmp_path)
    document = json.loads((folder / MANIFEST).read_text())
    document["files"] = {"../secret": {"sha256": "0" * 64, "bytes": 1}}
    (folder / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(PublicationInvalid, match="outside"):
        read_manifest(folder)


@pytest.mark.parametrize("version", ["../up", "", ".hidden", "a/b", "missing"])
def test_only_a_version_that_exists_can_be_current(tmp_path, version):
    publish_one(tmp_path)
    with pytest.raises(PublicationInvalid):
        set_current(tmp_path, version)
    assert current_version(tmp_path) == "v1"


def test_nothing_published_is_said(tmp_path):
    assert current_version(tmp_path) is None
    with pytest.raises(PublicationInvalid, match="nothing is published"):
        current_folder(tmp_path)
