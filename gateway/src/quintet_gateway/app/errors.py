"""Render errors as HTTP answers: AIP-193 JSON, or the shape of a path prefix such as `/v1`."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import grpc
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from quintet_servicekit.errors import (
    DOMAIN,
    AppError,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    Reason,
    ResourceExhausted,
    Unauthenticated,
)
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.status import error_of
from starlette.exceptions import HTTPException

from quintet_gateway.app.admission import OVERLOADED
from quintet_gateway.schemas.errors import status_of

_log = structlog.get_logger(__name__)

# Characters of a caller's path that an error repeats.
_MAX_SHOWN: Final = 200
# A later attempt of the same request can succeed after these.
_RETRY: Final = (429, 503, 504)
# The reason reported if a field is missing or has the wrong type, by the field's first part.
_FIELD_REASONS: Final[Mapping[str, Reason]] = {
    "seeds": Reason.SEED_COUNT,
    "negative_seeds": Reason.SEED_COUNT,
    "track_ids": Reason.SEED_COUNT,
    "weights": Reason.WEIGHT_RANGE,
    "targets": Reason.TARGET_RANGE,
    "filters": Reason.FILTER_RANGE,
    "limit": Reason.LIMIT_RANGE,
    "max_per_artist": Reason.ARTIST_CAP_RANGE,
    "diversity": Reason.DIVERSITY_RANGE,
    "discovery": Reason.DISCOVERY_RANGE,
    "q": Reason.QUERY_LENGTH,
    "query": Reason.QUERY_LENGTH,
    "page_token": Reason.PAGE_TOKEN_INVALID,
}
Renderer = Callable[[AppError, int, Mapping[str, str]], Response]
"""Renders an error with a status and headers."""


def headers_of(error: AppError, code: int) -> dict[str, str]:
    """Add the headers by which a client learns how to authenticate, or how to ask again."""
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="quintet"'}
    if error.reason is Reason.RANGE_UNSATISFIABLE:
        return {"Content-Range": error.metadata["content_range"]}
    return {"Retry-After": error.metadata.get("retry_after", "1")} if code in _RETRY else {}


def render(error: AppError, code: int | None = None, headers: Mapping[str, str] = {}) -> Response:
    """Render an error as AIP-193 JSON."""
    usual, name = status_of(error)
    code = code or usual
    metadata = dict(error.metadata) | ({"field": error.field} if error.field else {})
    if request_id := REQUEST_ID.get():
        metadata["request_id"] = request_id
    return _json(
        code, name, error.message, error.reason, metadata, headers_of(error, code), headers
    )


def render_internal() -> Response:
    """Render an internal fault: the request id only, whose cause is in the log."""
    request_id = REQUEST_ID.get()
    message = f"Internal error; quote request id {request_id}."
    return _json(500, "INTERNAL", message, Reason.INTERNAL, {"request_id": request_id}, {}, {})


def render_unreadable(message: str) -> Response:
    """Render the error for bytes that are not HTTP, or a head beyond its limits."""
    return _json(400, "INVALID_ARGUMENT", message, Reason.REQUEST_MALFORMED, {}, {}, {})


def render_overloaded() -> Response:
    """Render the error for a request beyond QUINTET_GATEWAY_MAX_CONNECTIONS."""
    metadata = {"retry_after": "1"}
    message = "Too many requests are open; try again soon."
    headers = {"Retry-After": "1"}
    return _json(503, "UNAVAILABLE", message, Reason.OVERLOADED, metadata, headers, {})


def _json(
    code: int,
    status: str,
    message: str,
    reason: Reason,
    metadata: Mapping[str, str],
    *headers: Mapping[str, str],
) -> Response:
    detail = {"reason": reason.value, "domain": DOMAIN, "metadata": metadata}
    body = {"error": {"code": code, "status": status, "message": message, "details": [detail]}}
    merged = {name: value for each in headers for name, value in each.items()}
    return Response(orjson.dumps(body), code, merged, "application/json")


class Renderers:
    """Picks the shape of an error by the path it happened on.

    Args:
        by_prefix: Path prefix, such as "/v1", to the renderer of everything below it.
    """

    def __init__(self, by_prefix: Mapping[str, Renderer]) -> None:
        self._by_prefix = by_prefix

    def render(
        self, path: str, error: AppError, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Render an error in the shape of its path."""
        code, _ = status_of(error)
        for prefix, renderer in self._by_prefix.items():
            if path == prefix or path.startswith(prefix + "/"):
                return renderer(error, code, {**headers_of(error, code), **(headers or {})})
        return render(error, code, headers or {})


