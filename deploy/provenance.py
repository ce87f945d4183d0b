"""Signs what was built from which commit, and verifies it: an in-toto statement in a DSSE envelope.

    provenance.py make dist --key release.key      writes dist/provenance.intoto.jsonl
    provenance.py verify dist --key release.pub    exit code 1 and the reason where it is not so

A key is made by `openssl genpkey -algorithm ed25519 -out release.key`, its public half by
`openssl pkey -in release.key -pubout -out release.pub`. The statement is SLSA's provenance v1.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

NAME: Final = "provenance.intoto.jsonl"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:quintet:make-packages:v1"
_LONGEST: Final = 1 << 20
"""Bytes of a provenance that are read."""


class NotVerified(Exception):
    """What was built is not what the provenance says; the message says what differs."""


def digests_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each wheel and source archive of a folder, by name, in hex.

    Raises:
        NotVerified: There is none.
    """
    files = sorted((*folder.glob("*.whl"), *folder.glob("*.tar.gz")))
    if not files:
        raise NotVerified(f"{folder} has no wheel and no source archive")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def source() -> dict[str, Any]:
    """Return the commit that this is built from.

    Raises:
        NotVerified: The tree differs from its commit, so that no commit names what is built.
    """

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    if git("status", "--porcelain"):
        raise NotVerified("the tree is not clean; commit first")
    return {"uri": "git+file:.", "digest": {"gitCommit": git("rev-parse", "HEAD")}}


def statement(digests: dict[str, str], dependency: dict[str, Any]) -> dict[str, Any]:
    """Say what was built, from what, and how, in the form of SLSA's provenance v1."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": each}} for name, each in digests.items()],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"target": "packages"},
                "internalParameters": {"python": platform.python_version()},
                "resolvedDependencies": [dependency],
            },
            "runDetails": {"builder": {"id": "urn:quintet:local-key"}},
        },
    }


def make(folder: Path, key: Path) -> None:
    """Write the signed provenance of a folder's packages beside them."""
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, Ed25519PrivateKey):
        raise NotVerified(f"{key} is not an Ed25519 key")
    payload = json.dumps(statement(digests_of(folder), source()), sort_keys=True).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(private))
    (folder / NAME).write_text(json.dumps(envelope.to_dict()) + "\n", encoding="utf-8")


def verify(folder: Path, key: Path) -> str:
    """Check signature and every file; return the commit that it was built from.

    Raises:
        NotVerified: The signature is not this key's, or a file differs, is missing or is extra.
    """
    public = load_pem_public_key(key.read_bytes())
    if not isinstance(public, Ed25519PublicKey):
        raise NotVerified(f"{key} is not an Ed25519 key")
    stated = signed_statement(folder / NAME, SSlibKey.from_crypto(public))
    try:
        promised = {each["name"]: each["digest"]["sha256"] for each in stated["subject"]}
        commit = stated["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]
        found, known = digests_of(folder), str(commit["gitCommit"])
    except (KeyError, IndexError, TypeError):
        raise NotVerified(f"{NAME} lacks a subject or the commit") from None
    for name in sorted(promised.keys() | found.keys()):
        if name not in found:
            raise NotVerified(f"{name} is missing")
        if name not in promised:
            raise NotVerified(f"{name} is not in {NAME}")
        if found[name] != promised[name]:
            raise NotVerified(f"{name} is not what was built: its SHA-256 differs")
    return known


def signed_statement(path: Path, key: SSlibKey) -> Any:
    """Read the statement of an envelope that this key signed.

    Raises:
        NotVerified: There is none, it is not readable, or the signature is not this key's.
    """
    try:
        with path.open("rb") as file:
            envelope = Envelope.from_dict(json.loads(file.read(_LONGEST)))
        envelope.verify([key], 1)
        stated = json.loads(envelope.payload)
    except OSError as fault:
        raise NotVerified(f"{path.name} cannot be read: {fault.strerror}") from None
    except VerificationError:
        raise NotVerified(f"{path.name} is not signed by this key") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotVerified(f"{path.name} is not a signed statement") from None
    kinds = (envelope.payload_type, stated.get("_type"), stated.get("predicateType"))
    if kinds != (PAYLOAD_TYPE, STATEMENT, PREDICATE):
        raise NotVerified(f"{path.name} is not a provenance of SLSA v1")
    return stated


def main() -> int:
    """Make or verify; return 1 and print one line where it is not in order."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("make", "verify"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="the key, PEM")
    given = parser.parse_args()
    try:
        if given.what == "make":
            make(given.folder, given.key)
            sys.stdout.write(f"{given.folder / NAME}\n")
        else:
            commit = verify(given.folder, given.key)
            sys.stdout.write(f"built from commit {commit}, and unchanged since\n")
    except (NotVerified, OSError, ValueError, TypeError, UnsupportedAlgorithm) as fault:
        sys.stderr.write(f"not verified: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
