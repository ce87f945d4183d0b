"""Ed25519 keys that sign and check tokens: one signs, older ones check until tokens ran out."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quintet_files import PRIVATE_MODE, PUBLIC_MODE

from quintet_access.files import AccessFileInvalid, WatchedFile, locked, write_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

TOKEN_SECONDS: Final = 3600
CLOCK_LEEWAY_SECONDS: Final = 60
"""How far the clocks of issuer and verifier may differ; the times in a token are read so loosely.

A rotated key is kept that much longer than its last token lives.
"""


@dataclass(frozen=True)
class SigningKey:
    """The private key that signs now, and the name it goes by in a token's header."""

    kid: str
    key: "Ed25519PrivateKey"


def new_key() -> SigningKey:
    """Generate a key with a random name."""
    # Imported at first use, here and below: a process without authentication starts sooner.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return SigningKey(secrets.token_hex(8), Ed25519PrivateKey.generate())


class KeyFolder:
    """The keys in an access folder.

    Args:
        folder: The access folder; only `public/` of it is needed to check tokens.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signing = WatchedFile(folder / "signing.json")
        self._public = WatchedFile(folder / "public" / "jwks.json")
        self._signing_cache: tuple[Any, SigningKey] | None = None
        self._public_cache: tuple[Any, Mapping[str, tuple[Ed25519PublicKey, float]]] | None = None

    def ensure(self) -> None:
        """Create the first key if there is none yet."""
        with locked(self._folder):
            if self._signing.read() is None:
                self._rotate()

    def rotate(self) -> str:
        """Sign with a new key from now on, and give its kid; the old one verifies for an hour."""
        with locked(self._folder):
            return self._rotate()

    def signing_key(self) -> SigningKey:
        """Give the key that signs new tokens.

        Raises:
            AccessFileInvalid: There is none, or its file is damaged.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from jwt.algorithms import OKPAlgorithm

        document = self._signing.read()
        if document is None:
            raise AccessFileInvalid(f"{self._signing.path} is missing")
        if self._signing_cache is None or self._signing_cache[0] is not document:
            try:
                key = OKPAlgorithm.from_jwk(json.dumps(document))
                if not isinstance(key, Ed25519PrivateKey):
                    raise TypeError("not a private Ed25519 key")
                parsed = SigningKey(str(document["kid"]), key)
            except Exception as fault:
                raise AccessFileInvalid(f"{self._signing.path} holds no Ed25519 key") from fault
            self._signing_cache = (document, parsed)
        return self._signing_cache[1]

    def public_key(self, kid: str) -> "Ed25519PublicKey | None":
        """Look up a key to verify with; None if it is unknown or expired."""
        document = self._public.read()
        if document is None:
            return None
        if self._public_cache is None or self._public_cache[0] is not document:
            self._public_cache = (document, self._parse(document))
        key, retire_time = self._public_cache[1].get(kid, (None, 0.0))
        return key if time.time() < retire_time else None

    def _parse(self, document: Any) -> Mapping[str, tuple["Ed25519PublicKey", float]]:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from jwt.algorithms import OKPAlgorithm

        keys: dict[str, tuple[Ed25519PublicKey, float]] = {}
        try:
            for entry in document["keys"]:
                key = OKPAlgorithm.from_jwk(json.dumps(entry))
                if not isinstance(key, Ed25519PublicKey):
                    raise TypeError("not a public Ed25519 key")
                keys[str(entry["kid"])] = (key, float(entry.get("retire_time", "inf")))
        except Exception as fault:
            raise AccessFileInvalid(f"{self._public.path} holds no key set") from fault
        return keys

    def _rotate(self) -> str:
        from jwt.algorithms import OKPAlgorithm

        now = time.time()
        fresh = new_key()
        kept = [
            {"retire_time": now + TOKEN_SECONDS + CLOCK_LEEWAY_SECONDS, **entry}
            for entry in (self._public.read() or {"keys": []})["keys"]
            if entry.get("retire_time", now) >= now
        ]
        entry = {**OKPAlgorithm.to_jwk(fresh.key.public_key(), as_dict=True), "kid": fresh.kid}
        # The public half first: no token exists before others can verify it.
        write_json(self._public.path, {"keys": [*kept, entry]}, PUBLIC_MODE)
        private = {**OKPAlgorithm.to_jwk(fresh.key, as_dict=True), "kid": fresh.kid}
        write_json(self._signing.path, private, PRIVATE_MODE)
        return fresh.kid
