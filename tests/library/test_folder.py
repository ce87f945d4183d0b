"""A folder of music: every file is read or named with a reason, and nothing stops the rest."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quintet_library import tag_readers
from quintet_library.folder import File, FolderReader, audio_files, song_of_file
from quintet_library.records import Rejected, Song, SourceFailed, Unchanged
from quintet_library.tag_readers import TagReaders

from tests.fakes.audio_files import TONES, tag, tone


@pytest.fixture(scope="module")
def readers() -> Iterator[TagReaders]:
    with TagReaders(2, 30.0) as started:
        yield started


def read(root: Path, readers: TagReaders, known=lambda ids: {}) -> list:
    reader = FolderReader(str(root), readers, known)
    found = [item for page in reader.pages() for item in page.items]
    assert reader.unreadable == []
    return found


def named(found: list) -> dict[str, Song | Rejected]:
    return {
        Path(each.item.path if isinstance(each, Song) else each.path).name: each for each in found
    }


def test_every_format_is_a_song_with_tags_ids_and_features(tmp_path, readers):
    for name in TONES:
        fields = {"album": "First", "bpm": "128", "date": "2026-03-00", "genres": "rock; folk"}
        more = {"key": "F#m", "isrc": "GB-AYE-06-01498", "replaygain_track_gain": "-7.20 dB"}
        tone(name, tmp_path / name, title=name, artists=["Ann", "Bob"], **fields, **more)
    songs = named(read(tmp_path, readers))
    assert sorted(songs) == list(TONES)
    for name, song in songs.items():
        assert isinstance(song, Song)
        item = song.item
        assert (item.title, item.artists, item.album) == (name, ("Ann", "Bob"), "First")
        assert (item.release_date, item.genres) == ("2026-03", ("rock", "folk"))
        assert item.ids == (("isrc", "GB-AYE-06-01498"),)
        assert item.features == {"tempo": 128, "key": 6, "mode": 0, "loudness": -10.8}
        assert item.duration_ms == pytest.approx(400, abs=75)
        assert len(item.audio_hash) == 32
        assert item.size == (tmp_path / name).stat().st_size


def test_without_tags_the_names_of_files_and_folders_count(tmp_path, readers):
    tone("tone.mp3", tmp_path / "Eagles" / "Hotel California" / "01 New Kid in Town.mp3")
    tone("tone.ogg", tmp_path / "AC_DC - Back in Black.ogg")
    tone("tone.wav", tmp_path / "Kyo" / "Third_Rail.wav")
    tone("tone.flac", tmp_path / "lonely.flac")
    songs = named(read(tmp_path, readers))
    found = {n: (s.item.title, s.item.artists) for n, s in songs.items() if isinstance(s, Song)}
    assert found == {
        "01 New Kid in Town.mp3": ("New Kid in Town", ("Eagles",)),
        "AC_DC - Back in Black.ogg": ("Back in Black", ("AC_DC",)),
        "Third_Rail.wav": ("Third_Rail", ("Kyo",)),
    }
    assert isinstance(songs["lonely.flac"], Rejected)
    assert songs["lonely.flac"].reason.startswith("artists: ")
    assert "'Artist - Title'" in songs["lonely.flac"].reason


def test_broken_files_have_a_reason_and_the_rest_is_read(tmp_path, readers):
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "text.flac").write_text("a text", encoding="utf-8")
    whole = tone("tone.m4a", tmp_path / "Ann - Whole.m4a").read_bytes()
    (tmp_path / "head.m4a").write_bytes(whole[:40])
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    songs = named(read(tmp_path, readers))
    assert {n: s.reason for n, s in songs.items() if isinstance(s, Rejected)} == {
        "empty.mp3": "it is empty",
        "head.m4a": "it holds no audio, only tags or headers",
        "text.flac": "it is no MP3, FLAC, Ogg, Opus, M4A, WAV, AIFF or WMA file",
    }
    assert isinstance(songs["Ann - Whole.m4a"], Song)


def test_any_name_of_a_file_is_read(tmp_path, readers):
    latin = os.fsdecode(os.fsencode(tmp_path) + b"/Ann - caf\xe9.mp3")
    long = tmp_path / ("Ann - " + "n" * (255 - 10) + ".mp3")
    for path in (Path(latin), long, tmp_path / "Ann - a\nb.mp3"):
        tone("tone.mp3", path)
    songs = [each for each in read(tmp_path, readers) if isinstance(each, Song)]
    assert {each.item.path for each in songs} == {
        latin,
        str(long),
        str(tmp_path / "Ann - a\nb.mp3"),
    }
    assert {each.item.title for each in songs} == {"caf", "n" * 245, "a b"}
    assert all(each.item.title.isprintable() for each in songs)


def test_links_are_followed_and_a_loop_is_walked_once(tmp_path):
    tone("tone.mp3", tmp_path / "real" / "Ann - One.mp3")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "other").symlink_to(tmp_path / "real")
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "missing.mp3")
    unreadable: list[str] = []
    found = list(audio_files(str(tmp_path), unreadable))
    assert [Path(file.path).name for file in found] == ["Ann - One.mp3"]
    assert unreadable == []


def test_hidden_files_and_folders_of_storage_are_passed_over(tmp_path):
    for name in ("._One.mp3", ".trash/One.mp3", "@eaDir/One.mp3", "#recycle/One.mp3"):
        tone("tone.mp3", tmp_path / name)
    assert list(audio_files(str(tmp_path), [])) == []


@pytest.mark.usefixtures("without_rights_of_root")
def test_a_folder_that_may_not_be_read_is_named_by_its_permissions(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    unreadable: list[str] = []
    assert list(audio_files(str(tmp_path), unreadable)) == []
    assert unreadable == [f"{closed}: Permission denied"]


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    tone("tone.mp3", tmp_path / "open" / "Ann - One.mp3")
    (tmp_path / "closed").mkdir()
    listing = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    unreadable: list[str] = []
    assert len(list(audio_files(str(tmp_path), unreadable))) == 1
    assert unreadable == [f"{tmp_path / 'closed'}: Permission denied"]


def test_a_folder_that_is_not_there_says_to_look_at_the_disk(tmp_path, readers):
    with pytest.raises(SourceFailed, match=r"No such file or directory; check the path.*mounted"):
        read(tmp_path / "missing", readers)


def test_a_file_that_is_known_is_not_read_again_until_it_changes(tmp_path, readers):
    path = tone("tone.mp3", tmp_path / "Ann - One.mp3")
    status = path.stat()

    def known(ids):
        return dict.fromkeys(ids, (status.st_size, status.st_mtime_ns))

    (item,) = read(tmp_path, readers, known)
    assert isinstance(item, Unchanged)
    tag(path, title="Other")
    (item,) = read(tmp_path, readers, known)
    assert isinstance(item, Song)
    assert item.item.title == "Other"


def test_pages_are_bounded_and_say_how_far_they_are(tmp_path, readers, monkeypatch):
    monkeypatch.setattr("quintet_library.folder.PAGE", 2)
    for number in range(5):
        tone("tone.mp3", tmp_path / f"Ann - {number}.mp3")
    reader = FolderReader(str(tmp_path), readers, lambda ids: {}, expected=4)
    pages = list(reader.pages())
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert [page.share for page in pages] == [0.5, 1.0, 1.0]


def test_the_gain_of_opus_is_read_as_loudness(tmp_path, readers):
    tone("tone.opus", tmp_path / "Ann - One.opus", r128_track_gain="-512")
    (song,) = read(tmp_path, readers)
    assert isinstance(song, Song)
    assert song.item.features == {"loudness": -21}


STUCK = """
import sys, time
for line in sys.stdin:
    if "hang" in line:
        time.sleep(600)
    if "crash" in line:
        import os; os.kill(os.getpid(), 9)
    if "leave" in line:
        sys.exit(3)
    print('{"fields": {}, "duration_ms": 1.0, "identity": "0", "cover": ""}', flush=True)
