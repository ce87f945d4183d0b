"""Health probe for containers: `python -m quintet_servicekit.probe HOST:PORT`.

A module instead of the program grpc_health_probe, because it uses this process's certificates.
"""

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quintet_servicekit.settings import ProcessSettings
from quintet_servicekit.tls import Tls


def is_serving(address: str, timeout: float = 2.0, tls: Tls | None = None) -> bool:
    """Check whether the server at `host:port` reports SERVING within `timeout` seconds."""
    with _channel(address, tls) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def is_serving_here(address: str, name: str = "") -> bool:
    """Check a server of this machine, with the TLS settings of this environment.

    The server has ten seconds, since a busy machine is no reason to restart it.
    """
    return is_serving(address, 10.0, ProcessSettings().transport(name))


def main() -> int:
    """Exit with 0 if the server in the first argument is SERVING, else with 1."""
    return 0 if len(sys.argv) == 2 and is_serving_here(sys.argv[1]) else 1


def _channel(address: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, tls.channel_credentials())


if __name__ == "__main__":
    sys.exit(main())
