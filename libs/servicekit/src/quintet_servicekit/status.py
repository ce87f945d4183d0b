"""Convert errors between `AppError` and what gRPC sends: google.rpc.Status with ErrorInfo."""

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
# What the gRPC library itself reports, such as a failed connection, carries no ErrorInfo.
_ERROR_TYPES: Final = {code: error for error, code in GRPC_CODES.items()}
_FALLBACK_REASONS: Final = {
    grpc.StatusCode.UNAVAILABLE: Reason.UPSTREAM_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.DEADLINE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.OVERLOADED,
    grpc.StatusCode.UNAUTHENTICATED: Reason.TOKEN_INVALID,
    grpc.StatusCode.INVALID_ARGUMENT: Reason.REQUEST_MALFORMED,
}

UPSTREAM_UNREACHABLE: Final = "A service that this one calls is unavailable; try again in a second."
# For faults that the gRPC library reports itself.
_MESSAGES: Final = {
    Reason.UPSTREAM_UNAVAILABLE: UPSTREAM_UNREACHABLE,
    Reason.DEADLINE: "The answer took longer than the time allowed; allow more time or try again.",
    Reason.OVERLOADED: (
        "The service is at its limit, or the message exceeds 4 MiB; try again, or send less."
    ),
    Reason.TOKEN_INVALID: "The access token is missing or not valid; request a new one.",
    Reason.REQUEST_MALFORMED: "The request is malformed; compare it with the .proto files.",
}


def grpc_code_of(error: AppError) -> grpc.StatusCode:
    """Find the status code of an error, by its class or the nearest base class that has one."""
    for kind in type(error).__mro__:
        if kind in GRPC_CODES:
            return GRPC_CODES[kind]
    return grpc.StatusCode.INTERNAL


def status_of(error: AppError, request_id: str = "") -> status_pb2.Status:
    """Encode an error as google.rpc.Status: code, message and one ErrorInfo."""
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
    """Decode the error of a failed call; None for an unknown fault.

    A status without ErrorInfo (no connection, a deadline) is translated by its code, with a message
    that names no internals.
    """
    kind = _ERROR_TYPES.get(failure.code())
    if kind is None:
        return None
    # A raised AioRpcError needs the synchronous reader; the aio one takes call objects.
    status = rpc_status.from_call(failure)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
            metadata = dict(info.metadata)
            field = metadata.pop("field", "")
            return kind(Reason(info.reason), status.message, field=field, metadata=metadata)
    reason = _FALLBACK_REASONS.get(failure.code())
    return None if reason is None else kind(reason, _MESSAGES[reason])
