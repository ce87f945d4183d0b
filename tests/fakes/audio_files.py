"""Real, tiny audio files of every format, made by ffmpeg: a tone of 0.4 seconds in one channel."""

import shutil
from pathlib import Path
from typing import Any

from mutagen import File as open_tags
from mutagen import flac, mp4
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, TXXX, UFID, Frames

FOLDER = Path(__file__).parent / "audio"
TONES = tuple(sorted(path.name for path in FOLDER.iterdir()))
ID3_FRAMES = {
    "title": "TIT2",
    "artists": "TPE1",
    "album": "TALB",
    "date": "TDRC",
    "genres": "TCON",
    "bpm": "TBPM",
    "key": "TKEY",
    "isrc": "TSRC",
}
MP4_ATOMS = {"title": "\xa9nam", "artists": "\xa9ART", "album": "\xa9alb", "date": "\xa9day"}
MP4_ATOMS |= {"genres": "\xa9gen"}
ASF_NAMES = {"title": "Title", "artists": "Author", "album": "WM/AlbumTitle", "date": "WM/Year"}
ASF_NAMES |= {"genres": "WM/Genre", "bpm": "WM/BeatsPerMinute", "key": "WM/InitialKey"}
ASF_NAMES |= {"isrc": "WM/ISRC", "recording_mbid": "MusicBrainz/Track Id"}
VORBIS_NAMES = {"artists": "artist", "genres": "genre", "key": "initialkey"}
VORBIS_NAMES |= {"recording_mbid": "musicbrainz_trackid"}


def tone(name: str, target: Path, **fields: str | list[str]) -> Path:
    """Copies a tone to a path, its folders included, and gives it tags."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / name, target)
    if fields:
        tag(target, **fields)
    return target


def distinct(name: str, target: Path, number: int, **fields: str | list[str]) -> Path:
    """Copies a tone of PCM (WAV or AIFF) whose samples differ by a number, and gives it tags."""
    target.parent.mkdir(parents=True, exist_ok=True)
    data = bytearray((FOLDER / name).read_bytes())
    data[-8:] = number.to_bytes(8, "little")
    target.write_bytes(data)
    if fields:
        tag(target, **fields)
    return target


def tag(path: Path, **fields: str | list[str]) -> None:
    """Writes tags as taggers do, by the names of the file's format."""
    file: Any = open_tags(path)
    if file.tags is None:
        file.add_tags()
    tags: Any = file.tags
    texts = {name: [value] if isinstance(value, str) else value for name, value in fields.items()}
    if isinstance(file, mp4.MP4):
        _mp4(file, texts)
    elif isinstance(tags, ASFTags):
        for name, values in texts.items():
            tags[ASF_NAMES.get(name, name)] = values
    elif isinstance(tags, ID3):
        _id3(tags, texts)
    else:
        for name, values in texts.items():
            tags[VORBIS_NAMES.get(name, name)] = values
    file.save()


def _mp4(file: Any, texts: dict[str, list[str]]) -> None:
    free = {"key": "initialkey", "isrc": "ISRC", "recording_mbid": "MusicBrainz Track Id"}
    for name, values in texts.items():
        if name == "bpm":
            file.tags["tmpo"] = [int(values[0])]
        elif name in MP4_ATOMS:
            file.tags[MP4_ATOMS[name]] = values
        else:
            key = f"----:com.apple.iTunes:{free.get(name, name)}"
            file.tags[key] = [value.encode() for value in values]


def _id3(tags: ID3, texts: dict[str, list[str]]) -> None:
    for name, values in texts.items():
        if name == "recording_mbid":
            tags.add(UFID("http://musicbrainz.org", values[0].encode()))
        elif name in ID3_FRAMES:
            tags.add(Frames[ID3_FRAMES[name]](encoding=3, text=values))
        else:
            tags.add(TXXX(encoding=3, desc=name, text=values))


def add_picture(path: Path, data: bytes) -> None:
    """Puts a front cover into a FLAC file."""
    file = flac.FLAC(path)
    picture = flac.Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", data
    file.add_picture(picture)
    file.save()