"""


def test_a_file_that_hangs_or_crashes_a_program_costs_only_itself(tmp_path, monkeypatch):
    program = tmp_path / "stuck.py"
    program.write_text(STUCK, encoding="utf-8")
    monkeypatch.setattr(tag_readers, "PROGRAM", (str(program),))
    names = ["a", "hang", "b", "crash", "c", "leave", "d"]
    with TagReaders(1, 1.0) as readers:
        answers = dict(readers.read(names))
    assert list(answers) == names
    assert {name: each["error"] for name, each in answers.items() if "error" in each} == {
        "hang": "it takes longer than 1 s to read",
        "crash": "the program that reads tags failed on it (signal 9)",
        "leave": "the program that reads tags failed on it (exit code 3)",
    }


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "quintet_tags", None)
    monkeypatch.setattr(tag_readers, "find_spec", lambda name: None)
    with pytest.raises(SourceFailed, match="--extra library"):
        TagReaders(1, 1.0)


def test_an_answer_without_a_length_is_rejected():

    answer = {
        "fields": {"title": "One", "artists": ["Ann"]},
        "duration_ms": 0,
        "identity": "0" * 32,
    }
    rejected = song_of_file(File("/m/x.mp3", 5, 7), "/m", {**answer, "cover": ""})
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith("duration: 0 ms")
    assert (rejected.size, rejected.mtime_ns) == (5, 7)
