"""The certificate by which a process is known: read from a folder, and again when it changes."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"
"""The names that Kubernetes and cert-manager give these files."""
# Bytes of a PEM file; a chain needs some 10 kB, and a larger file would be read at every change.
_MOST_BYTES: Final = 1024 * 1024

Stamp = tuple[tuple[int, int, int], ...]


class IdentityInvalid(Exception):
    """A certificate folder cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Identity:
    """Hold a process's certificate and the authorities it trusts, as PEM.

    Attributes:
        chain: Its certificate, then those between it and the authority.
        key: The certificate's private key.
        authorities: The authorities that sign the certificates of others.
        expires: When the certificate ends, in UTC.
    """

    chain: bytes
    key: bytes
    authorities: bytes
    expires: datetime


class IdentityFolder:
    """A folder with `tls.crt`, `tls.key` and `ca.crt`, or one that holds such a folder a process.

    Args:
        folder: The folder; `folder/name` is used where it exists.
        name: The process, such as "search".
        with_authority: Whether `ca.crt` is needed.

    A file that is being replaced may not fit the others for a moment: until they fit again, the
    identity read last is used.
    """

    def __init__(self, folder: Path, name: str = "", with_authority: bool = True) -> None:
        own = folder / name
        self.folder = own if name and own.is_dir() else folder
        self._names = (CERTIFICATE, KEY, AUTHORITY)[: 3 if with_authority else 2]
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._identity: Identity | None = None

    def current(self) -> Identity:
        """Read the identity again if one of its three files changed, at the cost of three `stat`s.

        Raises:
            IdentityInvalid: There has never been a usable one.
        """
        with self._lock:
            try:
                stamp = self._look()
                if self._identity is None or stamp != self._stamp:
                    self._identity = self._read()
                    self._stamp = stamp
            except IdentityInvalid:
                if self._identity is None:
                    raise
            return self._identity

    def _look(self) -> Stamp:
        stamps = []
        for name in self._names:
            try:
                facts = (self.folder / name).stat()
            except OSError as fault:
                raise self._unreadable(name, fault) from fault
            stamps.append((facts.st_ino, facts.st_mtime_ns, facts.st_size))
        return tuple(stamps)

    def _read(self) -> Identity:
        # Imported at first use, here and below: a process without TLS starts sooner.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_private_key,
        )

        texts = dict.fromkeys((CERTIFICATE, KEY, AUTHORITY), b"")
        for name in self._names:
            try:
                with (self.folder / name).open("rb") as stream:
                    texts[name] = stream.read(_MOST_BYTES)
            except OSError as fault:
                raise self._unreadable(name, fault) from fault
        leaf = self._certificates(CERTIFICATE, texts[CERTIFICATE])[0]
        if AUTHORITY in self._names:
            self._certificates(AUTHORITY, texts[AUTHORITY])
        try:
            public = load_pem_private_key(texts[KEY], None).public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
            raise IdentityInvalid(
                f"{self.folder / KEY} holds no private key without a password"
            ) from fault
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if public.public_bytes(*form) != leaf.public_key().public_bytes(*form):
            raise IdentityInvalid(f"{self.folder / KEY} is not the key of {CERTIFICATE}")
        return Identity(texts[CERTIFICATE], texts[KEY], texts[AUTHORITY], leaf.not_valid_after_utc)

    def _certificates(self, name: str, text: bytes) -> "list[Certificate]":
        from cryptography.x509 import load_pem_x509_certificates

        try:
            return load_pem_x509_certificates(text)
        except ValueError as fault:
            raise IdentityInvalid(f"{self.folder / name} holds no PEM certificate") from fault

    def _unreadable(self, name: str, fault: OSError) -> IdentityInvalid:
        return IdentityInvalid(f"{self.folder / name} cannot be read: {fault.strerror}")


def days_left(identity: Identity) -> float:
    """Count the days until a certificate expires; negative after that."""
    return (identity.expires - datetime.now(UTC)).total_seconds() / 86_400


def is_signed_by(chain: bytes, authorities: bytes) -> bool:
    """Decide whether one of the authorities signed a certificate.

    Args:
        chain: As PEM: the certificate, then those between it and the authority.
        authorities: As PEM.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        below, *between = load_pem_x509_certificates(chain)
        trusted = load_pem_x509_certificates(authorities)
    except ValueError:
        return False
    while not any(_signed(below, authority) for authority in trusted):
        above = next((each for each in between if _signed(below, each)), None)
        if above is None:
            return False
        # Each intermediate counts once, so that a circle of them ends.
        between.remove(above)
        below = above
    return True


def _signed(below: "Certificate", above: "Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
