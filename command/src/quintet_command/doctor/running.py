"""Checks of running processes: gateway, services, the versions they serve, and the registry."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx
from quintet_access.identity import IdentityInvalid
from quintet_client import (
    AnswerInvalid,
    ApiError,
    CertificateUntrusted,
    ConnectionFailed,
    Quintet,
    QuintetError,
    Retries,
    calls,
)
from quintet_client.errors import PermissionDenied, Unauthenticated
from quintet_client.models import Model, Readiness
from quintet_client.protocol import Reply
from quintet_contract.addresses import host_port, reachable_host
from quintet_modelkit.publication import current_version

from quintet_command.doctor import place
from quintet_command.doctor.encryption import between_services
from quintet_command.doctor.findings import Finding, look, well, wrong
from quintet_command.settings import CommandSettings

SERVICES: Final = ("search", "profile", "ranker", "memory")
# Per request: a check makes up to three, and has seven seconds.
_SECONDS: Final = 2.5
# Addresses to bind, which a client cannot connect to.
# HTTP dates have whole seconds, and an answer takes time; more than this is a wrong clock.
_AHEAD_SECONDS: Final = 30.0
# A gRPC message without compression and without content (one byte, then a length of four). As a
# request of health it asks for the whole server.
_EMPTY: Final = b"\x00\x00\x00\x00\x00"
# Protobuf: field 1 is the number 1, SERVING (grpc/health/v1/health.proto).
_SERVING: Final = b"\x08\x01"


@dataclass
class _Gateway:
    """What was observed of the gateway, for the findings about gateway, services and versions."""

    states: Mapping[str, str] | None = None
    absent: bool = False
    fault: str = ""
    remedy: str = ""
    model: Model | None = None
    catalogue: str = ""
    refused: str = ""
    skew: float = 0.0


def running(settings: CommandSettings) -> list[Finding]:
    """Check the gateway and each service, and that their versions agree."""
    gateway = _ask(settings)
    if gateway.absent and not any(_listens(_address(name, settings)) for name in SERVICES):
        places = ", ".join(_address(name, settings) for name in SERVICES)
        said = f"none runs: nothing listens at {places}, {settings.gateway_url}"
        return [wrong("services", said, f"{place.start()}, or correct their addresses")]
    services = [_service(name, settings, gateway.states) for name in SERVICES]
    return [*services, _gateway(settings, gateway), _versions(settings, gateway)]


def registry(settings: CommandSettings) -> Finding:
    """Check that the model registry answers, if one is set."""
    if not settings.mlflow_uri:
        said = "the Compose part mlops has one" if place.image() else "`quintet up` starts one"
        return well("registry", f"none is set; {said}")
    # An address may contain a password.
    shown = httpx.URL(settings.mlflow_uri).copy_with(username=None, password=None)
    remedy = "start it or correct QUINTET_MLFLOW_URI; rankers still serve their model"
    try:
        answer = httpx.get(f"{settings.mlflow_uri.rstrip('/')}/health", timeout=_SECONDS)
    except httpx.HTTPError as fault:
        return wrong("registry", f"{shown} does not answer ({type(fault).__name__})", remedy)
    if answer.status_code != HTTPStatus.OK:
        return wrong("registry", f"{shown} answers {answer.status_code}", remedy)
    return well("registry", f"{shown} answers")


def _ask(settings: CommandSettings) -> _Gateway:
    found = _Gateway()
    client = Quintet(
        settings.gateway_url,
        timeout=_SECONDS,
        token=settings.token.get_secret_value(),
        ca_file=settings.gateway_ca,
        # One look: a gateway that answers only the second time is worth a finding.
        retries=Retries(attempts=1),
    )
    with client:
        try:
            found.states, found.skew = client.call(_READINESS)
        except QuintetError as fault:
            _note_fault(fault, settings, found)
            return found
        if found.states.get("ranker") == "SERVING":
            _ask_versions(client, found)
    return found


def _note_fault(fault: QuintetError, settings: CommandSettings, found: _Gateway) -> None:
    address = settings.gateway_url
    if isinstance(fault, CertificateUntrusted):
        found.fault = f"the certificate of {address} is not believed"
        found.remedy = "set QUINTET_GATEWAY_CA to its authority; see certificates above"
    elif isinstance(fault, ConnectionFailed):
        found.absent = True
        found.fault = f"nothing answers at {address}"
        found.remedy = f"{place.start()}, or correct QUINTET_GATEWAY_URL or QUINTET_GATEWAY_PORT"
    elif isinstance(fault, ApiError | AnswerInvalid):
        found.fault = f"what answers at {address} is not the gateway"
        found.remedy = "choose another port with QUINTET_GATEWAY_PORT, or QUINTET_GATEWAY_URL"
    else:
        found.fault = f"{address} does not answer ({type(fault).__name__})"
        found.remedy = "see its lines in the log; stop and start it"


def _ask_versions(client: Quintet, found: _Gateway) -> None:
    try:
        found.model = client.model()
    except (Unauthenticated, PermissionDenied):
        found.refused = "the gateway reports them only to callers with a token"
    except QuintetError:
        return  # reported as not known
    with suppress(QuintetError):
        # Versions that search does not give are not compared.
        found.catalogue = client.search("a", limit=1).catalogue


def _states_and_skew(reply: Reply) -> tuple[Mapping[str, str], float]:
    """Read each service's state, and how many seconds the gateway's clock is ahead of ours."""
    states = Readiness.model_validate_json(reply.content).services
    try:
        skew = parsedate_to_datetime(reply.headers["date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        skew = 0.0
    return states, skew


_READINESS: Final = calls.readiness().reading(_states_and_skew)


def _gateway(settings: CommandSettings, found: _Gateway) -> Finding:
    if found.states is None:
        return wrong("gateway", found.fault, found.remedy)
    if abs(found.skew) > _AHEAD_SECONDS:
        said = f"its clock and ours are {abs(found.skew):,.0f} s apart"
        return wrong("gateway", said, "set both clocks, such as by `timedatectl set-ntp true`")
    away = [name for name, state in found.states.items() if state != "SERVING"]
    if away:
        said = f"{settings.gateway_url} answers, but is not ready: {', '.join(away)}"
        return wrong("gateway", said, "see the services above")
    return well("gateway", f"{settings.gateway_url} is ready")


def _service(name: str, settings: CommandSettings, states: Mapping[str, str] | None) -> Finding:
    """Judge a service by the state that the gateway reports; if that is bad, ask its port."""
    # The gateway's view counts: listeners reach a service through it.
    state = (states or {}).get(name, "")
    address = _address(name, settings)
    if state == "SERVING":
        return well(name, "SERVING, says the gateway")
    direct = _health(address)
    if state == "NOT_SERVING" or direct == "NOT_SERVING":
        said = f"{address} answers, but serves nothing yet"
        return wrong(name, said, "look at catalogue and model here, and at its lines in the log")
    if direct == "SERVING":
        if not state:
            return well(name, f"SERVING at {address}")
        said = f"SERVING at {address}, but the gateway does not reach it"
        remedy = f"give the gateway QUINTET_GATEWAY_{name.upper()}_ADDRESS={address}, or its port"
        return wrong(name, said, remedy)
    setting = f"QUINTET_{name.upper()}_PORT"
    if direct == "CLOSED":
        return wrong(
            name, f"nothing listens at {address}", f"{place.start()}, or correct {setting}"
        )
    if direct == "HANGS":
        said = f"{address} takes connections and does not answer"
        return wrong(name, said, "see its lines in the log; stop and start it")
    said = f"what listens at {address} is not this service"
    return wrong(name, said, f"stop it, or choose another port with {setting}")


def _address(name: str, settings: CommandSettings) -> str:
    host = reachable_host(settings.host)
    port = getattr(settings, f"{name}_port")
    # The gateway's own setting has priority, because that is where it sends calls.
    return os.environ.get(f"QUINTET_GATEWAY_{name.upper()}_ADDRESS") or host_port(host, port)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
    except (OSError, ValueError):
        return False
    return True


def _health(address: str) -> str:
    """Ask a server for its health as gRPC does: SERVING, NOT_SERVING, HANGS, CLOSED or OTHER."""
    if not _listens(address):
        return "CLOSED"
    try:
        context = between_services()
        # gRPC speaks HTTP/2 at once, without negotiation; httpx saves loading gRPC for one request.
        with httpx.Client(
            http1=False, http2=True, timeout=1.5, verify=context or True, trust_env=False
        ) as client:
            answer = client.post(
                f"{'https' if context else 'http'}://{address}/grpc.health.v1.Health/Check",
                headers={"content-type": "application/grpc", "te": "trailers"},
                content=_EMPTY,
            )
    except httpx.TimeoutException:
        return "HANGS"
    except (httpx.HTTPError, IdentityInvalid, OSError):
        return "OTHER"
    if not answer.headers.get("content-type", "").startswith("application/grpc"):
        return "OTHER"
    return "SERVING" if answer.content[len(_EMPTY) :] == _SERVING else "NOT_SERVING"


def _versions(settings: CommandSettings, found: _Gateway) -> Finding:
    """Check that all processes serve the published versions."""
    if found.states is None:
        return look("versions", "the gateway cannot be reached to report them", place.start())
    if found.refused:
        return look("versions", found.refused, "set QUINTET_TOKEN; docs/api.md says how")
    if found.model is None:
        return look(
            "versions", "the gateway does not report them now", "see ranker and search above"
        )
    if found.model.refused_version:
        said = f"{found.model.refused_version} was refused: {found.model.refused_reason}"
        return wrong("versions", said, "publish a model that is whole; the one before goes on")
    served = found.model.versions
    pairs = (
        ("ranker's model", served.model, current_version(settings.home / "models")),
        ("ranker's catalogue", served.catalogue, current_version(settings.catalogue)),
        ("search's catalogue", found.catalogue, current_version(settings.catalogue)),
    )
    for what, is_served, published in pairs:
        if published and is_served and is_served != published:
            said = f"{what} is {is_served}, published is {published}"
            return wrong("versions", said, "wait some seconds; then look at the service's log")
    return well("versions", f"all serve {served.model} and {served.catalogue}")
