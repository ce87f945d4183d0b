"""Tokens while clocks differ, and while one is set back or ahead by an hour."""

import time

import pytest
from quintet_access.clients import ClientFolder
from quintet_access.keys import CLOCK_LEEWAY_SECONDS, KeyFolder
from quintet_access.tokens import (
    ServiceToken,
    TokenIssuer,
    TokenRefused,
    TokenVerifier,
)

HOUR = 3600.0


class Clocks:
    """The wall clock and the monotonic clock of this process, set by a test."""

    def __init__(self, monkeypatch) -> None:
        self._wall, self._monotonic = time.time, time.monotonic
        self.passed = 0.0
        self.offset = 0.0
        monkeypatch.setattr("time.time", lambda: self._wall() + self.passed + self.offset)
        monkeypatch.setattr("time.monotonic", lambda: self._monotonic() + self.passed)


@pytest.fixture
def clocks(monkeypatch):
    return Clocks(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    KeyFolder(tmp_path / "access").ensure()
    return tmp_path / "access"


@pytest.fixture
def service(folder):
    return ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "gateway")


def shown(service) -> str:
    ((_, header),) = service.metadata()
    return header.removeprefix("Bearer ")


@pytest.mark.parametrize("seconds", [1, 5, 20, CLOCK_LEEWAY_SECONDS - 2])
@pytest.mark.parametrize("way", [1, -1])
def test_clocks_that_differ_by_some_seconds_accept_each_others_tokens(folder, clocks, seconds, way):
    client, _ = ClientFolder(folder).create("page")
    clocks.offset = way * seconds
    issuer = TokenIssuer(KeyFolder(folder).signing_key)
    token = issuer.issue(client.client_id, client.generation, client.scopes)
    clocks.offset = 0.0
    assert TokenVerifier(folder).verify(token).name == client.client_id


@pytest.mark.parametrize("seconds", [CLOCK_LEEWAY_SECONDS + 5, HOUR])
def test_a_token_from_further_ahead_is_denied(folder, clocks, seconds):
    client, _ = ClientFolder(folder).create("page")
    clocks.offset = seconds
    issuer = TokenIssuer(KeyFolder(folder).signing_key)
    token = issuer.issue(client.client_id, client.generation, client.scopes)
    clocks.offset = 0.0
    with pytest.raises(TokenRefused):
        TokenVerifier(folder).verify(token)


def test_the_leeway_ends_a_minute_after_a_token(folder, service, clocks):
    token = shown(service)
    clocks.passed = HOUR + CLOCK_LEEWAY_SECONDS - 5
    TokenVerifier(folder).verify(token)
    clocks.passed = HOUR + CLOCK_LEEWAY_SECONDS + 5
    with pytest.raises(TokenRefused):
        TokenVerifier(folder).verify(token)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 20 * HOUR, -20 * HOUR, 45, -45])
def test_a_token_of_ours_is_valid_right_after_the_clock_was_set(folder, service, clocks, jump):
    TokenVerifier(folder).verify(shown(service))
    clocks.offset = jump
    TokenVerifier(folder).verify(shown(service))
    clocks.offset = 0.0
    TokenVerifier(folder).verify(shown(service))


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -20 * HOUR])
def test_a_clock_that_was_set_never_stops_renewals(folder, service, clocks, jump):
    clocks.offset = jump
    verifier = TokenVerifier(folder)
    for _ in range(100):
        clocks.passed += 300
        verifier.verify(shown(service))


def test_a_token_is_renewed_after_half_of_its_hour(service, clocks):
    first = shown(service)
    clocks.passed = HOUR / 2 - 10
    assert shown(service) == first
    clocks.passed = HOUR / 2 + 10
    assert shown(service) != first


def test_a_denied_token_is_replaced_once_and_not_by_each_call(service, clocks):
    first = shown(service)
    assert not service.renew()
    clocks.passed = 5
    assert service.renew()
    assert not service.renew()
    assert shown(service) != first


def test_a_clock_that_is_slewed_by_milliseconds_costs_no_signature(service, clocks):
    first = shown(service)
    for _ in range(100):
        clocks.offset += 0.1
        assert shown(service) == first
