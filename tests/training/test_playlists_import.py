import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from quintet_store.catalogue import Counts
from quintet_training import datasets
from quintet_training.datasets import DatasetInvalid, Format, PlaylistReport
from quintet_training.datasets.entries import Reading
from quintet_training.datasets.matching import Match
from quintet_training.datasets.playlist_formats import detect
from quintet_training.settings import TrainingSettings

from tests.needs import SHARED_DATA, needs
from tests.root import SHARED

FEATURES = {
    "duration_ms": 200000.0,
    "danceability": 0.5,
    "energy": 0.5,
    "key": 1.0,
    "loudness": -7.0,
    "mode": 1.0,
    "speechiness": 0.1,
    "acousticness": 0.1,
    "instrumentalness": 0.0,
    "liveness": 0.1,
    "valence": 0.5,
    "tempo": 120.0,
}
TRACKS = [
    {"track_id": "A", "title": "Halo", "artists": "Beyoncé", "isrc": "USSM10804556"},
    {"track_id": "B", "title": "Deja Vu", "artists": "Beyoncé;JAY-Z", "isrc": ""},
    {"track_id": "C", "title": "Hotel California - 2013 Remaster", "artists": "Eagles", "isrc": ""},
    {"track_id": "D", "title": "Symphony No. 5", "artists": "Some Orchestra", "isrc": ""},
    {"track_id": "E", "title": "사랑해", "artists": "아이유", "isrc": ""},
]


@pytest.fixture
def filled(settings: TrainingSettings) -> TrainingSettings:
    return fill(settings)


@pytest.fixture
def lite(tmp_path: Path) -> TrainingSettings:
    return fill(TrainingSettings(home=tmp_path / "lite"))


def fill(settings: TrainingSettings) -> TrainingSettings:
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "tracks.parquet"
    pl.DataFrame([{**track, **FEATURES} for track in TRACKS]).write_parquet(path)
    datasets.import_catalogue(settings, datasets.preview(path))
    return settings


def write(settings: TrainingSettings, name: str, content: str | bytes) -> Path:
    path = settings.home / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(settings: TrainingSettings, name: str, content: str | bytes) -> PlaylistReport:
    return datasets.import_playlists(settings, write(settings, name, content))


def stored(settings: TrainingSettings) -> dict[str, list[str]]:
    frame = datasets.read_playlists(settings)
    assert frame.schema == {
        "playlist_id": pl.String,
        "position": pl.Int32,
        "track_id": pl.String,
    }
    grouped = frame.group_by("playlist_id", maintain_order=True).agg("track_id")
    return {str(name): list(tracks) for name, tracks in grouped.iter_rows()}


def refused(report: PlaylistReport) -> list[tuple[int, str]]:
    assert report.quarantine is not None
    with report.quarantine.open(encoding="utf-8", newline="") as stream:
        return [(int(row["line"]), row["reason"]) for row in csv.DictReader(stream)]


def test_table_keeps_order_by_position_and_refuses_unknown_tracks(filled: TrainingSettings) -> None:
    report = run(
        filled,
        "p.csv",
        "playlist_id,position,track_id\np,1,A\np,0,spotify:track:B\np,2,nowhere\np,x,A\np,1,C\n",
    )
    assert stored(filled) == {"p": ["B", "A"]}
    assert report.counts == Counts(5, 2, 2, 1)
    assert report.matched == {Match.ID: 3, Match.NONE: 1}
    reasons = dict(refused(report))
    assert reasons[5] == "position: 'x' is not a whole number"
    assert reasons[4].startswith("track: no track")


def test_importing_again_changes_nothing_until_the_catalogue_does(filled: TrainingSettings) -> None:
    text = "playlist_id,position,track_id\np,0,A\np,1,Z\n"
    first, again = run(filled, "p.csv", text), run(filled, "p.csv", text)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.counts == first.counts
    path = filled.home / "more.parquet"
    pl.DataFrame([{**TRACKS[0], **FEATURES, "track_id": "Z"}]).write_parquet(path)
    datasets.import_catalogue(filled, datasets.preview(path))
    assert run(filled, "p.csv", text).counts == Counts(2, 1, 0, 1)
    assert stored(filled) == {"p": ["A", "Z"]}


