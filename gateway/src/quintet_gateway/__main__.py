"""Start the gateway: read settings, build the application, serve HTTP and gRPC."""

import sys

import uvloop
from quintet_files import keep_private
from quintet_servicekit.launch import Misconfigured, checked_settings, refuse
from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, note_build, start_metrics_server
from quintet_servicekit.tracing import start_tracing, stop_tracing

from quintet_gateway.serving import build_gateway, serve
from quintet_gateway.settings import GatewaySettings


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0, or 2 with one line on standard error if a setting is wrong or a port is in use.
    """
    keep_private()
    try:
        with checked_settings("gateway"):
            settings = GatewaySettings()
            configure_logs("gateway", settings.log_level, settings.log_form)
            note_build("gateway")
            start_tracing("gateway")
            gateway = build_gateway(settings)
            start_metrics_server(settings.host, settings.metrics_port)
    except Misconfigured as fault:
        return refuse(str(fault))
    try:
        # uvloop: the same interface as asyncio's loop, with less time for each event.
        uvloop.run(serve(gateway))
    except PortUnavailable as fault:
        return refuse(str(fault))
    finally:
        stop_tracing()
    return 0


if __name__ == "__main__":
    sys.exit(main())
