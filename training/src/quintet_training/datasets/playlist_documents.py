"""Playlists of players as lines of text: M3U and PLS."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from quintet_text.decoding import HEAD, NotText, encoding_of, open_text
from quintet_text.track_ids import track_id_of

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.file_names import named_by_file, split_dash
from quintet_training.datasets.tables import Refused

_EXTINF: Final = re.compile(r"#EXTINF:\s*-?[\d.]*((?:\s+[\w-]+=\"[^\"]*\")*)\s*,(.*)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_PLS: Final = re.compile(r"(file|title)(\d{1,9})\s*=(.*)", re.IGNORECASE)
# Characters: paths have at most 4,096 bytes on Linux, 32,767 characters on Windows.
_MAX_LINE: Final = 65_536
_MAX_TRACKS: Final = 1_000_000


@contextmanager
def _lines(path: Path, how: Reading) -> Iterator[Iterator[tuple[int, str | None, float]]]:
    """Open a file as (line from 1, stripped text or None where it is too long, share read)."""
    try:
        with path.open("rb") as stream:
            # Only UTF-8 has bytes that may be Windows-1252 instead.
            encoding = encoding_of(stream.read(HEAD), how.encoding)
        with open_text(path, how.encoding, errors="surrogateescape") as text:
            yield _numbered(text, max(path.stat().st_size, 1), encoding)
    except NotText as fault:
        raise DatasetInvalid(f"{path}: {fault}; name its encoding with --encoding") from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _numbered(text: IO[str], size: int, encoding: str) -> Iterator[tuple[int, str | None, float]]:
    number = 0
    while line := text.readline(_MAX_LINE):
        number += 1
        share = min(text.buffer.tell() / size, 1.0) if hasattr(text, "buffer") else 1.0
        if len(line) == _MAX_LINE and not line.endswith("\n"):
            while (rest := text.readline(_MAX_LINE)) and not rest.endswith("\n"):
                pass
            yield number, None, share
            continue
        yield number, _western(line, encoding).strip(), share


def _western(line: str, encoding: str) -> str:
    """Read bytes that are no UTF-8 as Windows-1252, in which players of the time wrote M3U."""
    if line.isascii() or not encoding.startswith("utf-8"):
        return line
    raw = line.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def read_m3u(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read an M3U or M3U8 playlist: EXTINF, EXTART and PLAYLIST tags, and file names.

    UTF-8 where it is valid, else Windows-1252, line by line.

    Raises:
        DatasetInvalid: The file cannot be read in the encoding named.
    """
    name, place = path.stem, 0
    tags: dict[str, str] = {}
    with _lines(path, how) as lines:
        for number, line, meter.share in lines:
            if line is None:
                yield Refused(number, f"line: longer than {_MAX_LINE} characters", "")
            elif line.upper().startswith("#PLAYLIST:"):
                name = line[len("#PLAYLIST:") :].strip() or name
            elif line.startswith("#"):
                tags |= _m3u_tags(line)
            elif line:
                values = {
                    "playlist_id": f"m3u:{path.stem}",
                    "playlist": name,
                    "position": place,
                    **_named(line, tags),
                }
                yield make_entry(number, values, line)
                place, tags = place + 1, {}


def _named(line: str, tags: dict[str, str]) -> dict[str, str]:
    """Unite tags, address and file name; a tag that is empty never wins over the file's name."""
    found = track_id_of(line)
    address = {"track_id": found} if found != line else {}
    return named_by_file(line) | {key: text for key, text in tags.items() if text} | address


def _m3u_tags(line: str) -> dict[str, str]:
    if line.upper().startswith("#EXTART:"):
        return {"artist": line[len("#EXTART:") :].strip()}
    found = _EXTINF.fullmatch(line)
    if found is None:
        return {}
    attributes = {key.lower(): value for key, value in _ATTRIBUTE.findall(found.group(1))}
    artist, title = split_dash(found.group(2))
    tags = {"artist": artist, "title": title}
    tags |= {key: attributes[key] for key in ("artist", "title", "isrc") if attributes.get(key)}
    # An artist that EXTART named stays where EXTINF names none.
    return {key: text for key, text in tags.items() if text}


def read_pls(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read a PLS playlist: numbered files and titles, in the order of their numbers.

    Raises:
        DatasetInvalid: The file cannot be read in the encoding named.
    """
    # Files and titles come in any order; programs number them from 1, some from 0.
    tracks: dict[int, tuple[int, dict[str, str]]] = {}
    with _lines(path, how) as lines:
        for number, line, meter.share in lines:
            found = _PLS.fullmatch(line or "")
            if found is not None and len(tracks) < _MAX_TRACKS:
                _, track = tracks.setdefault(int(found[2]), (number, {}))
                track[found[1].lower()] = found[3].strip()
    for place, key in enumerate(sorted(tracks)):
        number, track = tracks[key]
        artist, title = split_dash(track.get("title", ""))
        values = {
            "playlist_id": f"pls:{path.stem}",
            "playlist": path.stem,
            "position": place,
            **_named(track.get("file", ""), {"artist": artist, "title": title}),
        }
        yield make_entry(number, values, track)