def install_errors(app: FastAPI, renderers: Renderers) -> None:
    """Add a handler for every kind of exception, so that all errors have one shape."""

    async def of_app(request: Request, error: AppError) -> Response:
        _mark(request, error)
        return renderers.render(request.url.path, error)

    async def of_route(request: Request, fault: HTTPException) -> Response:
        if fault.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            fault.headers = {"Allow": _methods_at(request)}
        error = _route_error(request, fault)
        return renderers.render(request.url.path, error, fault.headers)

    async def of_fields(request: Request, fault: RequestValidationError) -> Response:
        return renderers.render(request.url.path, field_error(fault.errors()))

    async def of_service(request: Request, fault: grpc.aio.AioRpcError) -> Response:
        error = error_of(fault)
        if error is None:
            _log.error("fault of an upstream service", code=fault.code().name, exc_info=fault)
            return render_internal()
        _mark(request, error)
        return renderers.render(request.url.path, error)

    for kind, handler in (
        (AppError, of_app),
        (HTTPException, of_route),
        (RequestValidationError, of_fields),
        (grpc.aio.AioRpcError, of_service),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def _mark(request: Request, error: AppError) -> None:
    """Note that a service was overloaded or late, so that `Admission` admits fewer requests."""
    late = isinstance(error, DeadlineExceeded)
    if late or (isinstance(error, ResourceExhausted) and error.reason is Reason.OVERLOADED):
        request.scope.setdefault("state", {})[OVERLOADED] = True


def _methods_at(request: Request) -> str:
    """List the methods of all routes of a path; the framework lists those of one route."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path == path
        for method in route.methods or ()
    }
    # The gateway answers HEAD wherever it answers GET.
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _route_error(request: Request, fault: HTTPException) -> AppError:
    """Convert an error of the framework, such as an unknown route, into an `AppError`."""
    path = request.url.path
    if fault.status_code == HTTPStatus.NOT_FOUND:
        return NotFound(Reason.ROUTE_UNKNOWN, f"There is nothing at {_cut(path)}; /docs lists all.")
    if fault.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (fault.headers or {}).get("Allow", "")
        return InvalidInput(
            Reason.METHOD_UNSUPPORTED,
            f"{_cut(request.method)} is not allowed at {_cut(path)}; allowed: {allowed}.",
            metadata={"allowed": allowed},
        )
    if fault.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return InvalidInput(Reason.REQUEST_TOO_LARGE, str(fault.detail), field="body")
    return InvalidInput(Reason.REQUEST_MALFORMED, "The request is malformed.")


def field_error(faults: Sequence[Any]) -> InvalidInput:
    """Convert pydantic's errors into one `AppError`: the first broken rule, with its field."""
    first = faults[0]
    kind, context = str(first["type"]), first.get("ctx") or {}
    if kind == "json_invalid":
        return InvalidInput(
            Reason.REQUEST_MALFORMED,
            f"The body is not JSON: {context.get('error', first['msg'])}.",
            field="body",
        )
    # The first part says where the field stands: body, query or path.
    path = list(first["loc"][1:])
    # A rule of ours, raised by `validation.rule_error`: its message is complete.
    if kind in Reason.__members__:
        field = _path_of([*path, *([context["field"]] if context.get("field") else [])])
        return InvalidInput(Reason(kind), f"{field} {first['msg']}", field=field)
    field = _path_of(path) or "body"
    if kind == "extra_forbidden":
        message = f"{field} is not a known field"
        return InvalidInput(Reason.REQUEST_MALFORMED, message, field=field)
    return InvalidInput(_reason_of(path, kind), f"{field} {_rule_of(kind, first)}", field=field)


def _reason_of(path: Sequence[Any], kind: str) -> Reason:
    ranged = ("greater_than_equal", "less_than_equal", "string_too_long", "missing")
    numeric = kind.endswith(("_parsing", "finite_number"))
    if path and (kind in ranged or numeric):
        return _FIELD_REASONS.get(str(path[0]), Reason.REQUEST_MALFORMED)
    return Reason.REQUEST_MALFORMED


def _rule_of(kind: str, fault: Any) -> str:
    """Word a rule of pydantic to follow the field's name."""
    message = str(fault["msg"])
    if kind == "missing":
        return "is required"
    if kind in ("model_attributes_type", "model_type"):
        whole = tuple(fault["loc"]) == ("body",)
        return "must be an object" + (", sent as Content-Type: application/json" * whole)
    for start in ("Input should be ", "String should have "):
        if message.startswith(start):
            verb = "must be " if start.startswith("Input") else "must have "
            return f"{verb}{message.removeprefix(start)}; got {_shown(fault.get('input'))}"
    return f"is not valid: {message}"


def _shown(value: Any) -> str:
    # Enough to recognise the value; a body of 1 MiB must not come back in its error.
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _cut(text: str) -> str:
    """Shorten a text of the caller's, which an error repeats."""
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def _path_of(parts: Sequence[Any]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
