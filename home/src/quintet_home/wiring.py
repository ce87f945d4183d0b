"""Build every service from its settings, as its separate process would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import quintet_memory.app
import quintet_profile.app
import quintet_ranker.app
import quintet_search.app
from quintet_command.library_worker import LibraryWorker
from quintet_gateway.serving import Gateway, build_gateway
from quintet_gateway.settings import GatewaySettings
from quintet_memory.settings import MemorySettings
from quintet_profile.settings import ProfileSettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_servicekit.current import as_service
from quintet_servicekit.launch import checked_settings
from quintet_servicekit.logs import LogStyle, configure_logs_of
from quintet_servicekit.metrics import note_build, start_metrics_server
from quintet_servicekit.server import Service
from quintet_servicekit.settings import ServiceSettings
from quintet_servicekit.tracing import start_tracing

_Build = Callable[[Any], Service]
_SERVICES: Final[Mapping[str, tuple[type[ServiceSettings], _Build]]] = {
    "search": (SearchSettings, quintet_search.app.build),
    "profile": (ProfileSettings, quintet_profile.app.build),
    "memory": (MemorySettings, quintet_memory.app.build),
    "ranker": (RankerSettings, quintet_ranker.app.build),
}
LIBRARY: Final = "library"
"""The name of the library worker in log lines; it has no settings apart from the database."""


# Seconds between polls for published versions, and for a changed experiment: longer than where each
# service has a process, because an idle installation should use no processor.
_FOLLOW_SECONDS: Final = 5.0
_EXPERIMENT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Installation:
    """What one process serves.

    Attributes:
        services: The gRPC services, by name.
        gateway: The gateway in front of them.
        worker: Does what was asked for of sources of music.
    """

    services: Mapping[str, Service]
    gateway: Gateway
    worker: LibraryWorker


def wired() -> Installation:
    """Read all settings and build all services; no port but those of metrics is bound.

    Raises:
        Misconfigured: A setting of one of them is wrong.
    """
    settings = {name: _read(name, kind) for name, (kind, _) in _SERVICES.items()}
    with checked_settings("gateway"):
        of_gateway = GatewaySettings(experiment_seconds=_EXPERIMENT_SECONDS)
    # The gateway first: lines outside of all services are written in its style.
    of_all: dict[str, GatewaySettings | ServiceSettings] = {"gateway": of_gateway, **settings}
    styles = {name: LogStyle(each.log_level, each.log_form) for name, each in of_all.items()}
    configure_logs_of({**styles, LIBRARY: styles["gateway"]})
    with checked_settings("home"):
        start_tracing("home")
    for name, each in of_all.items():
        with checked_settings(name):
            note_build(name)
            start_metrics_server(each.host, each.metrics_port)
    services = {name: _build(name, each) for name, each in settings.items()}
    with checked_settings("gateway"), as_service("gateway"):
        gateway = build_gateway(of_gateway)
    worker = LibraryWorker(of_gateway.database(), home=of_gateway.home)
    return Installation(services, gateway, worker)


def _read(name: str, kind: type[ServiceSettings]) -> ServiceSettings:
    with checked_settings(name):
        return kind(follow_seconds=_FOLLOW_SECONDS)


def _build(name: str, settings: ServiceSettings) -> Service:
    with checked_settings(name), as_service(name):
        return _SERVICES[name][1](settings)
