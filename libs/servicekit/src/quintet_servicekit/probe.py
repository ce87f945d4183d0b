"""A health probe for containers: `python -m quintet_servicekit.probe HOST:PORT`."""

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def is_serving(address: str, timeout: float = 2.0) -> bool:
    """Returns whether the server at `host:port` reports SERVING within `timeout` seconds."""
    with grpc.insecure_channel(address) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    """Returns 0 where the server named by the first argument is SERVING, else 1."""
    return 0 if len(sys.argv) == 2 and is_serving(sys.argv[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
