"""TLS between our processes, with certificates that are loaded again when their files change."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from quintet_access.identity import Identity, IdentityFolder, IdentityInvalid

__all__ = ["IdentityInvalid", "Tls", "TlsMode", "tls_of"]

_log = structlog.get_logger(__name__)
# The interval at which a channel checks the certificate files.
_LOOK_SECONDS: Final = 1.0
# A new certificate is used only once a connection with it works, within this time.
_READY_SECONDS: Final = 30.0
# Calls that began before the certificate changed finish on the old connection.
_GRACE_SECONDS: Final = 60.0

Options = Sequence[tuple[str, Any]]
Opener = Callable[[Identity], grpc.aio.Channel]
Wrapper = Callable[[grpc.aio.Channel], grpc.aio.Channel]


class TlsMode(StrEnum):
    """Whether connections between our processes are encrypted, and who proves their identity."""

    OFF = "off"
    ON = "on"
    """Encrypted; the caller verifies the server."""
    MUTUAL = "mutual"
    """Encrypted; caller and server verify each other."""


@dataclass(frozen=True)
class Tls:
    """The certificate of one process, and how it verifies others.

    Attributes:
        identities: The folder of its certificate, key and authorities.
        mutual: Whether callers need a certificate too.
    """

    identities: IdentityFolder
    mutual: bool

    def server_credentials(self) -> grpc.ServerCredentials:
        """Build a server's credentials; each new connection uses the newest certificate."""

        def configuration() -> grpc.ServerCertificateConfiguration:
            identity = self.identities.current()
            return grpc.ssl_server_certificate_configuration(
                [(identity.key, identity.chain)], root_certificates=identity.authorities
            )

        return grpc.dynamic_ssl_server_credentials(
            configuration(), configuration, require_client_authentication=self.mutual
        )

    def channel(
        self,
        address: str,
        options: Options,
        instrument: Wrapper,
    ) -> grpc.aio.Channel:
        """Open a channel that reconnects, without a failed call, when certificate files change.

        Args:
            address: `host:port`.
            options: gRPC options of each connection.
            instrument: Wraps each connection's channel, for example with metrics.
        """

        def opened(identity: Identity) -> grpc.aio.Channel:
            credentials = self.channel_credentials(identity)
            return instrument(grpc.aio.secure_channel(address, credentials, options))

        return _RenewedChannel(self.identities, opened)

    def channel_credentials(self, identity: Identity | None = None) -> grpc.ChannelCredentials:
        """Build a caller's credentials from a certificate; the newest by default."""
        identity = identity or self.identities.current()
        return grpc.ssl_channel_credentials(identity.authorities, identity.key, identity.chain)


def tls_of(mode: str, folder: str, name: str) -> Tls | None:
    """Read the TLS settings of a process; None if TLS is off.

    Args:
        mode: "off", "on" or "mutual".
        folder: The folder of certificates; empty if none is set.
        name: The process's name in that folder, such as "search".

    Raises:
        IdentityInvalid: There is no usable certificate.
    """
    if TlsMode(mode) is TlsMode.OFF:
        return None
    if not folder:
        raise IdentityInvalid(
            f"QUINTET_TLS is {mode} but QUINTET_TLS_FOLDER is empty; run `quintet certificates "
            "create FOLDER` and set QUINTET_TLS_FOLDER to it, or set QUINTET_TLS=off"
        )
    identities = IdentityFolder(Path(folder), name)
    # Read once now, so that a wrong folder fails at the start and not at the first call.
    identities.current()
    return Tls(identities, TlsMode(mode) is TlsMode.MUTUAL)


class _RenewedChannel(grpc.aio.Channel):
    """A channel that moves to a connection with the newest certificate once that is ready.

    gRPC reads a caller's certificate once, when a channel is opened.
    """

    def __init__(self, identities: IdentityFolder, opened: Opener) -> None:
        self._identities = identities
        self._open = opened
        self._identity = identities.current()
        self._channel = opened(self._identity)
        self._look_time = time.monotonic() + _LOOK_SECONDS
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing = False

    def current(self) -> grpc.aio.Channel:
        """Choose the channel for a call that begins now; at times, check the certificate files."""
        now = time.monotonic()
        if now >= self._look_time and not self._renewing:
            self._look_time = now + _LOOK_SECONDS
            identity = self._identities.current()
            if identity is not self._identity:
                self._renewing = True
                self._run(self._renew(identity))
        return self._channel

    async def _renew(self, identity: Identity) -> None:
        fresh = self._open(identity)
        try:
            await asyncio.wait_for(fresh.channel_ready(), _READY_SECONDS)
        except TimeoutError:
            # The server is unavailable, or rejects this certificate: the old one stays in use.
            _log.warning("new certificate not used", expires=identity.expires.isoformat())
            await fresh.close()
        else:
            old, self._channel, self._identity = self._channel, fresh, identity
            _log.info("certificate taken up", expires=identity.expires.isoformat())
            self._run(old.close(_GRACE_SECONDS))
        finally:
            self._renewing = False

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> "_RenewedChannel":
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return _RenewedMethod(self, "unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return _RenewedMethod(self, "unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return _RenewedMethod(self, "stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return _RenewedMethod(self, "stream_stream", arguments, options)


class _RenewedMethod:
    """A method that always calls on the current channel; a stub creates one and keeps it."""

    def __init__(self, owner: _RenewedChannel, kind: str, arguments: Any, options: Any) -> None:
        self._owner = owner
        self._kind = kind
        self._arguments = arguments
        self._options = options
        self._channel: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        channel = self._owner.current()
        if channel is not self._channel:
            self._method = getattr(channel, self._kind)(*self._arguments, **self._options)
            self._channel = channel
        return self._method(*arguments, **options)
