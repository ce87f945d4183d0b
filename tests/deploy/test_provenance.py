"""Provenance of packages: made and verified with a local key; what was changed is not verified."""

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.root import ROOT

PROGRAM = ROOT / "deploy" / "provenance.py"
spec = importlib.util.spec_from_file_location("provenance", PROGRAM)
assert spec is not None
assert spec.loader is not None
provenance = importlib.util.module_from_spec(spec)
spec.loader.exec_module(provenance)


def pair(folder, name):
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A folder of two packages with its provenance, by the program; and the keys."""
    base = tmp_path_factory.mktemp("provenance")
    tree, dist = base / "tree", base / "dist"
    dist.mkdir()
    for name in ("a-1-py3-none-any.whl", "a-1.tar.gz"):
        (dist / name).write_bytes(name.encode() * 100)
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    subprocess.run(
        ["git", *who, "commit", "--quiet", "--allow-empty", "-m", "One"], cwd=tree, check=True
    )
    private, public = pair(base, "release")
    command = [sys.executable, PROGRAM, "make", dist, "--key", private]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, timeout=60)
    return dist, private, public, tree


def test_what_was_built_is_verified_and_names_its_commit(signed):
    dist, _, public, tree = signed
    done = subprocess.run(
        [sys.executable, PROGRAM, "verify", dist, "--key", public],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert (done.returncode, done.stdout) == (
        0,
        f"built from commit {head}, and unchanged since\n",
    )


def change_a_byte(dist):
    path = dist / "a-1-py3-none-any.whl"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)


def change_the_statement(dist):
    path = dist / provenance.NAME
    envelope = json.loads(path.read_text())
    envelope["payload"] = envelope["payload"][:-8] + "AAAA" + envelope["payload"][-4:]
    path.write_text(json.dumps(envelope))


TAMPERED = {
    "its SHA-256 differs": change_a_byte,
    "a-1.tar.gz is missing": lambda dist: (dist / "a-1.tar.gz").unlink(),
    "b.whl is not in": lambda dist: (dist / "b.whl").write_bytes(b"x"),
    "is not signed by this key": change_the_statement,
    "cannot be read": lambda dist: (dist / provenance.NAME).unlink(),
    "is not a signed statement": lambda dist: (dist / provenance.NAME).write_text("{}"),
}


@pytest.mark.parametrize("said", TAMPERED)
def test_what_was_tampered_with_is_not_verified(signed, tmp_path, said):
    dist, _, public, _ = signed
    copy = shutil.copytree(dist, tmp_path / "dist")
    TAMPERED[said](copy)
    with pytest.raises(provenance.NotVerified, match=said):
        provenance.verify(copy, public)


def test_another_key_and_a_tree_with_changes_are_not_accepted(signed, tmp_path, monkeypatch):
    dist, private, _, tree = signed
    _, other = pair(tmp_path, "other")
    with pytest.raises(provenance.NotVerified, match="not signed by this key"):
        provenance.verify(dist, other)
    (tree / "new.txt").write_text("x")
    monkeypatch.chdir(tree)
    with pytest.raises(provenance.NotVerified, match="not clean"):
        provenance.make(dist, private)


def test_a_statement_of_another_kind_is_not_accepted(signed, tmp_path):
    dist, private, public, _ = signed
    copy = shutil.copytree(dist, tmp_path / "dist")
    key = provenance.load_pem_private_key(private.read_bytes(), None)
    envelope = provenance.Envelope(b'{"_type": "other"}', provenance.PAYLOAD_TYPE, {})
    envelope.sign(provenance.CryptoSigner(key))
    (copy / provenance.NAME).write_text(json.dumps(envelope.to_dict()))
    with pytest.raises(provenance.NotVerified, match="not a provenance"):
        provenance.verify(copy, public)
