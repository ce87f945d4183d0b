"""The fixture `denied_sockets` of tests/conftest.py, which applies to all folders `unit`."""

import asyncio
import contextlib
import socket

import pytest


@pytest.mark.parametrize("method", ["bind", "connect", "connect_ex"])
def test_a_unit_test_cannot_open_a_socket(method, denied_sockets):
    with (
        socket.socket() as opened,
        pytest.raises(AssertionError, match="unit test opened a socket"),
    ):
        getattr(opened, method)(("127.0.0.1", 0))

    assert denied_sockets == ["('127.0.0.1', 0)"]
    denied_sockets.clear()


async def test_asyncio_cannot_serve_in_a_unit_test(denied_sockets):
    with pytest.raises(AssertionError, match="unit test opened a socket"):
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)

    denied_sockets.clear()


async def test_code_that_hides_the_exception_still_fails_the_test(denied_sockets):
    with contextlib.suppress(AssertionError, OSError):
        await asyncio.open_connection("127.0.0.1", 9)

    assert denied_sockets
    denied_sockets.clear()
