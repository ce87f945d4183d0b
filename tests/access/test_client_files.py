"""Clients, keys and files of an access folder: each is stored, replaced, read and rejected."""

import fcntl
import json
import os
import stat
import time
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from quintet_access import clients as module
from quintet_access.clients import (
    DEFAULT_SCOPES,
    MAX_NAME_LENGTH,
    MAX_SECRET_LENGTH,
    ClientFolder,
    ClientNameInvalid,
    ClientUnknown,
)
from quintet_access.files import AccessFileInvalid, WatchedFile, locked, write_json
from quintet_access.keys import CLOCK_LEEWAY_SECONDS, TOKEN_SECONDS, KeyFolder
from quintet_access.tokens import Scope

from tests.known_secrets import known


@pytest.fixture(autouse=True)
def fast_hashes(monkeypatch):
    """The parameters of production take 50 ms each; the rest is the same."""
    monkeypatch.setattr(module, "_HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "access"


@pytest.fixture
def clients(folder):
    return ClientFolder(folder)


def test_a_client_has_random_names_and_the_default_scopes(clients):
    client, secret = clients.create(" page ")
    other, another = clients.create("x" * MAX_NAME_LENGTH, [Scope.ADMIN])
    known(secret), known(another)
    assert (client.name, client.generation, client.revoke_time) == ("page", 1, "")
    assert client.scopes == tuple(scope.value for scope in DEFAULT_SCOPES)
    assert other.scopes == ("admin",)
    assert all(len(each) == 32 for each in (client.client_id, secret))
    assert len({client.client_id, secret, other.client_id, another}) == 4
    assert clients.all() == [client, other]


def test_renewing_a_name_keeps_the_client_and_replaces_secret_and_scopes(clients):
    client, old = clients.renew("page", [Scope.READ])
    renewed, new = clients.renew("page", [Scope.READ, Scope.ADMIN])
    known(old), known(new)
    changed = {"scopes": ("read", "admin"), "generation": 2, "secret_hash": renewed.secret_hash}
    assert renewed == replace(client, **changed)
    assert renewed.secret_hash != client.secret_hash
    assert clients.all() == [renewed]
    assert clients.authenticate(client.client_id, old) is None
    assert clients.authenticate(client.client_id, new) == renewed


def test_each_new_secret_is_one_generation_more(clients, folder):
    client, first = clients.create("page")
    renewed, second = clients.rotate(client.client_id)
    known(first), known(second)
    assert renewed.generation == 2
    text = (folder / "clients.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "clients": [\n  {\n   "client_id"')
    assert json.loads(text)["format"] == 1
    public = json.loads((folder / "public" / "clients.json").read_text(encoding="utf-8"))
    assert public == {client.client_id: 2}


def test_revoking_by_id_or_name_changes_that_client_alone(clients, folder):
    first, one = clients.create("first")
    second, two = clients.create("second")
    known(one), known(two)
    revoked = clients.revoke(first.client_id)
    assert revoked.revoke_time
    assert not revoked.is_active
    assert clients.all() == [revoked, second]
    public = json.loads((folder / "public" / "clients.json").read_text(encoding="utf-8"))
    assert public == {second.client_id: 1}
    for change in (clients.revoke, clients.rotate):
        with pytest.raises(ClientUnknown, match="first"):
            change("first")


def test_secrets_beyond_the_longest_are_never_right(clients, monkeypatch):
    longest = "s" * MAX_SECRET_LENGTH
    monkeypatch.setattr(module, "_new_secret", lambda: longest)
    client, _ = clients.create("page")
    assert clients.authenticate(client.client_id, longest) == client
    monkeypatch.setattr(module, "_new_secret", lambda: longest + "s")
    other, _ = clients.create("other")
    assert clients.authenticate(other.client_id, longest + "s") is None
    # The empty secret stands for one that is too long, and opens nothing.
    assert clients.authenticate(client.client_id, "") is None


def test_an_unknown_client_costs_a_check_of_a_hash_too(clients, monkeypatch):
    clients.create("page")
    checked = []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            checked.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(module, "_HASHER", Counting(1, 8, 1))
    assert clients.authenticate("0" * 32, "secret") is None
    assert len(checked) == 1
    assert checked[0].startswith("$argon2id$")


def test_a_damaged_hash_opens_nothing(clients, folder):
    client, secret = clients.create("page")
    known(secret)
    document = json.loads((folder / "clients.json").read_text(encoding="utf-8"))
    document["clients"][0]["secret_hash"] = "damaged"
    write_json(folder / "clients.json", document, 0o600)
    assert clients.authenticate(client.client_id, secret) is None


@pytest.mark.parametrize("content", ['{"clients": [{"name": "a"}]}', '{"other": 1}', "[1]"])
def test_a_file_of_another_form_is_named(clients, folder, content):
    clients.create("page")
    (folder / "clients.json").write_text(content, encoding="utf-8")
    with pytest.raises(AccessFileInvalid, match=r"clients\.json is not a list of clients"):
        clients.all()


def test_no_file_means_no_clients(clients):
    assert clients.all() == []
    with pytest.raises(ClientNameInvalid, match="1 to 100"):
        clients.create("x" * (MAX_NAME_LENGTH + 1))
    assert clients.all() == []


# Files


def test_modes_let_other_users_read_public_files_alone(clients, folder):
    clients.create("page")
    modes = {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in (folder, *folder.rglob("*"))
    }
    assert modes == {
        ".": "0o711",
        ".lock": "0o600",
        "clients.json": "0o600",
        "public": "0o755",
        "public/clients.json": "0o644",
        "public/jwks.json": "0o644",
        "signing.json": "0o600",
    }


def test_a_second_writer_waits_for_the_first(folder):
    with locked(folder):
        handle = os.open(folder / ".lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "access").write_text("", encoding="utf-8")
    for write in (
        lambda: ClientFolder(tmp_path / "access").create("page"),
        lambda: write_json(tmp_path / "access" / "a.json", {}, 0o600),
    ):
        with pytest.raises(AccessFileInvalid, match=r"access.* cannot be written: "):
            write()


def test_a_watched_file_is_parsed_again_only_after_a_change(tmp_path):
    path = tmp_path / "more" / "deep" / "a.json"
    watched = WatchedFile(path)
    assert watched.read() is None
    write_json(path, {"b": 1, "a": [1]}, 0o600)
    first = watched.read()
    assert first == {"a": [1], "b": 1}
    assert watched.read() is first
    facts = path.stat()
    write_json(path, {"b": 2, "a": [1]}, 0o600)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # the same size and time
    assert watched.read() == {"a": [1], "b": 2}
    path.unlink()
    assert watched.read() is None
    write_json(path, {"b": 3}, 0o600)
    assert watched.read() == {"b": 3}


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\udcff"])
def test_a_file_that_is_no_json_is_named_and_read_again_once_mended(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    watched = WatchedFile(path)
    for _ in range(2):
        with pytest.raises(AccessFileInvalid, match=r"a\.json is not valid JSON"):
            watched.read()
    write_json(path, 1, 0o600)
    assert watched.read() == 1


@pytest.mark.usefixtures("without_rights_of_root")
def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, 1, 0o600)
    path.chmod(0o000)
    with pytest.raises(AccessFileInvalid, match=r"a\.json cannot be read: Permission denied"):
        WatchedFile(path).read()


# Keys


def test_the_first_key_stays_until_it_is_rotated(folder):
    keys = KeyFolder(folder)
    with pytest.raises(AccessFileInvalid, match=r"signing\.json is missing"):
        keys.signing_key()
    assert keys.public_key("x") is None
    keys.ensure()
    first = keys.signing_key()
    keys.ensure()
    assert keys.signing_key() is first
    assert keys.public_key(first.kid) == first.key.public_key()
    assert keys.public_key(first.kid) is keys.public_key(first.kid)  # parsed once
    assert len(first.kid) == 16
    assert keys.public_key("x") is None
    assert keys.rotate() == keys.signing_key().kid != first.kid


def test_a_rotated_key_checks_for_its_last_token_and_is_then_removed(folder, monkeypatch):
    begun, passed = time.time(), [0.0]
    monkeypatch.setattr("quintet_access.keys.time.time", lambda: begun + passed[0])
    keys = KeyFolder(folder)
    first = keys.rotate()
    second = keys.rotate()

    def stored() -> list[str]:
        path = folder / "public" / "jwks.json"
        return [each["kid"] for each in json.loads(path.read_text(encoding="utf-8"))["keys"]]

    passed[0] = TOKEN_SECONDS + CLOCK_LEEWAY_SECONDS - 1
    assert keys.public_key(first) is not None
    third = keys.rotate()
    assert stored() == [first, second, third]
    passed[0] += 1
    assert keys.public_key(first) is None
    passed[0] += 1
    assert stored() == [first, second, third]
    keys.rotate()
    # The second one got its time when the third came, which no later rotation extends.
    assert stored()[:-1] == [second, third]
    passed[0] += TOKEN_SECONDS + CLOCK_LEEWAY_SECONDS - 1.5
    assert keys.public_key(second) is None
    assert keys.public_key(third) is not None


def test_key_files_of_another_form_are_named(folder):
    keys = KeyFolder(folder)
    keys.ensure()
    kid = keys.signing_key().kid
    private = json.loads((folder / "signing.json").read_text(encoding="utf-8"))
    public = {name: text for name, text in private.items() if name != "d"}
    private_forms: tuple[object, ...] = (public, {}, [])
    for document in private_forms:
        write_json(folder / "signing.json", document, 0o600)
        with pytest.raises(AccessFileInvalid, match=r"signing\.json holds no Ed25519 key"):
            keys.signing_key()
    public_forms: tuple[object, ...] = ({"keys": [private]}, {"keys": [{}]}, {}, [])
    for document in public_forms:
        write_json(folder / "public" / "jwks.json", document, 0o644)
        with pytest.raises(AccessFileInvalid, match=r"jwks\.json holds no key set"):
            keys.public_key(kid)
