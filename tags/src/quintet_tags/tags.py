"""Read the tags of every format as one set of fields, whatever each format calls them."""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import mutagen
from mutagen import MutagenError
from mutagen.aiff import AIFF
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.flac import Picture as FlacPicture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4, MP4FreeForm
from mutagen.wave import WAVE

from quintet_tags.chunks import texts_of
from quintet_tags.identity import NotAudio

Values = dict[str, list[str]]
"""Name of a tag, in lower case, to its values."""
MOST_TEXT: Final = 1_000
"""Characters kept of one value; the catalogue takes no longer title or name."""
MOST_VALUES: Final = 64
"""Values kept of one tag, such as genres; a hostile file may hold millions."""
# mutagen has no types for its constructor.
_FLAC_PICTURE: Final[Any] = FlacPicture
_ITUNES: Final = "----:com.apple.itunes:"
_MUSICBRAINZ_OWNER: Final = "http://musicbrainz.org"

# Field to the names that taggers use, the best first. Sources: ID3v2.4 section 4, the Vorbis
# comment recommendation, and the mapping table of MusicBrainz Picard.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("tit2", "title", "\xa9nam", "inam", "aiff name"),
    # A tag for several artists goes before the one that joins them into a credit.
    "artists": (
        "artists",
        "wm/artists",
        "tpe1",
        "artist",
        "author",
        "\xa9art",
        "iart",
        "aiff auth",
    ),
    "album": ("talb", "album", "\xa9alb", "wm/albumtitle", "iprd"),
    "album_artists": ("albumartist", "tpe2", "album artist", "aart", "wm/albumartist"),
    "date": ("tdrc", "date", "year", "\xa9day", "wm/year", "icrd"),
    "genres": ("tcon", "genre", "\xa9gen", "wm/genre", "ignr"),
    "bpm": ("tbpm", "bpm", "tempo", "tmpo", "wm/beatsperminute"),
    "key": ("tkey", "initialkey", "initial key", "key", "wm/initialkey"),
    "isrc": ("tsrc", "isrc", "wm/isrc"),
    "recording_mbid": ("musicbrainz_trackid", "musicbrainz track id", "musicbrainz/track id"),
    "release_mbid": ("musicbrainz_albumid", "musicbrainz album id", "musicbrainz/album id"),
    "artist_mbids": ("musicbrainz_artistid", "musicbrainz artist id", "musicbrainz/artist id"),
    "track_gain_db": ("replaygain_track_gain",),
    "r128_track_gain": ("r128_track_gain",),
    "track_peak": ("replaygain_track_peak",),
    "spotify_id": ("spotify_track_id", "spotify_trackid", "spotify_id", "spotify_url"),
}
_LISTS: Final = ("artists", "album_artists", "genres", "artist_mbids")


@dataclass(frozen=True)
class Picture:
    """A picture inside of a file: its bytes, and whether it is marked as the front cover."""

    data: bytes
    front: bool


@dataclass(frozen=True)
class FileTags:
    """What a file says about itself.

    Attributes:
        fields: Text by field; a list for artists, album_artists, genres and artist_mbids.
        duration_ms: Length of the audio; 0 if the file does not say.
        pictures: Called only if a cover is wanted, because pictures are large.
    """

    fields: Mapping[str, str | list[str]]
    duration_ms: float
    pictures: Callable[[], Iterable[Picture]] = field(repr=False)


def read_tags(path: str) -> FileTags:
    """Read the tags and the length of an audio file.

    Args:
        path: As `os.fsdecode` gives it, so that any name of a file works.

    Raises:
        NotAudio: mutagen knows no such format, or the file is damaged; with the reason.
        OSError: The file cannot be read.
    """
    try:
        file: Any = mutagen.File(path)
    except MutagenError as fault:
        if isinstance(cause := fault.__cause__ or fault.__context__, OSError):
            raise cause from None
        raise NotAudio(f"it is damaged: {_plain(str(fault) or type(fault).__name__)}") from fault
    if file is None:
        raise NotAudio("it is no MP3, FLAC, Ogg, Opus, M4A, WAV, AIFF or WMA file")
    values = _values(file)
    if isinstance(file, WAVE | AIFF):
        # mutagen reads ID3 alone; what an ID3 tag says goes before these by the order of `_NAMES`.
        prefix = "aiff " if isinstance(file, AIFF) else ""
        for name, text in texts_of(path).items():
            values.setdefault(f"{prefix}{name}", [text])
    seconds = float(getattr(file.info, "length", 0) or 0)
    return FileTags(_fields(values), round(seconds * 1000, 3), lambda: _pictures(file))


