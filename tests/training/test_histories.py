"""Histories of listeners: what each service's export is read as, and what of it is kept."""

import json
import plistlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from quintet_command.cli import group
from quintet_modelkit.identity import artist_id
from quintet_store import listeners, open_engine, reading
from quintet_store.feedback import listener_group
from quintet_training import datasets
from quintet_training.datasets import DatasetInvalid, archives
from quintet_training.datasets.entries import Reading
from quintet_training.datasets.feedback import listener_hash
from quintet_training.datasets.history import HistoryOptions, HistoryReport, import_history
from quintet_training.settings import TrainingSettings
from typer.testing import CliRunner

from tests.training.test_playlists_import import FEATURES

START = 1_700_000_000
TIME = datetime.fromtimestamp(START, UTC)
LOCAL = TIME.replace(tzinfo=None)
TRACKS = [
    {"track_id": "A", "title": "Hello", "artists": "Adele", "isrc": "GBBKS1500214"},
    {"track_id": "B", "title": "Time", "artists": "Hans Zimmer", "isrc": ""},
    {"track_id": "C" * 22, "title": "Halo", "artists": "Beyoncé", "isrc": ""},
]
TWO = [("A", "play", START), ("B", "skip", START + 300)]


@pytest.fixture
def home(tmp_path: Path) -> TrainingSettings:
    settings = TrainingSettings(home=tmp_path / "home")
    settings.home.mkdir()
    path = settings.home / "tracks.parquet"
    pl.DataFrame([{**track, **FEATURES} for track in TRACKS]).write_parquet(path)
    datasets.import_catalogue(settings, datasets.preview(path))
    return settings


def run(
    settings: TrainingSettings, name: str, content: Any, options: HistoryOptions | None = None
) -> HistoryReport:
    path = settings.home / name
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_history(settings, path, "ann", options)


def remembered(settings: TrainingSettings, listener: str = "ann") -> list[tuple[str, str, int]]:
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            who = listener_hash(settings, listener)
            return [row[:3] for row in listeners.read_signals(connection, who)]
    finally:
        engine.dispose()


