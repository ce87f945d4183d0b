"""Names without personal data: keyed hashes of listeners, signed ids and cursors.

All are HMAC-SHA256 (RFC 2104) under one key of the installation. Without the key nobody can try
listener ids out against a stolen database.
"""

import base64
import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Final, Self

from quintet_files import PRIVATE_MODE

from quintet_access.files import AccessFileInvalid, WatchedFile, locked, write_json

KEY_BYTES: Final = 32
_TIME_BYTES: Final = 4
_RANDOM_BYTES: Final = 8
# 64 bits: forging an id takes 2^63 tries on average, each a request.
_TAG_BYTES: Final = 8
# A prefix per purpose: no hash of a listener is ever the tag of a recommendation.
_LISTENER: Final = b"listener\0"
_RECOMMENDATION: Final = b"recommendation\0"
_CURSOR: Final = b"cursor\0"
# 128 bits: a cursor is not checked against anything else.
_CURSOR_TAG_BYTES: Final = 16


class Pseudonyms:
    """Compute the pseudonyms of one installation.

    Args:
        key: At least 32 bytes that nobody else knows; another key makes other names.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"a key has at least {KEY_BYTES} bytes")
        self._key = key

    @classmethod
    def of(cls, folder: Path, key: str = "") -> Self:
        """Open the pseudonyms of an installation.

        Args:
            folder: The access folder; `listeners.json`, for its owner's eyes only, is made at the
                first call and used where `key` is empty.
            key: The key, where several installations share one database.

        Raises:
            AccessFileInvalid: The file cannot be read or made.
        """
        if key:
            return cls(key.encode())
        path = folder / "listeners.json"
        with locked(folder):
            document = WatchedFile(path).read()
            if document is None:
                document = {"key": secrets.token_hex(KEY_BYTES)}
                write_json(path, document, PRIVATE_MODE)
        try:
            return cls(bytes.fromhex(document["key"]))
        except (KeyError, TypeError, ValueError) as fault:
            raise AccessFileInvalid(f"{path} holds no key") from fault

    def listener(self, listener_id: str) -> str:
        """Hash a listener's id for storage: 64 hexadecimal digits; empty for an empty id."""
        return self._digest(_LISTENER, listener_id.encode()).hex() if listener_id else ""

    def new_recommendation_id(self) -> str:
        """Make a recommendation id of 40 hexadecimal digits: time, random bits and their HMAC."""
        body = int(time.time()).to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_RANDOM_BYTES)
        return (body + self._tag(body)).hex()

    def issue_time(self, recommendation_id: str) -> float | None:
        """Return when an id was issued, in seconds since 1970; None if it is not one of ours."""
        try:
            raw = bytes.fromhex(recommendation_id)
        except ValueError:
            return None
        body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if len(body) != _TIME_BYTES + _RANDOM_BYTES or recommendation_id != raw.hex():
            return None
        if not hmac.compare_digest(tag, self._tag(body)):
            return None
        return float(int.from_bytes(body[:_TIME_BYTES], "big"))

    def sign_cursor(self, content: bytes) -> str:
        """Write a session that the caller keeps: signed, with the time, in URL-safe Base64."""
        body = int(time.time()).to_bytes(_TIME_BYTES, "big") + content
        tag = self._digest(_CURSOR, body)[:_CURSOR_TAG_BYTES]
        return base64.urlsafe_b64encode(tag + body).decode()

    def read_cursor(self, cursor: str, seconds: float) -> bytes | None:
        """Read what `sign_cursor` wrote at most so many seconds ago; None for anything else."""
        try:
            raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        except ValueError:
            return None
        tag, body = raw[:_CURSOR_TAG_BYTES], raw[_CURSOR_TAG_BYTES:]
        expected = self._digest(_CURSOR, body)[:_CURSOR_TAG_BYTES]
        if not hmac.compare_digest(tag, expected):
            return None
        age = time.time() - int.from_bytes(body[:_TIME_BYTES], "big")
        return body[_TIME_BYTES:] if age <= seconds else None

    def _tag(self, body: bytes) -> bytes:
        return self._digest(_RECOMMENDATION, body)[:_TAG_BYTES]

    def _digest(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.new(self._key, purpose + message, hashlib.sha256).digest()
