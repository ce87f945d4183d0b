"""Create a certificate authority for one installation, and a certificate for each process.

A folder holds

- `authority/ca.crt` and `authority/ca.key`: the authority; only who renews needs its key;
- `<name>/tls.crt` and `<name>/tls.key`: the certificate of one process;
- `<name>/ca.crt`: the authority again, so that one folder is all a process needs.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from quintet_files import PRIVATE_MODE, PUBLIC_MODE

from quintet_access.files import locked, write_bytes
from quintet_access.identity import AUTHORITY, CERTIFICATE, KEY

PROCESSES: Final = ("gateway", "search", "profile", "ranker", "memory")
# Ten years: replacing the authority means new certificates for all processes at once.
AUTHORITY_DAYS: Final = 3650
_FOLDER: Final = "authority"
_AUTHORITY_KEY: Final = "ca.key"
_NEAR: Final = ("localhost", "127.0.0.1", "::1")
# Clocks of machines differ: a certificate is valid from a little before it was made.
_SLACK: Final = timedelta(minutes=5)
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
# RFC 1123 host names, at most 253 characters, with a leading wildcard label.
_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")


class CertificatesRefused(Exception):
    """Certificates cannot be made as asked; the message is one line for a person."""


@dataclass(frozen=True)
class Issued:
    """A certificate in a folder.

    Attributes:
        name: The process, or "authority".
        hosts: The names and addresses it is valid for.
        expires: When it ends, in UTC.
    """

    name: str
    hosts: tuple[str, ...]
    expires: datetime


def create(folder: Path, names: Sequence[str], hosts: Sequence[str], days: int) -> list[Issued]:
    """Create an authority and a certificate for each name.

    Args:
        folder: Where; made where missing, and without an authority in it.
        names: Processes, such as "search"; each is a host name of its certificate too.
        hosts: Further host names and addresses of every certificate.
        days: How long the certificates are valid; the authority is for ten years.

    Raises:
        CertificatesRefused: There is an authority, or a name or host is none.
        AccessFileInvalid: The folder cannot be written.
    """
    _check(names, hosts)
    with locked(folder):
        if (folder / _FOLDER / AUTHORITY).exists():
            raise CertificatesRefused(
                f"{folder} has an authority already; `quintet certificates renew` uses it"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        write_bytes(folder / _FOLDER / _AUTHORITY_KEY, _pem_of(key), PRIVATE_MODE)
        authority = _authority(key)
        write_bytes(folder / _FOLDER / AUTHORITY, _pem(authority), PUBLIC_MODE)
        return [_issue(folder, authority, key, name, hosts, days) for name in names]


def renew(folder: Path, names: Sequence[str], hosts: Sequence[str], days: int) -> list[Issued]:
    """Create new certificates under an existing authority; running processes load them.

    Args:
        folder: As `create` made it.
        names: Processes; those that have a certificate there where empty.
        hosts: Host names and addresses added to those a certificate has.
        days: How long the certificates are valid.

    Raises:
        CertificatesRefused: There is no authority with its key, or a name or host is none.
        AccessFileInvalid: The folder cannot be written.
    """
    _check(names, hosts)
    with locked(folder):
        authority, key = _read_authority(folder)
        known = {each.name: each.hosts for each in issued(folder)}
        known.pop(_FOLDER, None)
        return [
            _issue(folder, authority, key, name, (*known.get(name, ()), *hosts), days)
            for name in names or sorted(known)
        ]


def issued(folder: Path) -> list[Issued]:
    """List the certificates in a folder, the authority first."""
    files = [folder / _FOLDER / AUTHORITY, *sorted(folder.glob(f"*/{CERTIFICATE}"))]
    return [_facts(path) for path in files if path.is_file()]


def _facts(path: Path) -> Issued:
    certificate = _load(path)
    return Issued(path.parent.name, tuple(_hosts_of(certificate)), certificate.not_valid_after_utc)


def _hosts_of(certificate: x509.Certificate) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from names.get_values_for_type(x509.DNSName)
    yield from map(str, names.get_values_for_type(x509.IPAddress))


def _check(names: Sequence[str], hosts: Sequence[str]) -> None:
    for name in names:
        if not _NAME.match(name) or name == _FOLDER:
            raise CertificatesRefused(f"{name!r} is not a name: a-z, 0-9 and -, at most 63")
    for host in hosts:
        if not _HOST.match(host) and not _is_address(host):
            raise CertificatesRefused(f"{host!r} is neither a host name nor an address")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Quintet authority")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _issue(
    folder: Path,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    name: str,
    hosts: Sequence[str],
    days: int,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    # Both: each process serves others and calls others.
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(host)) if _is_address(host) else x509.DNSName(host)
        for host in dict.fromkeys((name, *_NEAR, *hosts))
    ]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    home = folder / name
    write_bytes(home / AUTHORITY, _pem(authority), PUBLIC_MODE)
    # For a moment key and certificate do not match; readers keep the old pair until they do.
    write_bytes(home / KEY, _pem_of(key), PRIVATE_MODE)
    write_bytes(home / CERTIFICATE, _pem(certificate), PUBLIC_MODE)
    return _facts(home / CERTIFICATE)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _read_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path = folder / _FOLDER / _AUTHORITY_KEY
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as fault:
        raise CertificatesRefused(
            f"{path} is missing or holds no key; `quintet certificates create` makes one"
        ) from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificatesRefused(f"{path} is not a key that this command made")
    return _load(folder / _FOLDER / AUTHORITY), key


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise CertificatesRefused(f"{path} holds no certificate") from fault


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
