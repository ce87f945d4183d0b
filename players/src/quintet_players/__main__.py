"""Start the players service: read settings, build the application, serve HTTP."""

import signal
import socket
import sys

import h11
import uvicorn
from pydantic import ValidationError
from quintet_access.rules import Auth, ExposedWithoutAuth, require_auth_when_exposed
from quintet_contract.addresses import host_port
from quintet_files import keep_private
from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, note_build, start_metrics_server
from quintet_settings import first_fault
from uvicorn.protocols.http.h11_impl import H11Protocol

from quintet_players.app import build
from quintet_players.settings import PlayersSettings

_MOST_HEAD_BYTES = 65_536


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0, or 2 with one line on standard error if a setting is wrong or a port is in use.
    """
    keep_private()
    try:
        settings = PlayersSettings()
        require_auth_when_exposed(Auth(settings.auth), settings.host)
    except ValidationError as fault:
        return _refuse(first_fault(fault, "QUINTET_PLAYERS_"))
    except ExposedWithoutAuth as fault:
        return _refuse(str(fault))
    configure_logs("players", settings.log_level, settings.log_form)
    note_build("players")
    try:
        start_metrics_server(settings.host, settings.metrics_port)
        listener = _bind(settings.host, settings.port)
    except PortUnavailable as fault:
        return _refuse(f"QUINTET_PLAYERS_METRICS_PORT: {fault}")
    except OSError as fault:
        return _refuse(
            f"{host_port(settings.host, settings.port)} cannot be bound ({fault.strerror}); "
            "choose another port with QUINTET_PLAYERS_PORT."
        )
    return _serve(settings, listener)


def _serve(settings: PlayersSettings, listener: socket.socket) -> int:
    # uvicorn drains on these and then raises them again for the previous handler, whose default
    # would report a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    config = uvicorn.Config(
        build(settings),
        http=_BoundedProtocol,
        h11_max_incomplete_event_size=_MOST_HEAD_BYTES,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.grace,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 2


class _BoundedProtocol(H11Protocol):
    """HTTP in pure Python: it bounds the head and the trailers of a request."""

    def send_400_response(self, msg: str) -> None:
        # An error after the answer has begun, as in trailers: a second answer cannot be sent.
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()


def _bind(host: str, port: int) -> socket.socket:
    """Open a listening socket at the first address that the host name resolves to.

    Raises:
        OSError: The address does not exist here, or the port is in use.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=256)


def _refuse(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
