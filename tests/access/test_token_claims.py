"""Claims and headers of tokens: each that is missing, wrong or of another form is rejected."""

import jwt
import pytest
from quintet_access.keys import KeyFolder
from quintet_access.scopes import SCOPES, scope_of
from quintet_access.tokens import (
    Scope,
    ServiceToken,
    TokenExpired,
    TokenIssuer,
    TokenRefused,
    TokenVerifier,
    bearer_token,
)


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


def test_a_call_that_is_not_listed_needs_admin():
    assert scope_of("/quintet.ranker.v1.RankerService/RecommendTracks") is Scope.READ
    assert scope_of("/quintet.other.v1.Other/Call") is Scope.ADMIN
    assert {scope_of(method) for method in SCOPES} == {Scope.READ, Scope.FEEDBACK, Scope.ADMIN}


# Times, by clocks that stand still


class Frozen:
    """Both clocks, in seconds; they move only when a test moves them."""

    def __init__(self, monkeypatch) -> None:
        self.wall, self.monotonic = 1_800_000_000.0, 1000.0
        monkeypatch.setattr("quintet_access.tokens.time.time", lambda: self.wall)
        monkeypatch.setattr("quintet_access.tokens.time.monotonic", lambda: self.monotonic)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def frozen(monkeypatch):
    return Frozen(monkeypatch)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_may_begin_a_minute_ahead_and_not_later(folder, frozen, claim):
    verifier = TokenVerifier(folder)
    verifier.verify(claims_of(folder, **{claim: frozen.wall + 60}))
    with pytest.raises(TokenRefused):
        verifier.verify(claims_of(folder, **{claim: frozen.wall + 61}))


def test_a_token_ends_a_minute_after_its_time(folder, frozen):
    verifier = TokenVerifier(folder)
    verifier.verify(claims_of(folder, exp=frozen.wall - 59))
    for exp in (frozen.wall - 60, frozen.wall - 61):
        with pytest.raises(TokenExpired):
            verifier.verify(claims_of(folder, exp=exp))


def test_a_service_renews_its_token_after_half_an_hour_exactly(folder, frozen):
    service = ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "gateway")
    first = service.metadata()
    frozen.pass_by(1799)
    assert service.metadata() == first
    frozen.pass_by(1)
    assert service.metadata() != first


@pytest.mark.parametrize("way", [1, -1])
def test_a_service_renews_its_token_if_the_clock_was_set_by_more_than_half_a_minute(
    folder, frozen, way
):
    service = ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "gateway")
    first = service.metadata()
    frozen.wall += way * 30
    assert service.metadata() == first
    frozen.wall += way * 1
    assert service.metadata() != first


def test_a_service_replaces_a_denied_token_once_a_second(folder, frozen):
    service = ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "gateway")
    ((_, header),) = service.metadata()
    claims = jwt.decode(header.removeprefix("Bearer "), options={"verify_signature": False})
    assert (claims["sub"], claims["gen"], claims["scope"]) == ("service:gateway", 0, "read")
    frozen.pass_by(0.5)
    assert service.renew() is False
    frozen.pass_by(0.5)
    assert service.renew() is True
    assert service.renew() is False
