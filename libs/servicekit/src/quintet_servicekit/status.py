"""Errors on the wire: `AppError` to google.rpc.Status with ErrorInfo, and back."""

from typing import Final

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from quintet_servicekit.errors import (
    DOMAIN,
    AppError,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    NotReady,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    Unauthenticated,
)

GRPC_CODES: Final[dict[type[AppError], grpc.StatusCode]] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_ERROR_TYPES: Final = {code: error for error, code in GRPC_CODES.items()}
_FALLBACK_REASONS: Final = {
    grpc.StatusCode.UNAVAILABLE: Reason.UPSTREAM_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.DEADLINE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.OVERLOADED,
    grpc.StatusCode.UNAUTHENTICATED: Reason.TOKEN_INVALID,
    grpc.StatusCode.INVALID_ARGUMENT: Reason.REQUEST_MALFORMED,
}


def grpc_code_of(error: AppError) -> grpc.StatusCode:
    """Returns the status code of an error or of the nearest mapped class above it."""
    for kind in type(error).__mro__:
        if kind in GRPC_CODES:
            return GRPC_CODES[kind]
    return grpc.StatusCode.INTERNAL


def status_of(error: AppError, request_id: str = "") -> status_pb2.Status:
    """Returns the google.rpc.Status of an error: code, message and one ErrorInfo."""
    metadata = dict(error.metadata)
    if error.field:
        metadata["field"] = error.field
    if request_id:
        metadata["request_id"] = request_id
    info = error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=metadata)
    detail = any_pb2.Any()
    detail.Pack(info)
    code = code_pb2.Code.Value(grpc_code_of(error).name)
    return status_pb2.Status(code=code, message=error.message, details=[detail])


def error_of(failure: grpc.aio.AioRpcError) -> AppError | None:
    """Returns the `AppError` a failed call carries, or None where it is an unknown fault.

    Status codes without ErrorInfo (a channel that cannot connect, a deadline) are translated by
    their code, with a message that names no internals.
    """
    kind = _ERROR_TYPES.get(failure.code())
    if kind is None:
        return None
    # The synchronous reader is right for a raised error; the aio one is for call objects.
    status = rpc_status.from_call(failure)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
            metadata = dict(info.metadata)
            field = metadata.pop("field", "")
            return kind(Reason(info.reason), status.message, field=field, metadata=metadata)
    reason = _FALLBACK_REASONS.get(failure.code())
    return None if reason is None else kind(reason, _plain_message(reason))


def _plain_message(reason: Reason) -> str:
    """Returns a message for a fault that the transport itself reported."""
    return {
        Reason.UPSTREAM_UNAVAILABLE: "A service behind this one is not reachable; try again soon.",
        Reason.DEADLINE: "The answer took longer than the time allowed.",
        Reason.OVERLOADED: "The service is at its limit, or the message is too large.",
        Reason.TOKEN_INVALID: "The access token is missing or not valid.",
        Reason.REQUEST_MALFORMED: "The request is malformed.",
    }[reason]
