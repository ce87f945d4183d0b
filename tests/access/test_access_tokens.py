"""Tokens and clients of an access folder."""

import base64
import json
import os
import stat
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_access.clients import ClientFolder, ClientNameInvalid, ClientUnknown
from quintet_access.files import AccessFileInvalid
from quintet_access.keys import KeyFolder
from quintet_access.rules import Auth, ExposedWithoutAuth, require_auth_when_exposed
from quintet_access.tokens import (
    ServiceToken,
    TokenExpired,
    TokenIssuer,
    TokenRefused,
    TokenVerifier,
    bearer_token,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "access"


def token_of(folder, client):
    issuer = TokenIssuer(KeyFolder(folder).signing_key)
    return issuer.issue(client.client_id, client.generation, client.scopes)


def test_secret_opens_the_client_and_another_does_not(folder):
    clients = ClientFolder(folder)
    client, secret = clients.create("page")
    assert clients.authenticate(client.client_id, secret) == client
    assert clients.authenticate(client.client_id, secret + "x") is None
    assert clients.authenticate("0" * 32, secret) is None
    assert clients.authenticate(client.client_id, "x" * 100_000) is None


def test_secret_is_kept_nowhere_and_files_are_private(folder):
    _, secret = ClientFolder(folder).create("page")
    for path in folder.rglob("*.json"):
        assert secret not in path.read_text(encoding="utf-8")
    for name in ("clients.json", "signing.json"):
        assert stat.S_IMODE(os.stat(folder / name).st_mode) == 0o600
    assert "$argon2id$" in (folder / "clients.json").read_text(encoding="utf-8")
    assert "argon2" not in (folder / "public" / "clients.json").read_text(encoding="utf-8")


def test_token_names_its_client_and_scopes(folder):
    client, _ = ClientFolder(folder).create("page")
    caller = TokenVerifier(folder).verify(token_of(folder, client))
    assert (caller.name, sorted(caller.scopes)) == (client.client_id, ["feedback", "read"])


def test_token_lives_an_hour(folder):
    client, _ = ClientFolder(folder).create("page")
    claims = jwt.decode(token_of(folder, client), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600


def test_revoked_client_and_its_tokens_are_refused(folder):
    clients, verifier = ClientFolder(folder), TokenVerifier(folder)
    client, secret = clients.create("page")
    token = token_of(folder, client)
    verifier.verify(token)
    clients.revoke("page")
    with pytest.raises(TokenRefused):
        verifier.verify(token)
    assert clients.authenticate(client.client_id, secret) is None
    with pytest.raises(ClientUnknown):
        clients.revoke("page")


def test_rotated_secret_replaces_the_old_one_and_its_tokens(folder):
    clients, verifier = ClientFolder(folder), TokenVerifier(folder)
    client, old = clients.create("page")
    token = token_of(folder, client)
    renewed, new = clients.rotate(client.client_id)
    assert clients.authenticate(client.client_id, old) is None
    assert clients.authenticate(client.client_id, new) == renewed
    with pytest.raises(TokenRefused):
        verifier.verify(token)
    verifier.verify(token_of(folder, renewed))


def test_tokens_of_a_rotated_key_stay_valid_until_they_run_out(folder, monkeypatch):
    client, _ = ClientFolder(folder).create("page")
    keys, verifier = KeyFolder(folder), TokenVerifier(folder)
    before = token_of(folder, client)
    first, second = keys.signing_key().kid, keys.rotate()
    after = token_of(folder, client)
    assert first != second
    assert jwt.get_unverified_header(after)["kid"] == second
    verifier.verify(before)
    verifier.verify(after)
    assert verifier._keys.public_key(first) is not None
    now = time.time()
    monkeypatch.setattr("quintet_access.keys.time.time", lambda: now + 3700)
    assert verifier._keys.public_key(first) is None
    assert verifier._keys.public_key(second) is not None


def test_expired_token_is_told_apart(folder, monkeypatch):
    client, _ = ClientFolder(folder).create("page")
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr("quintet_access.tokens.time.time", lambda: now - 3661)
        token = token_of(folder, client)
    with pytest.raises(TokenExpired, match="expired"):
        TokenVerifier(folder).verify(token)


def forge(header, claims, signature=b""):
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_forged_tokens_are_refused(folder, tmp_path):
    client, _ = ClientFolder(folder).create("page")
    other, _ = ClientFolder(tmp_path / "other").create("page")
    verifier = TokenVerifier(folder)
    good = token_of(folder, client)
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    key_set = json.loads((folder / "public" / "jwks.json").read_text(encoding="utf-8"))
    public = key_set["keys"][0]["x"]
    forged = [
        forge({"alg": "none", "typ": "JWT", "kid": kid}, claims),
        forge({"alg": "None", "typ": "JWT", "kid": kid}, claims),
        jwt.encode(claims, public, "HS256", headers={"kid": kid}),
        jwt.encode(claims, KeyFolder(tmp_path / "other").signing_key().key, "EdDSA",
                   headers={"kid": kid}),
        token_of(tmp_path / "other", other),
        good[:-4] + "AAAA",
        good.rsplit(".", 1)[0] + ".",
        "a.b.c", "", "x" * 5000, "é", "\x00",
    ]  # fmt: skip
    verifier.verify(good)
    for token in forged:
        with pytest.raises(TokenRefused, match="Invalid access token"):
            verifier.verify(token)


@given(st.text(max_size=200))
def test_no_text_is_a_token(tmp_path_factory, text):
    with pytest.raises(TokenRefused):
        TokenVerifier(tmp_path_factory.getbasetemp() / "none").verify(text)


def test_service_token_is_accepted_and_reused(folder):
    KeyFolder(folder).ensure()
    service = ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "gateway")
    ((key, value),) = service.metadata()
    assert key == "authorization"
    assert service.metadata() == ((key, value),)
    token = bearer_token(value)
    assert token is not None
    assert TokenVerifier(folder).verify(token).name == "service:gateway"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_unusable_names_are_refused(folder, name):
    with pytest.raises(ClientNameInvalid):
        ClientFolder(folder).create(name)


def test_name_is_taken_until_revoked(folder):
    clients = ClientFolder(folder)
    clients.create("page")
    with pytest.raises(ClientNameInvalid):
        clients.create("page")
    clients.revoke("page")
    clients.create("page")
    assert [client.is_active for client in clients.all()] == [False, True]


def test_damaged_file_is_named(folder):
    ClientFolder(folder).create("page")
    (folder / "clients.json").write_text("{", encoding="utf-8")
    with pytest.raises(AccessFileInvalid, match=r"clients\.json"):
        ClientFolder(folder).all()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway", "example.org"])
def test_exposed_without_auth_is_refused_and_says_how_to_turn_it_on(host):
    with pytest.raises(ExposedWithoutAuth, match="QUINTET_AUTH=on") as refused:
        require_auth_when_exposed(Auth.OFF, host)
    assert "\n" not in str(refused.value)
    require_auth_when_exposed(Auth.ON, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_auth(host):
    require_auth_when_exposed(Auth.OFF, host)


def test_header_that_is_no_bearer_has_no_token():
    assert bearer_token("bearer abc") == "abc"
    for header in (None, "", "Bearer", "Bearer ", "Basic abc"):
        assert bearer_token(header) is None
