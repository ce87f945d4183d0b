"""Liveness of the gateway, readiness of its upstream services, and metrics."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from quintet_gateway.routes.dependencies import UpstreamDep, json_response
from quintet_gateway.schemas.errors import errors

router = APIRouter(tags=["Operation"])


class HealthResponse(BaseModel):
    """The gateway process answers."""

    status: str = "ok"


class ReadyResponse(BaseModel):
    """State of each service, and the names of those that are not SERVING."""

    ready: bool
    services: dict[str, str]
    not_ready: list[str]


_READY = {"search": "SERVING", "profile": "SERVING", "ranker": "SERVING", "memory": "SERVING"}
# Without it lists are made as for a listener without a memory, and `degraded` contains it.
_OPTIONAL = frozenset(("memory",))


@router.get("/healthz", responses={200: {"model": HealthResponse}})
async def get_health() -> Response:
    """Answers 200 as long as the process runs, without a call to a service."""
    return json_response({"status": "ok"})


@router.get(
    "/readyz",
    responses={
        200: {
            "model": ReadyResponse,
            "content": {
                "application/json": {
                    "example": {"ready": True, "services": _READY, "not_ready": []}
                }
            },
        },
        503: {
            "model": ReadyResponse,
            "description": "At least one service is not SERVING",
            "content": {
                "application/json": {
                    "example": {
                        "ready": False,
                        "services": {**_READY, "ranker": "NOT_SERVING"},
                        "not_ready": ["ranker"],
                    }
                }
            },
        },
    },
)
async def get_readiness(upstream: UpstreamDep) -> Response:
    """Asks search, profile, ranker and memory; 200 when the first three are SERVING."""
    states = await upstream.states()
    missing = [
        name for name, state in states.items() if state != "SERVING" and name not in _OPTIONAL
    ]
    response = json_response(
        {"ready": not missing, "services": states, "not_ready": missing}, 503 if missing else 200
    )
    if missing:
        # Seconds: services become ready within a few.
        response.headers["Retry-After"] = "1"
    return response


@router.get("/metrics", response_class=Response, responses=errors(401, 403, 429))
async def get_metrics() -> Response:
    """Prometheus metrics; QUINTET_GATEWAY_METRICS_PORT serves them to a scraper without a token."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