def test_same_id_of_another_origin_is_another_playlist(filled: TrainingSettings) -> None:
    run(filled, "one.csv", "playlist_id,position,track_id\np,0,A\n")
    run(filled, "two.csv", "playlist_id,position,track_id\np,0,B\n")
    assert stored(filled) == {"p": ["A"], "two.csv:p": ["B"]}


def test_kinds_come_from_the_column_or_from_the_option(filled: TrainingSettings) -> None:
    text = "playlist_id,position,track_id,kind\np,0,A,charts\np,1,B,charts\nq,0,A,\n"
    path = write(filled, "p.csv", text)
    datasets.import_playlists(filled, path, how=Reading(kind="archive"))
    assert datasets.read_kinds(filled) == {"p": "charts", "q": "archive"}
    assert datasets.playlists_info(filled).kinds == {"archive": 1, "charts": 1}
    reasons = refused(run(filled, "q.csv", text.replace("charts", "c" * 65)))
    assert reasons[0] == (2, "kind: longer than 64 characters")


def test_parquet_table_with_numbers_as_ids(lite: TrainingSettings) -> None:
    path = lite.home / "p.parquet"
    pl.DataFrame({"pid": [1, 1], "pos": [0, 1], "track_uri": ["A", "B"]}).write_parquet(path)
    datasets.import_playlists(lite, path)
    assert stored(lite) == {"1": ["A", "B"]}


def test_million_playlist_slice(filled: TrainingSettings) -> None:
    tracks = [
        {
            "pos": 0,
            "artist_name": "Beyoncé",
            "track_uri": "spotify:track:A",
            "track_name": "Halo",
        },
        {"pos": 1, "artist_name": "Eagles", "track_uri": "gone", "track_name": "Hotel California"},
        "broken",
    ]
    document = {"info": {}, "playlists": [{"name": "Mine", "pid": 7, "tracks": tracks}, {"pid": 8}]}
    report = run(filled, "mpd.slice.0-999.json", json.dumps(document))
    assert report.format is Format.MPD
    assert stored(filled) == {"mpd:7": ["A", "C"]}
    assert report.matched == {Match.ID: 1, Match.NAME: 1}
    assert report.counts == Counts(4, 2, 2, 0)


def test_exportify_file_is_one_playlist_named_by_its_file(filled: TrainingSettings) -> None:
    head = '"Track URI","Track Name","Album Name","Artist Name(s)","Added At"\n'
    rows = (
        '"spotify:track:B","x","y","z","2024-01-01T00:00:00Z"\n'
        '"","halo","y","Beyonce, Someone",""\n'
    )
    report = run(filled, "road_trip.csv", head + rows)
    assert report.format is Format.EXPORTIFY
    assert stored(filled) == {"exportify:road_trip": ["B", "A"]}


def test_jspf_by_isrc_and_name(filled: TrainingSettings) -> None:
    tracks = [
        {"title": "other", "creator": "spelling", "identifier": ["isrc:US-SM1-08-04556"]},
        {"title": "사랑해", "creator": "아이유"},
        {"identifier": "https://open.spotify.com/track/B"},
        {"title": "no artist"},
    ]
    report = run(filled, "a.jspf", json.dumps({"playlist": {"track": tracks, "title": "T"}}))
    assert stored(filled) == {"jspf:a": ["A", "E", "B"]}
    assert report.matched == {Match.ISRC: 1, Match.NAME: 1, Match.ID: 1}
    assert refused(report) == [
        (4, "track: neither id nor ISRC nor MusicBrainz recording nor artist and title")
    ]


