"""Identify a file by its audio alone, so that moving, renaming and retagging keep its identity.

Every container stores tags apart from the audio, so the bytes of the audio are hashed and the rest
is left out. Nothing is decoded, except that FLAC already stores the MD5 of its decoded samples.

Two files with different audio share an identity with a probability of about n² / 2¹²⁹ for n files:
10⁻²⁷ for a million. Beyond `MOST_BYTES` of audio only the beginning and the length count.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from quintet_tags.chunks import MOST_CHUNKS, at, chunks

MOST_BYTES: Final = 64 * 1024**2
"""Audio that is hashed; 27 minutes at 320 kbit/s. What follows counts with its length alone."""
_CHUNK: Final = 1 << 20
# An MPEG file may begin with padding or rubbish; players search about as far for a frame.
_SEARCH: Final = 1 << 16
_ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
# File id, number of packets and a reserved field; the packets follow (ASF 1.2, section 5.1).
_ASF_DATA_HEAD: Final = 26
# Number of header packets before the audio, by the first bytes of an Ogg stream.
_OGG_HEADERS: Final = ((b"\x01vorbis", 3), (b"OpusHead", 2), (b"Speex   ", 2))


class NotAudio(ValueError):
    """A file holds no audio of a known format; the message is the reason, in one line."""


class _Digest:
    """Hash audio up to `MOST_BYTES`, and its whole length."""

    def __init__(self, form: str) -> None:
        # 128 bits; the form keeps equal bytes of two containers apart.
        self._hash = hashlib.blake2b(digest_size=16, person=form.encode()[:16])
        self._hashed = 0
        self.length = 0

    def feed(self, data: bytes) -> None:
        part = data[: MOST_BYTES - self._hashed]
        self._hash.update(part)
        self._hashed += len(part)
        self.length += len(data)

    def feed_from(self, file: BinaryIO, start: int, end: int) -> None:
        """Hash the bytes from `start` to `end` of a file; beyond the bound they only count."""
        file.seek(start)
        left = end - start
        while left > 0 and self._hashed < MOST_BYTES:
            data = file.read(min(left, _CHUNK))
            if not data:
                break
            self.feed(data)
            left -= len(data)
        self.length += max(0, left) if self._hashed >= MOST_BYTES else 0

    def hex(self) -> str:
        if not self.length:
            raise NotAudio("it holds no audio, only tags or headers")
        self._hash.update(self.length.to_bytes(8, "big"))
        return self._hash.hexdigest()


def audio_identity(file: BinaryIO) -> str:
    """Compute the identity of a file's audio: 32 hexadecimal digits.

    Args:
        file: Opened for reading; its position does not matter.

    Raises:
        NotAudio: The format is unknown, or the file has no audio in it.
        OSError: The file cannot be read.
    """
    end = file.seek(0, 2)
    if not end:
        raise NotAudio("it is empty")
    start = _after_id3(file, end)
    file.seek(start)
    head = file.read(16)
    return _form_of(head)(file, start, end)


def _form_of(head: bytes) -> Callable[[BinaryIO, int, int], str]:
    if head.startswith(b"fLaC"):
        return _flac
    if head.startswith(b"OggS"):
        return _ogg
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _wav
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff
    if head[4:8] == b"ftyp":
        return _mp4
    if head == _ASF_HEADER:
        return _asf
    return _mpeg


def _after_id3(file: BinaryIO, end: int) -> int:
    """Find the end of the ID3v2 tags at the beginning; some files have several."""
    start = 0
    while start + 10 <= end:
        file.seek(start)
        head = file.read(10)
        if head[:3] != b"ID3" or any(byte & 0x80 for byte in head[6:10]):
            return start
        size = 0
        for byte in head[6:10]:  # seven bits of each byte count (ID3v2.4, section 6.2)
            size = size << 7 | byte
        start += 10 + size + (10 if head[5] & 0x10 else 0)  # flag 4: a footer follows
    return min(start, end)


def _before_trailers(file: BinaryIO, start: int, end: int) -> int:
    """Find the end of the audio before ID3v1, Lyrics3 and APE tags, in whatever order."""
    while True:
        cut = end
        if end - start >= 128 and at(file, end - 128, 3) == b"TAG":
            cut = end - 128
        elif end - start >= 32 and at(file, end - 32, 8) == b"APETAGEX":
            footer = at(file, end - 32, 32)
            size = int.from_bytes(footer[12:16], "little")
            header = 32 if footer[23] & 0x80 else 0  # flag 31: it has a header too
            cut = end - size - header
        elif end - start >= 15 and at(file, end - 9, 9) == b"LYRICS200":
            digits = at(file, end - 15, 6)
            cut = end - 15 - int(digits) if digits.isdigit() else end
        if not start <= cut < end:
            return end
        end = cut


def _mpeg(file: BinaryIO, start: int, end: int) -> str:
    """Hash the frames of MP3 or AAC: everything between the tags."""
    end = _before_trailers(file, start, end)
    first = _first_frame(at(file, start, min(_SEARCH, end - start)))
    if first is None:
        raise NotAudio("it is no MP3, FLAC, Ogg, Opus, M4A, WAV, AIFF or WMA file")
    digest = _Digest("mpeg")
    digest.feed_from(file, start + first, end)
    return digest.hex()


def _first_frame(data: bytes) -> int | None:
    """Find the first header of an MPEG or ADTS frame: eleven set bits, and no reserved value."""
    place = data.find(b"\xff")
    while 0 <= place < len(data) - 2:
        second, third = data[place + 1], data[place + 2]
        adts = second & 0xF6 == 0xF0
        mpeg = second & 0xE0 == 0xE0 and second & 0x18 != 0x08 and second & 0x06
        if adts or (mpeg and third & 0xF0 != 0xF0 and third & 0x0C != 0x0C):
            return place
        place = data.find(b"\xff", place + 1)
    return None


def _flac(file: BinaryIO, start: int, end: int) -> str:
    """Take the MD5 of the decoded samples from STREAMINFO, or hash the frames without one."""
    digest = _Digest("flac")
    place = start + 4
    for _ in range(MOST_CHUNKS):
        head = at(file, place, 4)
        if len(head) < 4:
            raise NotAudio("it ends within its headers")
        size = int.from_bytes(head[1:4], "big")
        if head[0] & 0x7F == 0 and size >= 34:
            info = at(file, place + 4, 34)
            # Rate, channels, bits and number of samples, then the MD5; zero means not computed.
            if len(info) == 34 and any(info[18:]):
                digest.feed(info[10:34])
                return digest.hex()
        place += 4 + size
        if head[0] & 0x80:  # the last block of metadata
            break
    digest.feed_from(file, place, _before_trailers(file, place, end))
    return digest.hex()


def _ogg(file: BinaryIO, start: int, end: int) -> str:
    """Hash the packets after the headers; new tags renumber the pages around them."""
    digest, serial, headers, seen = _Digest("ogg"), b"", 0, 0
    for page, body in _pages(file, start, end):
        segments = page[27:]
        if not serial:
            headers = next((n for magic, n in _OGG_HEADERS if body.startswith(magic)), 0)
            if body.startswith(b"\x7fFLAC"):
                # Number of header packets after this one; 0 means unknown, at least the tags.
                headers = 1 + (int.from_bytes(body[7:9], "big") or 1)
            if not headers:
                continue  # a video, or chapters: the audio may be the next stream
            serial = page[14:18]
        if page[14:18] != serial:
            continue
        begin = 0
        for size in segments if seen < headers else ():
            if seen == headers:
                break  # some encoders begin the audio on the last page of the headers
            begin += size
            seen += size < 255  # a packet ends with the first segment below 255 bytes
        digest.feed(body[begin:])
    return digest.hex()


def _pages(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Read the pages of an Ogg file: header with its table of segments, and content."""
    file.seek(start)
    place = start
    while place + 27 <= end:
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            return
        table = file.read(head[26])
        body = file.read(sum(table))
        place += 27 + len(table) + len(body)
        yield head + table, body


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk the boxes of an MP4 file: name, begin and end of the content."""
    place = start
    for _ in range(MOST_CHUNKS):
        head = at(file, place, 16)
        if len(head) < 8:
            return
        size, begin = int.from_bytes(head[:4], "big"), place + 8
        if size == 1:  # the size follows in 64 bits
            size, begin = int.from_bytes(head[8:16], "big"), place + 16
        stop = end if size == 0 else min(end, place + size)
        if stop < begin:
            return
        yield head[4:8], begin, stop
        place = stop


def _mp4(file: BinaryIO, start: int, end: int) -> str:
    """Hash the media data; tags are in `moov`, whose size may shift it within the file."""
    digest = _Digest("mp4")
    for name, begin, stop in _boxes(file, start, end):
        if name == b"mdat":
            digest.feed_from(file, begin, stop)
    return digest.hex()


def _wav(file: BinaryIO, start: int, end: int) -> str:
    """Hash the format and the samples of a WAV, RF64 or BW64 file."""
    return _chunks(file, start, end, "little", (b"fmt ", b"data"))


def _aiff(file: BinaryIO, start: int, end: int) -> str:
    """Hash the format and the samples of an AIFF file."""
    return _chunks(file, start, end, "big", (b"COMM", b"SSND"))


def _chunks(file: BinaryIO, start: int, end: int, order: str, names: tuple[bytes, bytes]) -> str:
    digest, has_samples = _Digest("pcm"), False
    for name, begin, stop in chunks(file, start + 12, end, order):
        if name in names:
            has_samples |= name == names[1] and stop > begin
            digest.feed_from(file, begin, stop)
    if not has_samples:
        raise NotAudio("it holds no audio, only tags or headers")
    return digest.hex()


def _asf(file: BinaryIO, start: int, end: int) -> str:
    """Hash the packets of a WMA file; tags are in its header object."""
    digest, place = _Digest("asf"), start
    for _ in range(MOST_CHUNKS):
        head = at(file, place, 24)
        if len(head) < 24:
            break
        size = int.from_bytes(head[16:], "little")
        if head[:16] == _ASF_DATA:
            stop = min(end, place + size) if size > 24 else end
            digest.feed_from(file, place + 24 + _ASF_DATA_HEAD, stop)
            break
        if size < 24:
            break
        place += size
    return digest.hex()
