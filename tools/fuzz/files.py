"""The readers of every format of playlists, histories and tables, as entries for the fuzzer."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from quintet_training.datasets.archives import is_zip, members
from quintet_training.datasets.entries import HOW, Meter
from quintet_training.datasets.history_formats import recognise
from quintet_training.datasets.playlist_formats import READERS, Format, check_file
from quintet_training.datasets.reading import open_table

from tools.fuzz.targets import Target

FILES: Mapping[str, tuple[str, bytes]] = {
    "m3u": ("a.m3u", b"#EXTM3U\n#EXTINF:123,Queen - Bohemian Rhapsody\nQueen - Bohemian.mp3\n"),
    "xspf": (
        "a.xspf",
        b'<playlist xmlns="http://xspf.org/ns/0/"><trackList><track><title>a</title>'
        b"<creator>b</creator><location>http://x/y</location></track></trackList></playlist>",
    ),
    "jspf": ("a.jspf", b'{"playlist":{"title":"a","track":[{"title":"b","creator":"c"}]}}'),
    "mpd": (
        "a.json",
        b'{"playlists":[{"pid":1,"name":"n","tracks":[{"track_uri":"spotify:track:a","pos":0}]}]}',
    ),
    "listenbrainz": (
        "a.jsonl",
        b'{"listened_at":1,"track_metadata":{"artist_name":"a","track_name":"b"}}\n',
    ),
    "feedback": ("b.jsonl", b'{"recommendation_id":"r","track_id":"t","event":"like"}\n'),
    "table": ("a.csv", b"playlist_id,position,track_id\n1,0,abc\n"),
    "exportify": ("b.csv", b'track_id,artist,title\nabc,"a;b",c\n'),
}


HISTORIES: Mapping[str, tuple[str, bytes]] = {
    "spotify": (
        "a.json",
        b'[{"ts":"2026-01-02T03:04:05Z","ms_played":61000,"master_metadata_track_name":"a",'
        b'"master_metadata_album_artist_name":"b","spotify_track_uri":"spotify:track:c"}]',
    ),
    "spotify-library": (
        "a.json",
        b'{"tracks":[{"artist":"a","track":"b","uri":"spotify:track:c"}],"bannedTracks":[],'
        b'"bannedArtists":[{"name":"d"}],"albums":[]}',
    ),
    "youtube": (
        "a.json",
        b'[{"header":"YouTube Music","title":"Watched a","time":"2026-01-02T03:04:05Z",'
        b'"titleUrl":"https://music.youtube.com/watch?v=a","subtitles":[{"name":"b - Topic"}]}]',
    ),
    "listenbrainz-feedback": ("a.jsonl", b'{"score":1,"created":1,"recording_mbid":"a"}\n'),
    "lastfm": ("a.csv", b"uts,artist,album,track\n1767323045,a,b,c\n"),
    "apple": (
        "a.csv",
        b"Song Name,Artist Name,Play Duration Milliseconds,Event Start Timestamp,Event Type\n"
        b"a,b,61000,2026-01-02T03:04:05Z,PLAY_END\n",
    ),
    "itunes": (
        "a.xml",
        b'<plist version="1.0"><dict><key>Tracks</key><dict><key>1</key><dict><key>Name</key>'
        b"<string>a</string><key>Artist</key><string>b</string><key>Play Count</key>"
        b"<integer>3</integer></dict></dict></dict></plist>",
    ),
}
"""Of these a browser sends files too, so that anyone may send any bytes."""


def file_targets(folder: Path) -> dict[str, Target]:
    """Return the readers of every format of playlists, of histories and of tables."""
    made = {
        f"history {name}": Target(_history(folder / f"history-{file}"), [sound], 0.12)
        for name, (file, sound) in HISTORIES.items()
    }
    made["history zip"] = Target(_archive(folder / "history.zip"), [_zip()], 0.06)
    for name, (file, sound) in FILES.items():
        made[f"file {name}"] = Target(_reader(folder / file, Format(name)), [sound], 0.12)
    made["file tracks"] = Target(_table(folder / "tracks.csv"), [FILES["exportify"][1]], 0.12)
    made["file parquet"] = Target(_table(folder / "tracks.parquet"), [_parquet()], 0.06)
    return made


def _reader(path: Path, kind: Format) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        path.write_bytes(data)
        check_file(path)
        for _ in READERS[kind](path, Meter()):
            pass

    return run


def _history(path: Path) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        path.write_bytes(data)
        for _ in recognise(path, HOW).read(path, Meter(), HOW):
            pass

    return run


def _archive(path: Path) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        path.write_bytes(data)
        if is_zip(path):
            for _ in members(path, (".json", ".csv")):
                pass

    return run


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MyData/StreamingHistory_music_0.json", HISTORIES["spotify"][1])
        archive.writestr("listens.csv", HISTORIES["lastfm"][1])
    return made.getvalue()


def _table(path: Path) -> Callable[[bytes], object]:
    def run(data: bytes) -> None:
        path.write_bytes(data)
        table = open_table(path)
        for _ in table.batches(table.columns[:3]):
            pass

    return run


def _parquet() -> bytes:
    import polars as pl

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        pl.DataFrame({"track_id": ["a", "b"], "title": ["x", "y"]}).write_parquet(file.name)
        return Path(file.name).read_bytes()
