"""`quintet doctor` on certificates: those that end, do not fit, or are of another authority."""

import asyncio
import shutil

import pytest
from quintet_access import certificates as authority
from quintet_command.doctor import State, encryption, running
from quintet_command.settings import CommandSettings
from quintet_search.app import build as build_search
from quintet_search.settings import SearchSettings

NAMES = ("gateway", "search", "profile", "ranker", "memory")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls") / "ours"
    authority.create(folder, NAMES, (), 90)
    return folder


@pytest.fixture
def ours(made, tmp_path, monkeypatch):
    folder = tmp_path / "tls"
    shutil.copytree(made, folder)
    monkeypatch.setenv("QUINTET_TLS", "mutual")
    monkeypatch.setenv("QUINTET_TLS_FOLDER", str(folder))
    return folder


def finding(**settings):
    (found,) = encryption.certificates(CommandSettings(**settings))
    return found


def test_nothing_is_said_where_no_certificate_is_set(monkeypatch):
    monkeypatch.delenv("QUINTET_TLS", raising=False)
    assert encryption.certificates(CommandSettings()) == []


@pytest.mark.usefixtures("ours")
def test_certificates_that_fit_are_well():
    found = finding()
    assert found.state is State.WELL
    assert "90 days" in found.said or "89 days" in found.said


@pytest.mark.parametrize(
    ("days", "state", "said"), [(-2, State.WRONG, "ended"), (5, State.LOOK, "ends in")]
)
def test_one_that_ended_or_ends_soon_is_named_with_what_renews_it(
    ours, days, state, said, monkeypatch
):
    monkeypatch.setattr(encryption, "days_left", lambda identity: float(days))
    found = finding()
    assert found.state is state
    assert f"tls.crt {said} " in found.said
    assert f"quintet certificates renew {ours}" in found.remedy


def test_a_key_of_another_certificate_is_named(ours):
    shutil.copy(ours / "search" / "tls.key", ours / "ranker" / "tls.key")
    found = finding()
    assert found.state is State.WRONG
    assert f"{ours / 'ranker' / 'tls.key'} is not the key of tls.crt" in found.said


def test_another_authority_is_named(ours, tmp_path):
    authority.create(tmp_path / "other", NAMES, (), 90)
    shutil.copy(tmp_path / "other" / "profile" / "ca.crt", ours / "profile" / "ca.crt")
    found = finding()
    assert found.state is State.WRONG
    assert f"{ours / 'profile' / 'ca.crt'} did not sign" in found.said


def test_an_authority_that_callers_believe_and_the_gateway_has_not_is_named(
    made, tmp_path, monkeypatch
):
    monkeypatch.delenv("QUINTET_TLS", raising=False)
    authority.create(tmp_path / "other", NAMES, (), 90)
    settings = {"gateway_https_folder": str(made)}
    right, other = (f / "authority" / "ca.crt" for f in (made, tmp_path / "other"))
    assert finding(**settings, gateway_ca=str(right)).state is State.WELL
    found = finding(**settings, gateway_ca=str(other))
    assert found.state is State.WRONG
    assert "QUINTET_GATEWAY_CA" in found.remedy


async def test_a_service_with_mutual_tls_is_asked_for_its_health(ours, tmp_path, monkeypatch):
    settings = SearchSettings(home=tmp_path, port=0, tls="mutual", tls_folder=str(ours))
    service = build_search(settings)
    await service.start()
    address = f"127.0.0.1:{service.port}"
    try:
        assert await asyncio.to_thread(running._health, address) == "NOT_SERVING"
        monkeypatch.setenv("QUINTET_TLS", "off")
        assert await asyncio.to_thread(running._health, address) == "OTHER"
    finally:
        await service.stop()
