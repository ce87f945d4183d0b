"""Playlists as documents: Million Playlist Dataset slices, JSPF, XSPF and M3U."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final
from xml.etree.ElementTree import Element, ParseError

import ijson
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import Item, Meter, make_entry, track_id_of
from quintet_training.datasets.reading import Refused

_XSPF: Final = "{http://xspf.org/ns/0/}"
_EXTINF: Final = re.compile(r"#EXTINF:\s*-?[\d.]*((?:\s+[\w-]+=\"[^\"]*\")*)\s*,(.*)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_DASH: Final = re.compile(r"\s+[-\u2013\u2014]\s+")
_MAX_LINE: Final = 65_536


@contextmanager
def _document(path: Path) -> Iterator[IO[bytes]]:
    """Open a file and turns what its parser refuses into one line."""
    try:
        with path.open("rb") as stream:
            yield stream
    except (ijson.JSONError, UnicodeError) as fault:
        raise DatasetInvalid(f"{path}: damaged JSON") from fault
    except DefusedXmlException as fault:
        raise DatasetInvalid(f"{path}: XML with a DTD or entities is refused") from fault
    except ParseError as fault:
        raise DatasetInvalid(f"{path}: damaged XML: {fault}") from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def read_mpd(path: Path, meter: Meter) -> Iterator[Item]:
    """Read a slice of the Million Playlist Dataset, one playlist in memory at a time.

    Raises:
        DatasetInvalid: It is not well-formed JSON.
    """
    size = max(path.stat().st_size, 1)
    number = 0
    with _document(path) as stream:
        for playlist in ijson.items(stream, "playlists.item", use_float=True):
            meter.share = min(stream.tell() / size, 1.0)
            tracks = playlist.get("tracks") if isinstance(playlist, dict) else None
            if not isinstance(tracks, list) or "pid" not in playlist:
                number += 1
                yield Refused(number, "playlist: without pid or tracks", str(playlist)[:1000])
                continue
            for place, track in enumerate(tracks):
                number += 1
                yield _mpd_track(number, playlist, place, track)


def _mpd_track(number: int, playlist: Mapping[str, Any], place: int, track: object) -> Item:
    if not isinstance(track, dict):
        return Refused(number, "track: not an object", str(track)[:1000])
    values = {
        "playlist_id": f"mpd:{playlist['pid']}",
        "playlist": playlist.get("name"),
        "position": track.get("pos", place),
        "track_id": track.get("track_uri"),
        "artist": track.get("artist_name"),
        "title": track.get("track_name"),
    }
    return make_entry(number, values, track)


def read_jspf(path: Path, meter: Meter) -> Iterator[Item]:
    """Read a JSPF playlist track by track.

    Raises:
        DatasetInvalid: It is not well-formed JSON.
    """
    size = max(path.stat().st_size, 1)
    name = path.stem
    # The title may follow the tracks, so it is looked for first.
    with _document(path) as stream:
        for value in ijson.items(stream, "playlist.title"):
            name = value if isinstance(value, str) and value.strip() else name
            break
    with _document(path) as stream:
        tracks = ijson.items(stream, "playlist.track.item", use_float=True)
        for place, track in enumerate(tracks):
            meter.share = min(stream.tell() / size, 1.0)
            if not isinstance(track, dict):
                yield Refused(place + 1, "track: not an object", str(track)[:1000])
                continue
            found = _addresses(_strings(track.get("identifier")) + _strings(track.get("location")))
            values = {
                "playlist_id": f"jspf:{path.stem}",
                "playlist": name,
                "position": place,
                **found,
                "artist": track.get("creator"),
                "title": track.get("title"),
            }
            yield make_entry(place + 1, values, track)


def _strings(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _addresses(addresses: list[str]) -> dict[str, str]:
    """Return track id and ISRC where an address holds them; a bare word counts as an id."""
    found: dict[str, str] = {}
    for address in (text.strip() for text in addresses):
        if address.lower().startswith(("isrc:", "urn:isrc:")):
            found["isrc"] = address.rpartition(":")[2]
        elif (known := track_id_of(address)) != address or not set(":/\\. ") & set(address):
            found.setdefault("track_id", known)
    return found


def read_xspf(path: Path, meter: Meter) -> Iterator[Item]:
    """Read an XSPF playlist track by track; DTDs and entities are refused.

    Raises:
        DatasetInvalid: It is not well-formed XML, or has a DTD or entities.
    """
    size = max(path.stat().st_size, 1)
    name, place = path.stem, 0
    with _document(path) as stream:
        depth: list[Element] = []
        for event, element in SafeTree.iterparse(stream, ("start", "end"), forbid_dtd=True):
            if event == "start":
                depth.append(element)
                continue
            depth.pop()
            if element.tag == f"{_XSPF}title" and len(depth) == 1:
                name = (element.text or "").strip() or name
            elif element.tag == f"{_XSPF}track":
                meter.share = min(stream.tell() / size, 1.0)
                yield _xspf_track(element, path.stem, name, place)
                place += 1
                # Without this the whole document would grow in memory.
                depth[-1].clear() if depth else element.clear()


def _xspf_track(element: Element, stem: str, name: str, place: int) -> Item:
    def texts(tag: str) -> list[str]:
        return [child.text or "" for child in element.findall(f"{_XSPF}{tag}")]

    values = {
        "playlist_id": f"xspf:{stem}",
        "playlist": name,
        "position": place,
        **_addresses(texts("identifier") + texts("location")),
        "artist": next(iter(texts("creator")), ""),
        "title": next(iter(texts("title")), ""),
    }
    return make_entry(place + 1, values)


def read_m3u(path: Path, meter: Meter) -> Iterator[Item]:
    """Read an M3U or M3U8 playlist: EXTINF, EXTART and PLAYLIST tags, else file names.

    UTF-8 where it is valid, else Windows-1252, line by line.
    """
    size = max(path.stat().st_size, 1)
    name, place, number = path.stem, 0, 0
    tags: dict[str, str] = {}
    with _document(path) as stream:
        while raw := stream.readline(_MAX_LINE):
            number += 1
            meter.share = min(stream.tell() / size, 1.0)
            line = _decode(raw).lstrip("\ufeff").strip()
            if line.startswith("#PLAYLIST:"):
                name = line.removeprefix("#PLAYLIST:").strip() or name
            elif line.startswith("#"):
                tags |= _m3u_tags(line)
            elif line:
                values = {
                    "playlist_id": f"m3u:{path.stem}",
                    "playlist": name,
                    "position": place,
                    **(tags if tags else _from_file_name(line)),
                }
                yield make_entry(number, values | _m3u_address(line), line)
                place, tags = place + 1, {}


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _m3u_tags(line: str) -> dict[str, str]:
    if line.startswith("#EXTART:"):
        return {"artist": line.removeprefix("#EXTART:").strip()}
    found = _EXTINF.fullmatch(line)
    if found is None:
        return {}
    attributes = {key.lower(): value for key, value in _ATTRIBUTE.findall(found.group(1))}
    artist, dash, title = _split_dash(found.group(2))
    tags = {"title": attributes.get("title", title if dash else found.group(2).strip())}
    if given := attributes.get("artist", artist if dash else ""):
        tags["artist"] = given
    if "isrc" in attributes:
        tags["isrc"] = attributes["isrc"]
    return tags


def _split_dash(text: str) -> tuple[str, bool, str]:
    parts = _DASH.split(text.strip(), maxsplit=1)
    return (parts[0], True, parts[1]) if len(parts) == 2 else ("", False, text.strip())


def _from_file_name(line: str) -> dict[str, str]:
    stem = re.split(r"[/\\]", line)[-1].rpartition(".")[0]
    artist, dash, title = _split_dash(re.sub(r"^\d+[\s.-]+", "", stem))
    return {"artist": artist, "title": title} if dash else {}


def _m3u_address(line: str) -> dict[str, str]:
    found = track_id_of(line)
    return {"track_id": found} if found != line else {}
