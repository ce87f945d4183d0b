"""Playlists as XML: XSPF, and the WPL and ASX of Windows players."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree
from quintet_text.decoding import HEAD, NotText, encoding_of, open_text

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.file_names import named_by_file
from quintet_training.datasets.playlist_json import addresses

# Expat knows four encodings only, so that the text is decoded before it, and its own word about
# the encoding is taken away.
_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
_MAX_DEPTH: Final = 64
_MAX_ITEM: Final = 16 * 1024**2
"""Bytes between two tracks: the parser keeps all of them in memory."""
_TRACKS: Final = ("track", "media", "entry")
"""Elements that are tracks in XSPF, WPL and ASX."""


class _Utf8:
    """The text of an XML file as UTF-8 without its declaration, for the parser to read."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._begun = False
        self.since_track = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` characters.

        Raises:
            DatasetInvalid: One track is too large.
        """
        part = self._text.read(size)
        if not self._begun:
            part = _DECLARATION.sub("", part.removeprefix("\ufeff"), count=1)
            self._begun = True
        self.since_track += len(part)
        if self.since_track > _MAX_ITEM:
            raise DatasetInvalid(f"one track of more than {_MAX_ITEM:,} characters")
        return part.encode("utf-8", "replace")


def read_xspf(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read an XSPF, WPL or ASX playlist track by track; DTDs and entities are rejected.

    XSPF may come without its namespace, or with a prefix, as many programs write it.

    Raises:
        DatasetInvalid: It is not well-formed XML, or has a DTD or entities.
    """
    size = max(path.stat().st_size, 1)
    name, place = path.stem, 0
    with _failures(path), open_text(path, _encoding(path, how), newline="") as text:
        stream = _Utf8(text)
        open_: list[Element] = []
        for event, element in SafeTree.iterparse(stream, ("start", "end"), forbid_dtd=True):
            if event == "start":
                open_.append(element)
                if len(open_) > _MAX_DEPTH:
                    raise DatasetInvalid(f"more than {_MAX_DEPTH} levels of XML")
                continue
            open_.pop()
            tag = _local(element)
            if tag == "title" and not any(_local(each) in _TRACKS for each in open_):
                name = (element.text or "").strip() or name
            elif tag in _TRACKS:
                meter.share = (
                    min(text.buffer.tell() / size, 1.0) if hasattr(text, "buffer") else 1.0
                )
                yield _track(element, path.stem, name, place)
                place, stream.since_track = place + 1, 0
                # Without this the whole document would grow in memory.
                open_[-1].clear() if open_ else element.clear()


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Turn what decoder and parser reject into one line."""
    try:
        yield
    except DatasetInvalid as fault:
        raise DatasetInvalid(f"{path}: {fault}; such XML is not read") from fault
    except DefusedXmlException as fault:
        raise DatasetInvalid(f"{path}: XML with a DTD or entities is rejected") from fault
    except NotText as fault:
        raise DatasetInvalid(f"{path}: {fault}; name its encoding with --encoding") from fault
    except (ParseError, ValueError) as fault:
        raise DatasetInvalid(f"{path}: damaged XML: {fault}") from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _encoding(path: Path, how: Reading) -> str:
    """Give the encoding: the user's word, else a byte-order mark, else the declaration."""
    if how.encoding:
        return how.encoding
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    found = encoding_of(head)
    declared = _DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
    # A declaration that can be read as ASCII is not in UTF-16, whatever it says.
    if found != "utf-8-sig" or declared is None or declared[1].lower().startswith(b"utf-16"):
        return found
    return declared[1].decode("ascii")


def _local(element: Element) -> str:
    """Give the name of an element without its namespace, in lower case: ASX has any case."""
    return str(element.tag).rpartition("}")[2].lower()


def _track(element: Element, stem: str, name: str, place: int) -> Item:
    texts: dict[str, list[str]] = {}
    for child in element:
        # ASX keeps the address in an attribute, as in <ref href="…"/>.
        text = (child.text or "").strip() or child.get("href", "")
        texts.setdefault(_local(child), []).append(text)
    places = [*texts.get("location", []), *texts.get("ref", []), element.get("src", "")]
    by_file = next((found for text in places if (found := named_by_file(text))), {})
    # An empty element never wins over the name of the file.
    tags = {
        "artist": next(iter(texts.get("creator") or texts.get("author") or []), ""),
        "title": next(iter(texts.get("title", [])), ""),
    }
    values = {
        "playlist_id": f"xspf:{stem}",
        "playlist": name,
        "position": place,
        **addresses([*texts.get("identifier", []), *places]),
        **by_file,
        **{field: text for field, text in tags.items() if text},
    }
    return make_entry(place + 1, values)
