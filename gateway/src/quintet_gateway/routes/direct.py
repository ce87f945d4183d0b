"""A route whose usual requests do not pass FastAPI's general handling of parameters."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

B = TypeVar("B", bound=BaseModel)
_JSON: Final = "application/json"


def direct_route(
    model: type[B], answer: Callable[[Request, B], Awaitable[Response]]
) -> type[APIRoute]:
    """Make the class of a route that takes one JSON body.

    A body that `model` accepts is answered at once. Every other request is handled by FastAPI as
    documented, which names the field and the rule that is broken. Its solving of dependencies takes
    longer than all other work on a request here.

    Args:
        model: The body, as the route's function takes it.
        answer: Does what the route's function does.
    """

    class DirectRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            documented = super().get_route_handler()

            async def handle(request: Request) -> Response:
                if request.headers.get("content-type", "").partition(";")[0] == _JSON:
                    # Starlette keeps the body, so that it can be read again.
                    body = _accepted(model, await request.body())
                    if body is not None:
                        return await answer(request, body)
                return await documented(request)

            return handle

    return DirectRoute


def _accepted(model: type[B], body: bytes) -> B | None:
    """Read a body; None if it breaks a rule of JSON or of the model."""
    try:
        # Stricter than Python's parser, which takes NaN and UTF-16 too: FastAPI uses that one, so
        # what only one of them takes is left to FastAPI.
        return model.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError):
        return None
