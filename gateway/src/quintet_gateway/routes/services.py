"""What every route of ours takes and gives."""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response

from quintet_gateway.adapters import Services


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesBehind = Annotated[Services, Depends(_services)]


def answer(content: Any, status: int = 200) -> Response:
    """Returns a JSON answer; a NaN, which JSON does not have, becomes null."""
    return Response(orjson.dumps(content), status, media_type="application/json")