def spotify(at: int, artist: str, title: str, played: int, **more: Any) -> dict[str, Any]:
    end = datetime.fromtimestamp(at + played // 1000, UTC)
    names = {"master_metadata_track_name": title, "master_metadata_album_artist_name": artist}
    return {
        "ts": end.isoformat().replace("+00:00", "Z"), "username": "ann@x.org", "platform": "x",
        "ms_played": played, "conn_country": "KR", "ip_addr": "1.2.3.4", **names,
        "spotify_track_uri": None, "skipped": False, **more,
    }  # fmt: skip


def streamed(at: int, artist: str, title: str, played: int) -> dict[str, Any]:
    end = datetime.fromtimestamp(at + played // 1000, UTC)
    return {"endTime": f"{end:%Y-%m-%d %H:%M}", "artistName": artist, "trackName": title,
            "msPlayed": played}  # fmt: skip


def listen(at: int, artist: str, title: str) -> dict[str, Any]:
    facts = {"artist_name": artist, "track_name": title, "additional_info": {}}
    return {"listened_at": at, "user_name": "ann", "track_metadata": facts}


PODCAST = spotify(START, "", "", 90_000, master_metadata_track_name=None,
                  master_metadata_album_artist_name=None, episode_name="E")  # fmt: skip
EXTENDED = [
    spotify(START, "Adele", "Hello", 200_000), PODCAST,
    spotify(START + 300, "Hans Zimmer", "Time", 29_000),
]  # fmt: skip
LASTFM_PAGE = [
    {"artist": {"mbid": "", "#text": artist}, "name": title, "album": {"#text": ""},
     "date": {"uts": str(at), "#text": f"{datetime.fromtimestamp(at, UTC):%d %b %Y, %H:%M}"}}
    for artist, title, at in (("Adele", "Hello", START), ("Hans Zimmer", "Time", START + 300))
]  # fmt: skip
PLAYS = [("A", "play", START), ("B", "play", START + 300)]
MINUTE = START // 60 * 60
HOUR = START // 3600 * 3600
LINES = "\n".join(
    json.dumps(listen(*each))
    for each in ((START, "Adele", "Hello"), (START + 300, "Hans Zimmer", "Time"))
)
APPLE = """Artist Name,Song Name,Event Type,Event Start Timestamp,Event End Timestamp,\
Play Duration Milliseconds
Adele,Hello,PLAY_START,2023-11-14T22:13:20.000Z,,0
Adele,Hello,PLAY_END,2023-11-14T22:13:20.000Z,2023-11-14T22:17:20Z,240000
Hans Zimmer,Time,PLAY_END,2023-11-14T22:18:20.000Z,2023-11-14T22:18:30Z,10000
"""
FORMS = {
    "extended.json": (EXTENDED, TWO, "spotify"),
    "account.json": (
        [streamed(MINUTE, "Adele", "Hello", 60_000),
         streamed(MINUTE + 300, "Hans Zimmer", "Time", 0)],
        [("A", "play", MINUTE), ("B", "skip", MINUTE + 300)],
        "spotify",
    ),
    "ghan.csv": (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        f'{START},"14 Nov 2023, 22:13",Adele,,25,,Hello,\n'
        f'{START + 300},"14 Nov 2023, 22:18",Hans Zimmer,,Inception,,Time,\n',
        PLAYS, "lastfm",
    ),
    "lastfm-to-csv.csv": (
        "Adele,25,Hello,14 Nov 2023 22:13\nHans Zimmer,Inception,Time,14 Nov 2023 22:18\n",
        [("A", "play", MINUTE), ("B", "play", MINUTE + 300)], "history",
    ),
    "recenttracks.json": ({"recenttracks": {"track": LASTFM_PAGE}}, PLAYS, "lastfm"),
    "pages.json": ([LASTFM_PAGE], PLAYS, "lastfm"),
    "scrobbles.json": (
        {"username": "ann", "scrobbles": [
            {"track": "Hello", "artist": "Adele", "album": "25", "date": START * 1000},
            {"track": "Time", "artist": "Hans Zimmer", "album": "", "date": (START + 300) * 1000},
        ]}, PLAYS, "history",
    ),
    "listenbrainz.jsonl": (LINES, PLAYS, "listenbrainz"),
    "listenbrainz.json": ([json.loads(line) for line in LINES.splitlines()], PLAYS, "listenbrainz"),
    "loved.jsonl": (
        json.dumps({"score": 1, "created": START, "track_metadata": {
            "artist_name": "Adele", "track_name": "Hello"}}) + "\n"
        + json.dumps({"score": -1, "created": START + 300, "track_metadata": {
            "artist_name": "Hans Zimmer", "track_name": "Time"}}),
        [("A", "like", START), ("B", "dislike", START + 300)], "listenbrainz-feedback",
    ),
    "Apple Music Play Activity.csv": (APPLE, TWO, "apple-music"),
    "Apple Music - Track Play History.csv": (
        f"Track Name,Last Played Date,Is User Initiated\nAdele - Hello,{START * 1000},true\n"
        f"Hans Zimmer - Time,{(START + 300) * 1000},true\n",
        PLAYS, "apple-music",
    ),
    "Apple Music - Play History Daily Tracks.csv": (
        "Country,Track Identifier,Media type,Date Played,Hours,Play Duration Milliseconds,"
        "End Reason Type,Source Type,Play Count,Skip Count,Track Description\n"
        "Korea,1,AUDIO,20231114,22,240000,NATURAL_END_OF_TRACK,IPHONE,1,0,Adele - Hello\n"
        'Korea,2,AUDIO,20231114,"23, 0",10000,SKIPPED,IPHONE,0,1,Hans Zimmer - Time\n',
        [("A", "play", HOUR), ("B", "skip", HOUR + 3600)], "apple-music",
    ),
    "watch-history.json": (
        [
            {"header": "YouTube Music", "title": "Watched Hello", "time": TIME.isoformat(),
             "titleUrl": "https://x", "subtitles": [{"name": "Adele - Topic", "url": "https://x"}]},
            {"header": "YouTube", "title": "Watched Cats", "time": TIME.isoformat(),
             "titleUrl": "https://x", "subtitles": [{"name": "Cats", "url": "https://x"}]},
        ],
        [("A", "play", START)], "youtube",
    ),
    "Library.xml": (
        plistlib.dumps({"Tracks": {
            "1": {"Name": "Hello", "Artist": "Adele", "Play Count": 7, "Loved": True,
                  "Play Date UTC": LOCAL, "Date Added": LOCAL},
            "2": {"Name": "Time", "Artist": "Hans Zimmer", "Skip Count": 2,
                  "Skip Date": datetime.fromtimestamp(START + 300, UTC).replace(tzinfo=None)},
            "3": {"Name": "A talk", "Artist": "X", "Podcast": True, "Play Count": 1},
        }}),
        [("A", "like", START), *TWO], "itunes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_each_export_is_read_as_what_it_is(home: TrainingSettings, name: str) -> None:
    content, expected, source = FORMS[name]
    report = run(home, name, content)
    assert sorted(remembered(home)) == sorted(expected)
    assert list(report.sources) == [source]
    assert report.failure == ""
    again = run(home, name, content)
    assert again.unchanged
    assert sorted(remembered(home)) == sorted(expected)


def test_a_library_is_what_is_saved_now(home: TrainingSettings) -> None:
    uri = "spotify:track:" + "C" * 22
    library: dict[str, Any] = {
        "tracks": [{"artist": "Adele", "album": "25", "track": "Hello", "uri": ""},
                   {"artist": "?", "album": "", "track": "?", "uri": uri}],
        "albums": [], "bannedTracks": [{"artist": "Hans Zimmer", "track": "Time", "uri": ""}],
        "bannedArtists": [{"name": "Nickelback", "uri": "spotify:artist:x"}],
    }  # fmt: skip
    run(home, "YourLibrary.json", library)
    kept = {(track, kind) for track, kind, _ in remembered(home)}
    assert kept == {("A", "save"), ("C" * 22, "save"), ("B", "dislike")}
    engine = open_engine(home.database_url)
    with reading(engine) as connection:
        banned = listeners.banned_artists(connection, listener_hash(home, "ann"))
    assert banned == [artist_id("Nickelback")]
    library["tracks"].pop()
    library["bannedArtists"] = []
    run(home, "YourLibrary.json", library)
    assert {(track, kind) for track, kind, _ in remembered(home)} == kept - {("C" * 22, "save")}
    with reading(engine) as connection:
        assert listeners.banned_artists(connection, listener_hash(home, "ann")) == []
    engine.dispose()


def zipped(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(
                name, content if isinstance(content, str | bytes) else json.dumps(content)
            )
    return path


def test_an_export_as_zip_is_read_whole_and_its_other_files_are_not(home: TrainingSettings) -> None:
    path = zipped(home.home / "my_spotify_data.zip", {
        "Spotify Account Data/StreamingHistory_music_0.json": EXTENDED[:1],
        "Spotify Account Data/StreamingHistory_music_1.json": EXTENDED[1:],
        "Spotify Account Data/Userdata.json": {"email": "ann@x.org"},
        "Spotify Account Data/Read Me.pdf": b"%PDF",
        "../../evil.json": LASTFM_PAGE,
    })  # fmt: skip
    before = {each for each in home.home.parent.rglob("*") if each.is_file()}
    report = import_history(home, path, "ann")
    # The file with a path that leads out of the archive is a history of Last.fm as any other.
    assert sorted(remembered(home)) == sorted([*TWO, *PLAYS])
    assert (report.ignored, report.passed_over) == (1, 1)
    after = {each for each in home.home.parent.rglob("*") if each.is_file()}
    assert {each.name for each in after - before} <= {"listeners.json", ".lock"}


def test_listenbrainz_months_are_one_history(home: TrainingSettings) -> None:
    first, second = LINES.splitlines()
    path = zipped(home.home / "lb.zip", {
        "user.json": {"user_id": 1, "username": "ann"},
        "listens/2023/11.jsonl": first, "listens/2023/12.jsonl": second, "feedback.jsonl": "",
    })  # fmt: skip
    report = import_history(home, path, "ann")
    assert remembered(home) == PLAYS
    assert report.sessions == 1


@pytest.mark.parametrize(
    ("bound", "files", "message"),
    [
        ({"MAX_MEMBERS": 1}, {"a.json": EXTENDED, "b.json": EXTENDED}, "more than 1 files"),
        ({"MAX_MEMBER": 100}, {"a.json": EXTENDED}, "unpacks to more than 100 bytes"),
        ({"MAX_TOTAL": 900}, {"a.json": EXTENDED, "b.json": EXTENDED}, "bytes; the bound is"),
        ({}, {"a.json": {"email": "x"}, "b.txt": "x"}, "none of its 1 files is a history"),
        ({}, {"b.txt": "x"}, "no listen to a song"),
    ],
)
def test_an_archive_beyond_its_bounds_changes_nothing(
    home: TrainingSettings, monkeypatch, bound, files, message
) -> None:
    for name, value in bound.items():
        monkeypatch.setattr(archives, name, value)
    path = zipped(home.home / "a.zip", files)
    try:
        failure = import_history(home, path, "ann").failure
    except DatasetInvalid as fault:
        failure = str(fault)
    assert message in failure
    assert remembered(home) == []


def test_a_damaged_archive_is_one_line(home: TrainingSettings) -> None:
    path = zipped(home.home / "a.zip", {"a.json": EXTENDED})
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:40] + b"\xff" * 60 + content[100:]):
        path.write_bytes(damaged)
        with pytest.raises(DatasetInvalid, match="damaged"):
            import_history(home, path, "ann")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[]", "no history"),
        ("a.csv", "x,y\n1,2\n", "no history"),
        ("a.csv", "artist,track\nAdele,Hello\n", "no history"),
        ("a.csv", "uts,artist,track\n1700000000,Nobody,Nothing\n", "no track of the catalogue"),
        ("a.csv", "uts,artist,track\nnow,Adele,Hello\n", "the rows were rejected"),
        ("a.json", json.dumps([PODCAST]), "1 rows were passed over"),
        ("a.xml", "<plist><dict/></plist>", "no library of iTunes"),
        ("a.xml", '<!DOCTYPE x [<!ENTITY a "b">]><plist>&a;</plist>', "no library of iTunes"),
        ("a.csv", "", "the file is empty"),
    ],
)
def test_a_file_that_gives_nothing_says_why(
    home: TrainingSettings, monkeypatch, name, content, message
) -> None:
    (home.home / name).write_text(content)
    monkeypatch.setenv("QUINTET_HOME", str(home.home))
    command = ["import", str(home.home / name), "--listener", "ann"]
    done = CliRunner().invoke(group("history"), command)
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert remembered(home) == []


def test_a_later_export_adds_what_is_new(home: TrainingSettings) -> None:
    run(home, "first.json", EXTENDED[:1])
    report = run(home, "second.json", [*EXTENDED, spotify(START + 9000, "Adele", "Hello", 99_000)])
    assert report.counts.rows_duplicate == 1
    assert remembered(home) == [*TWO, ("A", "play", START + 9000)]
    frame = datasets.read_playlists(home)
    who = listener_group(listener_hash(home, "ann"))
    # The skip is no part of its session.
    assert frame["playlist_id"].to_list() == [
        f"history:{who}:{START}", f"history:{who}:{START + 9000}",
    ]  # fmt: skip


def test_sessions_train_only_where_wanted(home: TrainingSettings) -> None:
    report = run(home, "a.json", EXTENDED, HistoryOptions(train=False))
    assert (report.sessions, len(datasets.read_playlists(home))) == (0, 0)
    assert remembered(home) == TWO


def test_the_listens_of_two_users_are_not_one_listeners(home: TrainingSettings) -> None:
    rows = [listen(START, "Adele", "Hello"), {**listen(START, "Adele", "Hello"), "user_name": "b"}]
    with pytest.raises(DatasetInvalid, match="several users"):
        run(home, "a.json", rows)
    assert remembered(home) == []


def test_rejected_rows_name_no_user_and_stay_with_the_listener(home: TrainingSettings) -> None:
    rows = [*EXTENDED, spotify(START, "Nobody", "Nothing", 90_000)]
    report = run(home, "a.json", rows)
    assert report.quarantine is not None
    text = report.quarantine.read_text()
    assert "Nobody" in text
    assert "ann" not in text
    assert report.quarantine.parent.name == listener_group(listener_hash(home, "ann"))


def test_columns_can_be_named(home: TrainingSettings) -> None:
    how = Reading({"Wann": "listened_at", "Wer": "artist", "Was": "title"})
    run(home, "a.csv", f"Wann,Wer,Was\n{START},Adele,Hello\n", HistoryOptions(how=how))
    assert remembered(home) == [("A", "play", START)]


def test_a_strange_id_of_a_listener_is_rejected(home: TrainingSettings) -> None:
    with pytest.raises(DatasetInvalid, match="a listener's id is"):
        import_history(home, home.home / "tracks.parquet", "a b")


def test_what_is_remembered_is_shown(home: TrainingSettings, monkeypatch) -> None:
    run(home, "a.json", EXTENDED)
    monkeypatch.setenv("QUINTET_HOME", str(home.home))
    done = CliRunner().invoke(group("history"), ["info", "--listener", "ann", "--json"])
    assert json.loads(done.stdout) == {
        "signals": {"spotify": {"play": 1, "skip": 1}},
        "banned": 0,
        "latest": datetime.fromtimestamp(START + 300, UTC).isoformat(),
    }


def test_an_encrypted_archive_is_rejected_with_the_way_out(home: TrainingSettings) -> None:
    path = home.home / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Streaming_History_Audio_2023.json", json.dumps(EXTENDED))
    content = bytearray(path.read_bytes())
    # Bit 0 of the flags says "encrypted": in the header of the file, and in the directory.
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DatasetInvalid, match="is encrypted; unpack the archive first"):
        import_history(home, path, "ann")
    assert remembered(home) == []