def _values(file: Any) -> Values:
    tags = file.tags
    if tags is None:
        return {}
    if isinstance(file, MP4):
        return _mp4(tags)
    if isinstance(file, ASF):
        return {name.lower(): [str(each) for each in values] for name, values in tags.items()}
    if isinstance(tags, ID3) or isinstance(file, WAVE | AIFF):
        return _id3(tags)
    return {name.lower(): [str(each) for each in values] for name, values in tags.items()}


def _id3(tags: Any) -> Values:
    """Name ID3 frames by their four letters, and those with a description by it.

    mutagen has already read ID3v2.2 and v2.3 as the frames of v2.4.
    """
    found: Values = {}
    for frame in tags.values():
        name = frame.FrameID.lower()
        if name == "txxx":
            found.setdefault(frame.desc.lower(), []).extend(map(str, frame.text))
        elif name == "ufid" and frame.owner == _MUSICBRAINZ_OWNER:
            found["musicbrainz track id"] = [frame.data.decode("ascii", "replace")]
        elif name == "tcon":
            found[name] = list(frame.genres)  # numbers of ID3v1 are names here
        elif name == "rva2" and frame.desc.lower() == "track":
            found.setdefault("replaygain_track_gain", [f"{frame.gain} dB"])
        elif name.startswith("t") and hasattr(frame, "text"):
            found.setdefault(name, []).extend(map(str, frame.text))
    return found


def _mp4(tags: Any) -> Values:
    found: Values = {}
    for key, values in tags.items():
        if key == "covr" or not isinstance(values, list):
            continue
        name = key.lower().removeprefix(_ITUNES)
        texts = [
            bytes(each).decode("utf-8", "replace") if isinstance(each, MP4FreeForm) else str(each)
            for each in values
            if not isinstance(each, tuple)  # numbers of tracks and discs
        ]
        found.setdefault(name, []).extend(texts)
    return found


def _fields(values: Values) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {}
    for name, sources in _NAMES.items():
        texts = next((found for each in sources if (found := _texts(values.get(each)))), [])
        if texts:
            fields[name] = texts if name in _LISTS else texts[0]
    return fields


def _texts(values: Iterable[str] | None) -> list[str]:
    """Clean the values of one tag: no blanks around, no repeats, none empty, not too many."""
    # Some taggers put several values into one text, separated by NUL.
    parts = (part for value in values or () for part in str(value).split("\0"))
    texts = dict.fromkeys(text for part in parts if (text := _plain(part)))
    return list(texts)[:MOST_VALUES]


def _plain(text: str) -> str:
    kept = "".join(
        " " if char in "\t\r\n" else char
        for char in text[: MOST_TEXT * 4]
        if char in "\t\r\n" or unicodedata.category(char) not in ("Cc", "Cs")
    )
    return re.sub(r"\s+", " ", kept).strip()[:MOST_TEXT]


def _pictures(file: Any) -> Iterable[Picture]:
    """List the pictures inside of a file, in the order that it has them."""
    tags: Any = file.tags or {}
    if isinstance(file, MP4):
        return [Picture(bytes(each), True) for each in tags.get("covr", [])]
    if isinstance(file, FLAC):
        return [Picture(each.data, each.type == 3) for each in file.pictures]
    if isinstance(file, ASF):
        return [_asf_picture(each.value) for each in tags.get("WM/Picture", [])]
    if isinstance(file.tags, ID3):
        # Type 3 is the front cover, here and in FLAC (ID3v2.4, section 4.14).
        return [Picture(each.data, each.type == 3) for each in tags.getall("APIC")]
    return [_ogg_picture(text) for text in tags.get("metadata_block_picture", [])]


def _ogg_picture(text: str) -> Picture:
    """Read a picture of Vorbis comments: a picture block of FLAC in base 64."""
    try:
        block: Any = _FLAC_PICTURE(base64.b64decode(text))
    except (ValueError, MutagenError):  # binascii.Error is a ValueError
        return Picture(b"", False)
    return Picture(block.data, block.type == 3)


def _asf_picture(data: bytes) -> Picture:
    """Split WM/Picture: type, length, then two texts in UTF-16 that end with NUL, then the data."""
    place = 5
    for _ in range(2):
        while data[place : place + 2] not in (b"\0\0", b""):
            place += 2
        place += 2
    return Picture(data[place:], data[:1] == b"\3")
