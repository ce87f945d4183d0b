"""Calls to the gateway through the published client; each failure is one line for a person.

The client is imported when it is first needed: `quintet --help` must not wait for HTTP and models.
"""

from typing import TYPE_CHECKING, TypeVar

from quintet_settings import SettingsInvalid, load

from quintet_command.cli.failure import CommandFailed
from quintet_command.connection import ConnectionSettings

if TYPE_CHECKING:
    from quintet_client import Quintet
    from quintet_client.models import Track
    from quintet_client.protocol import Call

AnswerT = TypeVar("AnswerT")


def open_gateway(address: str, timeout: float, token: str = "", ca_file: str = "") -> "Quintet":
    """Open a client whose calls are tried once: a person decides whether to try again.

    Args:
        address: Base address, such as `http://127.0.0.1:8000`.
        timeout: Seconds allowed for one call.
        token: Access token, if the gateway asks for one.
        ca_file: PEM file of the authorities trusted for it; those of the system if empty.
    """
    from quintet_client import Quintet, Retries

    once = Retries(attempts=1)
    return Quintet(address, timeout=timeout, token=token, ca_file=ca_file, retries=once)


def connect(timeout: float = 30.0) -> "Quintet":
    """Open a client of the gateway that the settings name.

    Args:
        timeout: Seconds allowed for one call.

    Raises:
        CommandFailed: A setting is invalid.
    """
    try:
        settings = load(ConnectionSettings)
    except SettingsInvalid as fault:
        raise CommandFailed(str(fault)) from fault
    token = settings.token.get_secret_value()
    return open_gateway(settings.gateway_url, timeout, token, settings.gateway_ca)


def ask(gateway: "Quintet", call: "Call[AnswerT]") -> AnswerT:
    """Make one call.

    Raises:
        CommandFailed: It failed; the message says what to do about it.
    """
    from quintet_client import (
        ApiError,
        CertificateUntrusted,
        ConnectionFailed,
        QuintetError,
        TimedOut,
    )

    try:
        return gateway.call(call)
    except ApiError as fault:
        # The gateway's message already names the field, the range and the way out.
        raise CommandFailed(fault.message) from fault
    except TimedOut as fault:
        raise CommandFailed(f"the gateway at {gateway.base_url} did not answer in time") from fault
    except CertificateUntrusted as fault:
        raise CommandFailed(
            f"the certificate of {gateway.base_url} is not trusted; "
            "set QUINTET_GATEWAY_CA to the file of its authority"
        ) from fault
    except ConnectionFailed as fault:
        raise CommandFailed(
            f"no gateway answers at {gateway.base_url}; start one with `quintet up`, "
            "or name another with QUINTET_GATEWAY_URL"
        ) from fault
    except QuintetError as fault:
        raise CommandFailed(fault.message) from fault


def not_ready(gateway: "Quintet") -> list[str]:
    """List the services that are not SERVING yet; the gateway itself is one until it answers."""
    from quintet_client import QuintetError

    try:
        return list(gateway.readiness().not_ready)
    except QuintetError:
        # Without the gateway the state of the others is unknown.
        return ["gateway", "search", "profile", "ranker", "memory"]


def first_track(gateway: "Quintet", text: str) -> "Track":
    """Find the best match for a text that can be a seed.

    Raises:
        CommandFailed: No track of the catalogue matches.
    """
    from quintet_client import calls

    for match in ask(gateway, calls.search(text, limit=10)).tracks:
        if match.recommendable:
            return match.track
    raise CommandFailed(f"no track of the catalogue matches {text!r}")
