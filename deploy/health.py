"""The health check of every image: exit code 0 if the image's service works.

A gRPC service works if it reports SERVING: its catalogue or model is loaded. An HTTP service works
if it answers; the services that it depends on have separate health checks. A worker works if it
renewed its lease in the database.

It runs every five seconds in each container, so each branch imports only what it needs.
"""

import os
import sys

_HTTP = {
    "gateway": ("QUINTET_GATEWAY_PORT", "8000", "/healthz"),
    "home": ("QUINTET_GATEWAY_PORT", "8000", "/healthz"),
    "players": ("QUINTET_PLAYERS_PORT", "8600", "/healthz"),
    "ui": ("QUINTET_UI_PORT", "8501", "/_stcore/health"),
    "mlflow": ("QUINTET_MLFLOW_PORT", "5000", "/health"),
    "s3": ("", "8333", "/healthz"),
    "alerts": ("", "9094", "/healthz"),
}
_RPC = {
    "search": ("QUINTET_SEARCH_PORT", "50051"),
    "profile": ("QUINTET_PROFILE_PORT", "50052"),
    "ranker": ("QUINTET_RANKER_PORT", "50053"),
    "memory": ("QUINTET_MEMORY_PORT", "50054"),
}


def is_well(service: str) -> bool:
    """Return whether a service of this container answers within ten seconds."""
    if service in _RPC:
        name, port = _RPC[service]
        return _serves(f"127.0.0.1:{os.environ.get(name) or port}", service)
    if service == "analysis":
        return _has_worker()
    if service in _HTTP:
        return _answers(service)
    return True  # a command that runs and ends


def _serves(address: str, service: str) -> bool:
    """Return whether a gRPC service reports SERVING."""
    # Only these images have gRPC.
    if os.environ.get("QUINTET_TLS", "off") in ("", "off"):
        # The settings and the logs of the probe would take three times as long to import.
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    from quintet_servicekit.probe import is_serving_here

    return is_serving_here(address, service)


def _answers(service: str) -> bool:
    """Return whether an HTTP service answers."""
    import ssl
    import urllib.request

    name, port, path = _HTTP[service]
    scheme, context = "http", None
    if service in ("gateway", "home") and os.environ.get("QUINTET_GATEWAY_HTTPS_FOLDER"):
        # Inside the container: whose certificate it is does not matter here.
        # Nothing secret is sent, and only to this machine.
        scheme, context = "https", ssl._create_unverified_context()  # nosec B323
    address = f"{scheme}://127.0.0.1:{os.environ.get(name) or port}{path}"
    try:
        # The address is this machine's, by HTTP or HTTPS.
        with urllib.request.urlopen(address, timeout=10, context=context) as answer:  # nosec B310
            return bool(answer.status == 200)
    except OSError:
        return False


def _has_worker() -> bool:
    """Return whether a worker of own music was seen by the database within its lease."""
    # Only that image has them.
    from quintet_command.settings import load_settings
    from quintet_store import StoreUnavailable, open_engine, reading
    from quintet_store.library_requests import worker_seen

    try:
        engine = open_engine(load_settings().database_url)
        with reading(engine) as connection:
            return worker_seen(connection)
    except StoreUnavailable:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_well(os.environ.get("SERVICE", "")) else 1)
