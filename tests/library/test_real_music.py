"""Real music: the Ogg files of two Debian packages, as their authors tagged them."""

import shutil
from pathlib import Path

import pytest
from quintet_library.folder import FolderReader
from quintet_library.records import Song
from quintet_library.tag_readers import TagReaders

from tests.fakes.audio_files import tag
from tests.fakes.debian_music import FOLDERS, files_of
from tests.needs import MUSIC, skip

MOST_BYTES = 3_000_000
"""Larger files are left out, so that the test takes a second."""


@pytest.mark.parametrize("package", FOLDERS)
def test_real_files_are_songs_and_keep_their_identity_with_new_tags(package, tmp_path):
    folder = FOLDERS[package]
    paths = [path for path in files_of(package) if path.stat().st_size < MOST_BYTES]
    if not paths:
        skip(MUSIC[package])
    assert len(paths) > 3
    for path in paths:
        # Without tags, the name of the package's folder stands for the artist.
        target = tmp_path / "music" / package / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    with TagReaders(2, 30.0) as readers:
        before = songs(tmp_path / "music", readers)
        for name in before:
            tag(Path(name), title="Another title", artists=["Ann", "Bob"], comment="x" * 9_000)
        after = songs(tmp_path / "music", readers)
    assert len(before) == len(paths)
    assert all(song.item.duration_ms > 1_000 for song in before.values())
    assert {song.item.title for song in after.values()} == {"Another title"}
    identities = {path: song.item.audio_hash for path, song in before.items()}
    assert {path: song.item.audio_hash for path, song in after.items()} == identities
    # The same music may be in a package twice; no two different pieces share an identity.
    lengths = {song.item.audio_hash: song.item.duration_ms for song in before.values()}
    assert all(lengths[s.item.audio_hash] == s.item.duration_ms for s in before.values())


def songs(folder: Path, readers: TagReaders) -> dict[str, Song]:
    pages = FolderReader(str(folder), readers, lambda ids: {}).pages()
    found = [item for page in pages for item in page.items]
    assert all(isinstance(item, Song) for item in found), found
    return {item.item.path: item for item in found if isinstance(item, Song)}