XSPF = """<?xml version="1.0"?>{dtd}
<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>Evening</title><trackList>
<track><title>Halo</title><creator>Beyoncé</creator></track>
<track><location>spotify:track:C</location><title>{text}</title></track>
</trackList></playlist>"""


def test_xspf(filled: TrainingSettings) -> None:
    report = run(filled, "a.xspf", XSPF.format(dtd="", text="x"))
    assert stored(filled) == {"xspf:a": ["A", "C"]}
    assert report.counts == Counts(2, 2, 0, 0)


@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_xml_entities_are_refused(lite: TrainingSettings, dtd: str) -> None:
    with pytest.raises(DatasetInvalid, match="DTD or entities"):
        run(lite, "a.xspf", XSPF.format(dtd=dtd, text="&b;"))
    assert datasets.playlists_info(lite).playlists == 0


def test_m3u_by_tags_address_and_file_name(filled: TrainingSettings) -> None:
    text = (
        "#EXTM3U\n#PLAYLIST:Mine\n#EXTINF:200,Beyonce - Halo\nfile.mp3\n"
        '#EXTINF:-1 isrc="USSM10804556",whatever\n/x/y.mp3\n'
        "#EXTART:Eagles\n#EXTINF:1,Hotel California\nz.mp3\n"
        "https://open.spotify.com/track/B?si=1\n"
        "C:\\music\\03 - Eagles - Hotel California.flac\nnothing.mp3\n"
    )
    report = run(filled, "a.m3u8", text)
    frame_matches = {Match.NAME: 3, Match.ISRC: 1, Match.ID: 1}
    assert report.matched == frame_matches
    assert stored(filled) == {"m3u:a": ["A", "C", "B"]}
    assert [line for line, _ in refused(report)] == [12]


def listen(at: object, title: str, user: str = "u") -> str:
    facts = {"artist_name": "Beyoncé", "track_name": title, "additional_info": {}}
    return json.dumps({"listened_at": at, "user_name": user, "track_metadata": facts})


@pytest.mark.parametrize("descending", [False, True])
def test_listens_form_sessions_by_gap(filled: TrainingSettings, descending: bool) -> None:
    lines = [
        listen(1000, "Halo"),
        listen(1000 + 1800, "Deja Vu"),
        listen(1000 + 3601, "Halo"),
        listen(1000 + 3602, "Deja Vu"),
    ]
    lines = lines[::-1] if descending else lines
    bad = [listen("x", "Halo"), "{", '{"listened_at": 1}']
    report = run(filled, "a.jsonl", "\n".join([*lines, *bad, listen(5000, "Halo", "other")]))
    assert report.format is Format.LISTENBRAINZ
    assert report.counts == Counts(8, 5, 3, 0)
    assert sorted(stored(filled).values()) == [["A"], ["A", "B"], ["A", "B"]]


def test_feedback_groups_what_was_liked_of_one_recommendation(filled: TrainingSettings) -> None:
    def event(kind: str, track: str, position: object, recommendation: str = "r") -> str:
        return json.dumps(
            {
                "event_id": f"{kind}{track}",
                "listener_id": "l",
                "recommendation_id": recommendation,
                "track_id": track,
                "kind": kind,
                "position": position,
                "dwell_ms": 1,
                "at": "2026-01-01T00:00:00Z",
            }
        )

    lines = [
        event("like", "B", 4),
        event("save", "A", 1),
        event("playlist_add", "A", 1),
        event("skip", "C", 2),
        event("dislike", "C", 2),
        event("hum", "C", 2),
        event("like", "C", None),
        event("like", "C", 0, "s"),
    ]
    report = run(filled, "events.jsonl", "\n".join(lines))
    assert report.format is Format.FEEDBACK
    assert stored(filled) == {"feedback:r": ["A", "B"], "feedback:s": ["C"]}
    assert (report.counts, report.passed_over) == (Counts(6, 3, 2, 1), 2)


