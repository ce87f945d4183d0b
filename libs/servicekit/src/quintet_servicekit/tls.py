"""TLS between our processes: certificates that are taken up again when their files change."""

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
_LOOK_SECONDS: Final = 1.0
_READY_SECONDS: Final = 30.0
# Calls that began before the certificate changed end on their own connection.
_GRACE_SECONDS: Final = 60.0

Options = Sequence[tuple[str, Any]]
Opener = Callable[[Identity], grpc.aio.Channel]
Dressing = Callable[[grpc.aio.Channel], grpc.aio.Channel]


class TlsMode(StrEnum):
    """How our processes speak to each other."""

    OFF = "off"
    ON = "on"
    """Encrypted; a caller checks whom it calls."""
    MUTUAL = "mutual"
    """Encrypted; both check each other."""


@dataclass(frozen=True)
class Tls:
    """How one process proves itself and checks others.

    Attributes:
        identities: Where its certificate is.
        mutual: Whether callers must show a certificate too.
    """

    identities: IdentityFolder
    mutual: bool

    def server_credentials(self) -> grpc.ServerCredentials:
        """Returns a server's credentials; each new connection gets the certificate of now."""

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
        dressed: Dressing,
    ) -> grpc.aio.Channel:
        """Returns a channel that is opened anew, with no call failing, when files change.

        Args:
            address: `host:port`.
            options: Of each channel that is opened.
            dressed: Returns what each of them is called through.
        """

        def opened(identity: Identity) -> grpc.aio.Channel:
            credentials = self.channel_credentials(identity)
            return dressed(grpc.aio.secure_channel(address, credentials, options))

        return _RenewedChannel(self.identities, opened)

    def channel_credentials(self, identity: Identity | None = None) -> grpc.ChannelCredentials:
        """Returns a caller's credentials."""
        identity = identity or self.identities.current()
        return grpc.ssl_channel_credentials(identity.authorities, identity.key, identity.chain)


def tls_of(mode: str, folder: str, name: str) -> Tls | None:
    """Returns how a process uses TLS; None where it does not.

    Args:
        mode: "off", "on" or "mutual".
        folder: Where certificates are; empty for nowhere.
        name: The process, such as "search".

    Raises:
        IdentityInvalid: There is no usable certificate.
    """
    if TlsMode(mode) is TlsMode.OFF:
        return None
    if not folder:
        raise IdentityInvalid(
            f"QUINTET_TLS is {mode} but QUINTET_TLS_FOLDER is empty; "
            "`quintet certificates create FOLDER` makes one"
        )
    identities = IdentityFolder(Path(folder), name)
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
        """Returns the channel for a call that begins now."""
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
            # Nobody there, or not with this certificate: what works now goes on working.
            _log.warning("certificate not taken up", expires=identity.expires.isoformat())
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
    """A method of a service on the channel of now; stubs keep such an object for good."""

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
