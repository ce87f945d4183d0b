"""Addresses that media servers may have, and the credentials that callers send."""

import hashlib
import ipaddress

import pytest
from quintet_access.media_servers import (
    JELLYFIN_CLIENT,
    is_allowed,
    jellyfin_authorization,
    subsonic_credentials,
)
from quintet_access.rules import is_loopback


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        *(("192.168.1.5", True), ("127.0.0.1", True), ("10.0.0.1", True), ("8.8.8.8", True)),
        *(("::1", True), ("fd00::1", True), ("fd00::1%eth0", True), ("2001:db8::1", True)),
        *(("169.254.169.254", False), ("fe80::1", False), ("fe80::1%eth0", False)),
        *(("224.0.0.1", False), ("ff02::1", False), ("0.0.0.0", False), ("::", False)),
        *(("fd00:ec2::254", False), ("100.100.100.200", False), ("192.0.0.192", False)),
        *(("168.63.129.16", False), ("::ffff:169.254.169.254", False), ("::ffff:0.0.0.0", False)),
        # 6to4 holds an IPv4 address: 169.254.169.254 and 192.168.1.5.
        *(("2002:a9fe:a9fe::1", False), ("2002:c0a8:105::1", True)),
    ],
)
def test_media_servers_are_private_or_public_but_not_local_to_a_link(address, allowed):
    assert is_allowed(address, []) is allowed


def test_networks_that_are_named_are_allowed_all_the_same():
    networks = [ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/64")]
    assert is_allowed("169.254.169.254", networks)
    assert is_allowed("::ffff:169.254.169.254", networks)
    assert is_allowed("fe80::1%eth0", networks)
    assert not is_allowed("fe80:0:0:1::1", networks)
    assert not is_allowed("224.0.0.1", networks)


def test_subsonic_gets_a_token_or_the_password_in_hexadecimal():
    common = {"u": "ann", "v": "1.16.1", "c": "quintet", "f": "json"}
    token = hashlib.md5(b"passwordsalt", usedforsecurity=False).hexdigest()
    made = subsonic_credentials("ann", "password", salt=lambda: "salt")
    assert made == {**common, "t": token, "s": "salt"}
    plain = subsonic_credentials("ann", "pass", plain=True)
    assert plain == {**common, "p": "enc:70617373"}


def test_each_request_to_subsonic_has_another_salt():
    salts = {subsonic_credentials("ann", "password")["s"] for _ in range(3)}
    assert {len(each) for each in salts} == {16}
    assert len(salts) == 3


def test_jellyfin_gets_the_token_in_quotes():
    assert jellyfin_authorization() == JELLYFIN_CLIENT
    assert jellyfin_authorization("a b") == f'{JELLYFIN_CLIENT}, Token="a b"'


@pytest.mark.parametrize("token", ['a"b', "a\nb", "é", '"', "\n"])
def test_a_token_that_would_end_the_header_is_rejected(token):
    with pytest.raises(ValueError, match="characters that none has"):
        jellyfin_authorization(token)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *(("LocalHost", True), ("[::1]", True), ("127.0.0.2", True), ("a.localhost", False)),
        *(("10.0.0.1", False), ("[::]", False), ("", False)),
    ],
)
def test_of_names_only_localhost_is_loopback(host, local):
    assert is_loopback(host) is local
