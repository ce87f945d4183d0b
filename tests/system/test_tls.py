"""TLS between services and HTTPS at the gateway, over real sockets and with real certificates."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quintet_access import certificates
from quintet_access.certificates import CertificatesRefused
from quintet_access.identity import CERTIFICATE, KEY, IdentityFolder, IdentityInvalid
from quintet_command.cli.certificates import certificates_app
from quintet_command.ports import free_ports
from quintet_servicekit.channel import open_channel
from quintet_servicekit.probe import is_serving
from quintet_servicekit.server import Endpoint, Service
from quintet_servicekit.tls import Tls, tls_of
from typer.testing import CliRunner, Result

NAMES = ("gateway", "search")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two installations, each with an authority of its own."""
    root = tmp_path_factory.mktemp("certificates")
    for each in ("ours", "theirs"):
        certificates.create(root / each, NAMES, (), 30)
    return root


@pytest.fixture
def ours(made, tmp_path):
    return Path(shutil.copytree(made / "ours", tmp_path / "ours"))


def transport(folder: Path, name: str, mode: str = "mutual") -> Tls:
    tls = tls_of(mode, str(folder), name)
    assert tls is not None
    return tls


@asynccontextmanager
async def serving(tls: Tls | None) -> AsyncIterator[Service]:
    service = Service("a.B", lambda _server: None, Endpoint(grace=1.0, tls=tls))
    await service.start()
    await service.ready.wait()
    try:
        yield service
    finally:
        await service.stop()


async def check(channel: grpc.aio.Channel) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(), timeout=60)).status)


async def is_refused(channel: grpc.aio.Channel) -> bool:
    async with channel:
        try:
            await check(channel)
        except grpc.aio.AioRpcError as fault:
            return fault.code() is grpc.StatusCode.UNAVAILABLE
    return False


