"""Claims and headers of tokens: each that is missing, wrong or of another form is rejected."""

import jwt
import pytest
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, TokenIssuer, TokenRefused, TokenVerifier, bearer_token


@pytest.fixture
def folder(tmp_path):
    KeyFolder(tmp_path / "access").ensure()
    return tmp_path / "access"


def claims_of(folder, **changes):
    """A token of the key in a folder with these claims in place of an issuer's."""
    signing = KeyFolder(folder).signing_key()
    issued = TokenIssuer(lambda: signing).issue("service:page", 0, ["read", "admin", "unknown"])
    claims = jwt.decode(issued, options={"verify_signature": False})
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, signing.key, "EdDSA", headers={"kid": signing.kid})


def test_a_service_needs_no_client_and_unknown_scopes_are_left_out(folder):
    caller = TokenVerifier(folder).verify(claims_of(folder))
    assert caller.name == "service:page"
    assert caller.scopes == {Scope.READ, Scope.ADMIN}


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("exp", "iat", "sub", "aud", "iss")),
        *({"iss": "other"}, {"aud": "other"}, {"exp": "soon"}, {"iat": []}, {"exp": float("nan")}),
        *({"nbf": 9e12}, {"iat": float("nan")}, {"sub": "nobody"}, {"sub": "nobody", "gen": None}),
    ],
)
def test_a_token_with_a_claim_missing_or_wrong_is_rejected(folder, changes):
    with pytest.raises(TokenRefused):
        TokenVerifier(folder).verify(claims_of(folder, **changes))


@pytest.mark.parametrize("headers", [{}, {"kid": "x"}])
def test_a_token_without_a_known_key_is_rejected(folder, headers):
    token = jwt.encode({"sub": "x"}, KeyFolder(folder).signing_key().key, "EdDSA", headers=headers)
    with pytest.raises(TokenRefused, match="Invalid access token"):
        TokenVerifier(folder).verify(token)


def test_a_token_has_at_most_4096_characters(folder):
    at_bound = claims_of(folder, jti="")
    for length in range(2_800, 3_000):
        at_bound = claims_of(folder, jti="x" * length)
        if len(at_bound) >= 4096:
            break
    assert len(at_bound) == 4096
    assert TokenVerifier(folder).verify(at_bound).name == "service:page"
    with pytest.raises(TokenRefused):
        TokenVerifier(folder).verify(claims_of(folder, jti="x" * 3_100))


def test_an_issuer_without_a_folder_keeps_its_key():
    issuer = TokenIssuer.ephemeral()
    kids = {jwt.get_unverified_header(issuer.issue("a", 1, []))["kid"] for _ in range(2)}
    assert len(kids) == 1


def test_a_token_has_a_random_id_and_says_who_made_it(folder):
    signing = KeyFolder(folder)
    issuer = TokenIssuer(signing.signing_key)
    first, second = (
        jwt.decode(issuer.issue("a", 3, ["read", "admin"]), options={"verify_signature": False})
        for _ in range(2)
    )
    assert len(first["jti"]) == 16
    assert first["jti"] != second["jti"]
    assert (first["iss"], first["aud"], first["sub"]) == ("quintet", "quintet", "a")
    assert (first["gen"], first["scope"]) == (3, "read admin")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        *(("Bearer a", "a"), ("BEARER  a ", "a"), ("Bearer a b", "a b"), ("bearera", None)),
        *(("Basic a", None), (" ", None)),
    ],
)
def test_a_header_is_read_by_its_first_word(header, token):
    assert bearer_token(header) == token
