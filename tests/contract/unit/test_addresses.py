"""Hosts and ports as text: brackets of IPv6, wildcards, and names that mean this machine."""

import pytest
from quintet_contract.addresses import (
    bare_host,
    host_port,
    is_loopback_name,
    reachable_host,
    split_host_port,
)


@pytest.mark.parametrize(
    ("host", "bare"), [("[::1]", "::1"), ("::1", "::1"), ("[::1", "[::1"), ("a]", "a]"), ("a", "a")]
)
def test_brackets_are_removed_in_pairs(host, bare):
    assert bare_host(host) == bare


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [("::1", 80, "[::1]:80"), ("[::1]", "80", "[::1]:80"), ("example.org", 80, "example.org:80")],
)
def test_a_port_needs_brackets_around_ipv6(host, port, text):
    assert host_port(host, port) == text


@pytest.mark.parametrize(
    ("bound", "reached"),
    [
        *(("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("[::]", "::1")),
        *(("[fd00::2]", "fd00::2"), ("example.org", "example.org")),
    ],
)
def test_a_wildcard_is_reached_by_loopback(bound, reached):
    assert reachable_host(bound) == reached


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        *(("[::1]:80", ("::1", "80")), ("[::1]", ("::1", "")), ("::1", ("::1", ""))),
        *(("example.org:80", ("example.org", "80")), ("example.org", ("example.org", ""))),
    ],
)
def test_an_address_is_split_into_host_and_port(text, parts):
    assert split_host_port(text) == parts


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *(("localhost", True), ("LOCALHOST.", True), ("a.localhost", True), ("[::1]", True)),
        *(("127.9.9.9", True), ("::ffff:127.0.0.1", True), ("localhost.example.org", False)),
        *(("notlocalhost", False), ("10.0.0.1", False), ("::ffff:10.0.0.1", False)),
        *(("fd00::1", False), ("example.org", False), ("", False)),
    ],
)
def test_only_loopback_means_this_machine(host, local):
    assert is_loopback_name(host) is local