def serial_at(port: int, folder: Path | None = None) -> int:
    """The serial number of the certificate that a server shows now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    if folder is not None:
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as raw,
        context.wrap_socket(raw) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def serial_of(folder: Path) -> int:
    return x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes()).serial_number


@pytest.mark.parametrize("mode", ["on", "mutual"])
async def test_services_of_one_authority_understand_each_other(ours, mode):
    async with serving(transport(ours, "search", mode)) as service:
        address = f"127.0.0.1:{service.port}"
        caller = transport(ours, "gateway", mode)
        async with open_channel(address, timeout=60, tls=caller) as channel:
            assert await check(channel) == health_pb2.HealthCheckResponse.SERVING
        assert await asyncio.to_thread(is_serving, address, 5.0, caller)
        assert not await asyncio.to_thread(is_serving, address, 1.0)


async def test_plain_text_another_authority_and_no_certificate_are_refused(ours, made):
    async with serving(transport(ours, "search")) as service:
        address = f"127.0.0.1:{service.port}"
        theirs = transport(made / "theirs", "gateway")
        assert await is_refused(open_channel(address, timeout=60))
        assert await is_refused(open_channel(address, timeout=60, tls=theirs))
        # Knows our authority, and so believes the server; but has nothing to show.
        roots = (ours / "gateway" / "ca.crt").read_bytes()
        bare = grpc.ssl_channel_credentials(roots)
        assert await is_refused(grpc.aio.secure_channel(address, bare))
        stranger = made / "theirs" / "gateway"
        shown = (stranger / KEY).read_bytes(), (stranger / CERTIFICATE).read_bytes()
        signed_by_them = grpc.ssl_channel_credentials(roots, *shown)
        assert await is_refused(grpc.aio.secure_channel(address, signed_by_them))


async def test_a_caller_refuses_a_server_whose_name_is_not_in_its_certificate(ours):
    async with serving(transport(ours, "search")) as service:
        credentials = transport(ours, "gateway").channel_credentials()
        options = [("grpc.ssl_target_name_override", "elsewhere.example")]
        address = f"127.0.0.1:{service.port}"
        assert await is_refused(grpc.aio.secure_channel(address, credentials, options))


async def test_certificates_change_without_a_restart_and_without_a_failed_call(ours):
    folder, caller_folder = ours / "search", ours / "gateway"
    async with serving(transport(ours, "search")) as service:
        caller = transport(ours, "gateway")
        address = f"127.0.0.1:{service.port}"
        async with open_channel(address, timeout=60, tls=caller) as channel:
            await check(channel)
            first = channel._channel  # type: ignore[attr-defined]
            before = serial_of(folder)
            certificates.renew(ours, (), (), 60)
            calls, deadline = 0, time.monotonic() + 90
            # Every call of the loop must succeed, on the old connection and on the new one.
            while channel._channel is first:  # type: ignore[attr-defined]
                assert await check(channel) == health_pb2.HealthCheckResponse.SERVING
                calls += 1
                assert time.monotonic() < deadline
            assert await check(channel) == health_pb2.HealthCheckResponse.SERVING
        shown = await asyncio.to_thread(serial_at, service.port, caller_folder)
    assert calls > 0
    assert shown == serial_of(folder) != before


async def test_a_certificate_that_nobody_accepts_is_not_taken_up(ours, made):
    async with serving(transport(ours, "search")) as service:
        caller = transport(ours, "gateway")
        address = f"127.0.0.1:{service.port}"
        async with open_channel(address, timeout=60, tls=caller) as channel:
            await check(channel)
            first = channel._channel  # type: ignore[attr-defined]
            for name in (CERTIFICATE, KEY, "ca.crt"):
                shutil.copy(made / "theirs" / "gateway" / name, ours / "gateway" / name)
            deadline = time.monotonic() + 1.5
            while time.monotonic() < deadline:
                assert await check(channel) == health_pb2.HealthCheckResponse.SERVING
            assert channel._channel is first  # type: ignore[attr-defined]


def test_files_that_do_not_fit_each_other_are_not_taken_up(ours, made):
    folder = ours / "search"
    identities = IdentityFolder(ours, "search")
    before = identities.current()
    shutil.copy(made / "theirs" / "search" / KEY, folder / KEY)
    assert identities.current() is before
    (folder / CERTIFICATE).write_text("half a certi", encoding="utf-8")
    assert identities.current() is before
    (folder / "ca.crt").unlink()
    assert identities.current() is before
    shutil.copytree(made / "theirs" / "search", folder, dirs_exist_ok=True)
    assert identities.current() is not before


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda folder: (folder / "tls.crt").unlink(), "tls.crt cannot be read"),
        (lambda folder: (folder / "tls.crt").write_text("no"), "tls.crt holds no PEM certificate"),
        (lambda folder: (folder / "tls.key").write_text("no"), "tls.key holds no private key"),
        (lambda folder: (folder / "ca.crt").write_text("no"), "ca.crt holds no PEM certificate"),
    ],
)
def test_a_service_does_not_start_without_a_usable_certificate(ours, spoil, text):
    spoil(ours / "search")
    with pytest.raises(IdentityInvalid, match=text):
        tls_of("mutual", str(ours), "search")


def test_tls_without_a_folder_is_one_line_and_exit_code_two(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "quintet_search"],
        env={**os.environ, "QUINTET_HOME": str(tmp_path), "QUINTET_TLS": "mutual",
             "QUINTET_TLS_FOLDER": ""},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: QUINTET_TLS is mutual but QUINTET_TLS_FOLDER is empty")
    assert len(done.stderr.splitlines()) == 1


def test_keys_are_private_and_names_are_checked(made, tmp_path):
    for key in made.rglob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
    for name, host in (("../x", "a"), ("authority", "a"), ("search", "a b"), ("", "a")):
        with pytest.raises(CertificatesRefused):
            certificates.create(tmp_path / "new", [name], [host], 1)
    assert not (tmp_path / "new").exists()


def command(*arguments: object) -> Result:
    return CliRunner().invoke(certificates_app, [*map(str, arguments)])


def test_the_command_makes_lists_and_renews(tmp_path):
    folder = tmp_path / "tls"
    created = command("create", folder, "--name", "search", "--host", "10.0.0.7", "--days", 5)
    assert created.exit_code == 0, created.output
    before = serial_of(folder / "search")
    again = command("create", folder)
    assert again.exit_code != 0
    assert "renew" in str(again.output) + str(again.exception)
    assert command("renew", folder, "--days", 7).exit_code == 0
    assert serial_of(folder / "search") != before
    listed = command("list", folder).stdout
    assert re.search(r"search +\d{4}-\d\d-\d\d +6 +search localhost .*10\.0\.0\.7", listed)
    assert "authority" in listed
    assert command("list", tmp_path / "none").exit_code != 0


@contextlib.contextmanager
def https_gateway(folder: Path, home: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "quintet_gateway"],
        env={**os.environ, "QUINTET_HOME": str(home), "QUINTET_GATEWAY_PORT": str(port),
             "QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_HTTPS_FOLDER": str(folder)},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


def await_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)  # between looks at another process
    raise AssertionError("the gateway did not start")


def test_https_takes_a_new_certificate_up_while_clients_call(ours, tmp_path):
    trusted = ssl.create_default_context(cafile=ours / "authority" / "ca.crt")
    with https_gateway(ours, tmp_path / "home") as port:
        await_port(port)
        base = f"https://127.0.0.1:{port}"
        with httpx.Client(verify=trusted, trust_env=False, base_url=base) as client:
            answer = client.get("/healthz")
            assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                httpx.get(f"{base}/healthz", trust_env=False)
            with pytest.raises(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
            certificates.renew(ours, ["gateway"], (), 60)
            deadline = time.monotonic() + 90
            while serial_at(port) != serial_of(ours / "gateway"):
                assert client.get("/healthz").status_code == 200
                assert time.monotonic() < deadline
            fresh = httpx.get(f"{base}/healthz", verify=trusted, trust_env=False)
            assert fresh.status_code == 200