@pytest.mark.parametrize(
    ("artist", "title", "track", "how"),
    [
        ("BEYONCE", "Halo (Remastered 2011)", "A", Match.NAME),
        ("Jay-Z", "Deja Vu", "B", Match.NAME),
        ("Eagles feat. Nobody", "Hotel California", "C", Match.NAME),
        ("Eagles", "Hotel Californa", "C", Match.FUZZY),
        ("Some Orchestre", "Symphony No. 5", "D", Match.FUZZY),
        ("Some Orchestra", "Symphony No. 6", None, Match.NONE),
        ("Eagles", "Hotel California - Live", None, Match.NONE),
        ("Nobody", "Halo", None, Match.NONE),
    ],
)
def test_names_match_nearly_but_never_another_recording(
    lite: TrainingSettings, artist: str, title: str, track: str | None, how: Match
) -> None:
    path = lite.home / "p.csv"
    row = {"playlist_id": "p", "artist_name": artist, "track_name": title}
    pl.DataFrame([row]).write_csv(path)
    assert datasets.import_playlists(lite, path).matched == {how: 1}
    assert stored(lite) == ({"p": [track]} if track else {})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"", "empty"),
        ("a.zip", b"PK\x03\x04rest", "archives are not read"),
        ("a.json", b'{"playlists": [{"pid": 1, "tracks": [', "damaged JSON"),
        ("a.xspf", b"<playlist", "damaged XML"),
        ("a.csv", b"x,y\n1,2\n", "no format known"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
    ],
)
def test_unreadable_file_changes_nothing(
    lite: TrainingSettings, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(DatasetInvalid, match=message) as caught:
        run(lite, name, content)
    assert "\n" not in str(caught.value)
    assert datasets.playlists_info(lite).playlists == 0
    assert not list(lite.home.glob("quarantine/*"))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match="no such file"):
        detect(tmp_path / "none.csv")


KILLED = """
import os, signal, sys
from pathlib import Path
from quintet_training import datasets
from quintet_command.settings import load_settings
def on_progress(share, text):
    if text.startswith(sys.argv[2]) and share > 0.3:
        os.kill(os.getpid(), signal.SIGKILL)
datasets.import_playlists(load_settings(), Path(sys.argv[1]), progress=on_progress)
"""


@pytest.mark.parametrize("step", ["importing", "storing"])
def test_kill_in_the_middle_leaves_the_old_state(filled: TrainingSettings, step: str) -> None:
    rows = "".join(f"p{number // 5},{number % 5},A\n" for number in range(25_000))
    path = write(filled, "many.csv", "playlist_id,position,track_id\n" + rows)
    environment = {
        **os.environ,
        "QUINTET_HOME": str(filled.home),
        "QUINTET_DATABASE_URL": filled.database_url,
    }
    command = [sys.executable, "-c", KILLED, str(path), step]
    killed = subprocess.run(command, env=environment, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert datasets.playlists_info(filled).rows == 0
    assert datasets.import_playlists(filled, path).counts == Counts(25_000, 25_000, 0, 0)


def test_provenance_and_licence_are_kept(filled: TrainingSettings) -> None:
    path = write(filled, "p.csv", "playlist_id,position,track_id\np,0,A\n")
    datasets.import_playlists(filled, path, source="survey", licence="CC0")
    (origin,) = datasets.playlists_info(filled).sources
    assert (origin.name, origin.licence, origin.playlists, origin.rows) == ("survey", "CC0", 1, 1)


@needs(SHARED_DATA, (SHARED / "playlists.parquet").exists())
def test_shared_playlists_match_whole(tmp_path: Path) -> None:
    settings = TrainingSettings(home=tmp_path)
    datasets.import_catalogue(settings, datasets.preview(SHARED / "tracks.parquet"))
    report = datasets.import_playlists(settings, SHARED / "playlists.parquet")
    assert report.counts == Counts(32238, 32238, 0, 0)
    assert len(stored(settings)) == 468
