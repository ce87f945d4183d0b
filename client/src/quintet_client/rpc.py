"""The client of Quintet's gRPC services, for ordinary code and for asyncio. Needs the extra `grpc`.

Requests and answers are the messages of `quintet-protos`; deadlines, retries, tokens, request ids
and errors are those of `quintet_client`.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Self, TypeVar
from uuid import uuid4

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from quintet.feedback.v1 import feedback_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import path_pb2, radio_pb2, ranker_pb2
from quintet.search.v1 import search_pb2

from quintet_client.errors import ConnectionFailed, QuintetError, TimedOut, kind_of

RequestT = TypeVar("RequestT", bound=Message)
AnswerT = TypeVar("AnswerT", bound=Message)
_CODES: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_MOST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class RpcSettings:
    """Addresses of the services, and how they are called.

    Attributes:
        search: `host:port`; a name with several addresses is used round robin.
        profile: Likewise.
        ranker: Likewise.
        feedback: The gateway's gRPC address.
        timeout: Seconds that a call may take, with all of its tries.
        attempts: Tries of a call whose service is unavailable; 1 for no retry.
        token: An access token, or a function that returns one, called before each call.
        credentials: TLS, from `grpc.ssl_channel_credentials`; plain text if None.
    """

    search: str = "127.0.0.1:50051"
    profile: str = "127.0.0.1:50052"
    ranker: str = "127.0.0.1:50053"
    feedback: str = "127.0.0.1:50050"
    timeout: float = 5.0
    attempts: int = 3
    token: str | Callable[[], str] = field(default="", repr=False)
    credentials: grpc.ChannelCredentials | None = None

    def metadata(self, request_id: str) -> tuple[tuple[str, str], ...]:
        """Build the metadata of a call: request id and token."""
        token = self.token if isinstance(self.token, str) else self.token()
        bearer = (("authorization", f"Bearer {token}"),) if token else ()
        return (("x-request-id", request_id), *bearer)

    def options(self) -> list[tuple[str, Any]]:
        """Build the options of a channel; gRPC itself retries, with its throttling."""
        config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
        if self.attempts > 1:
            config["retryThrottling"] = {"maxTokens": 10, "tokenRatio": 0.1}
            policy = {
                "maxAttempts": min(self.attempts, 5),  # gRPC takes no more
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
            # All are safe to repeat: they read, or count an event once by its id.
            config["methodConfig"] = [{"name": [{}], "retryPolicy": policy}]
        return [
            ("grpc.service_config", json.dumps(config)),
            ("grpc.max_receive_message_length", _MOST_BYTES),
            # gRPC waits up to two minutes by default: too long after a restart.
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]


@dataclass(frozen=True)
class Rpc(Generic[RequestT, AnswerT]):
    """A method of a service."""

    place: str
    path: str
    answer: type[AnswerT]


def _rpc(
    place: str,
    method: str,
    request: type[RequestT],  # noqa: ARG001 (ties the method to the type of its request)
    answer: type[AnswerT],
    service: str = "",
) -> Rpc[RequestT, AnswerT]:
    service = f"quintet.{place}.v1.{service or place.capitalize()}Service"
    return Rpc(place, f"/{service}/{method}", answer)


SEARCH_TRACKS: Final = _rpc(
    "search", "SearchTracks", search_pb2.SearchTracksRequest, search_pb2.SearchTracksResponse
)
BATCH_GET_TRACKS: Final = _rpc(
    "search", "BatchGetTracks", search_pb2.BatchGetTracksRequest, search_pb2.BatchGetTracksResponse
)
SEARCH_ARTISTS: Final = _rpc(
    "search", "SearchArtists", search_pb2.SearchArtistsRequest, search_pb2.SearchArtistsResponse
)
BATCH_GET_ARTISTS: Final = _rpc(
    "search",
    "BatchGetArtists",
    search_pb2.BatchGetArtistsRequest,
    search_pb2.BatchGetArtistsResponse,
)
LIST_GENRES: Final = _rpc(
    "search", "ListGenres", search_pb2.ListGenresRequest, search_pb2.ListGenresResponse
)
GET_MAP: Final = _rpc("search", "GetMap", search_pb2.GetMapRequest, search_pb2.GetMapResponse)
RESOLVE_NAMES: Final = _rpc(
    "search", "ResolveNames", search_pb2.ResolveNamesRequest, search_pb2.ResolveNamesResponse
)
BUILD_PROFILE: Final = _rpc(
    "profile", "BuildProfile", profile_pb2.BuildProfileRequest, profile_pb2.BuildProfileResponse
)
BATCH_GET_AUDIO_FEATURES: Final = _rpc(
    "profile",
    "BatchGetAudioFeatures",
    profile_pb2.BatchGetAudioFeaturesRequest,
    profile_pb2.BatchGetAudioFeaturesResponse,
)
RECOMMEND_TRACKS: Final = _rpc(
    "ranker",
    "RecommendTracks",
    ranker_pb2.RecommendTracksRequest,
    ranker_pb2.RecommendTracksResponse,
)
GET_MODEL: Final = _rpc(
    "ranker", "GetModel", ranker_pb2.GetModelRequest, ranker_pb2.GetModelResponse
)
HOLD_CHALLENGER: Final = _rpc(
    "ranker",
    "HoldChallenger",
    ranker_pb2.HoldChallengerRequest,
    ranker_pb2.HoldChallengerResponse,
)
LIST_MODELS: Final = _rpc(
    "ranker", "ListModels", ranker_pb2.ListModelsRequest, ranker_pb2.ListModelsResponse
)
CONTINUE_RADIO: Final = _rpc(
    "ranker",
    "ContinueRadio",
    radio_pb2.ContinueRadioRequest,
    radio_pb2.ContinueRadioResponse,
    "Radio",
)
STREAM_RADIO: Final = _rpc(
    "ranker",
    "StreamRadio",
    radio_pb2.StreamRadioRequest,
    radio_pb2.StreamRadioResponse,
    "Radio",
)
FIND_PATH: Final = _rpc(
    "ranker", "FindPath", path_pb2.FindPathRequest, path_pb2.FindPathResponse, "Path"
)
RECORD_EVENTS: Final = _rpc(
    "feedback", "RecordEvents", feedback_pb2.RecordEventsRequest, feedback_pb2.RecordEventsResponse
)
EXPORT_LISTENER: Final = _rpc(
    "feedback",
    "ExportListener",
    feedback_pb2.ExportListenerRequest,
    feedback_pb2.ExportListenerResponse,
)
DELETE_LISTENER: Final = _rpc(
    "feedback",
    "DeleteListener",
    feedback_pb2.DeleteListenerRequest,
    feedback_pb2.DeleteListenerResponse,
)


def error_of(fault: grpc.RpcError, address: str, request_id: str) -> QuintetError:
    """Build the error of a failed call; by its status code if it has no details."""
    code: grpc.StatusCode = fault.code()
    # The synchronous reader is right for a raised error, that of grpc.aio too.
    status = rpc_status.from_call(fault)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == "quintet":
            number, metadata = _CODES.get(code, 500), dict(info.metadata)
            wait = metadata.get("retry_after")
            return kind_of(number, info.reason)(
                status.message,
                metadata.get("request_id", request_id),
                code=number,
                reason=info.reason,
                metadata=metadata,
                retry_after=None if wait is None else float(wait),
            )
    if code is grpc.StatusCode.UNAVAILABLE:
        return ConnectionFailed(f"No service answers at {address}", request_id)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut("The call took longer than the time allowed", request_id)
    return kind_of(_CODES.get(code, 500), "")(f"The service answered {code.name}", request_id)


class QuintetRpc:
    """Calls the services; safe to share between threads. A context manager.

    Args:
        settings: Addresses and options; if None, this machine and the default ports.
    """

    def __init__(self, settings: RpcSettings | None = None) -> None:
        self._settings = settings or RpcSettings()
        self._channels: dict[str, grpc.Channel] = {}

    def call(
        self, rpc: Rpc[RequestT, AnswerT], request: RequestT, *, timeout: float | None = None
    ) -> AnswerT:
        """Call a method, such as `RECOMMEND_TRACKS`.

        Raises:
            QuintetError: It failed; see `quintet_client.errors`.
        """
        request_id = uuid4().hex
        address: str = getattr(self._settings, rpc.place)
        stub: Callable[..., AnswerT] = self._channel(address).unary_unary(
            rpc.path, type(request).SerializeToString, rpc.answer.FromString
        )
        try:
            return stub(
                request,
                timeout=timeout or self._settings.timeout,
                metadata=self._settings.metadata(request_id),
            )
        except grpc.RpcError as fault:
            raise error_of(fault, address, request_id) from fault

    def stream(
        self, rpc: Rpc[RequestT, AnswerT], request: RequestT, *, timeout: float | None = None
    ) -> Iterator[AnswerT]:
        """Call a method that returns several messages, such as `STREAM_RADIO`.

        The time allowed is for the whole stream. Closing the iterator ends the call.

        Raises:
            QuintetError: It failed; see `quintet_client.errors`.
        """
        request_id = uuid4().hex
        address: str = getattr(self._settings, rpc.place)
        stub = self._channel(address).unary_stream(
            rpc.path, type(request).SerializeToString, rpc.answer.FromString
        )
        call: Any = stub(
            request,
            timeout=timeout or self._settings.timeout,
            metadata=self._settings.metadata(request_id),
        )
        try:
            yield from call
        except grpc.RpcError as fault:
            raise error_of(fault, address, request_id) from fault
        finally:
            call.cancel()

    def close(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def _channel(self, address: str) -> grpc.Channel:
        if address not in self._channels:
            options, credentials = self._settings.options(), self._settings.credentials
            made = (
                grpc.insecure_channel(address, options)
                if credentials is None
                else grpc.secure_channel(address, credentials, options)
            )
            # Another thread may have been first; both channels work, one is kept.
            self._channels.setdefault(address, made)
        return self._channels[address]


class AsyncQuintetRpc:
    """Calls the services, within one event loop. An async context manager.

    Args:
        settings: Addresses and options; if None, this machine and the default ports.
    """

    def __init__(self, settings: RpcSettings | None = None) -> None:
        self._settings = settings or RpcSettings()
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def call(
        self, rpc: Rpc[RequestT, AnswerT], request: RequestT, *, timeout: float | None = None
    ) -> AnswerT:
        """Call a method, such as `RECOMMEND_TRACKS`.

        Raises:
            QuintetError: It failed; see `quintet_client.errors`.
        """
        request_id = uuid4().hex
        address: str = getattr(self._settings, rpc.place)
        stub: Callable[..., Awaitable[AnswerT]] = self._channel(address).unary_unary(
            rpc.path, type(request).SerializeToString, rpc.answer.FromString
        )
        try:
            return await stub(
                request,
                timeout=timeout or self._settings.timeout,
                metadata=self._settings.metadata(request_id),
            )
        except grpc.aio.AioRpcError as fault:
            raise error_of(fault, address, request_id) from fault

    async def stream(
        self, rpc: Rpc[RequestT, AnswerT], request: RequestT, *, timeout: float | None = None
    ) -> AsyncIterator[AnswerT]:
        """Call a method that returns several messages, as `QuintetRpc.stream` does.

        Raises:
            QuintetError: It failed; see `quintet_client.errors`.
        """
        request_id = uuid4().hex
        address: str = getattr(self._settings, rpc.place)
        stub = self._channel(address).unary_stream(
            rpc.path, type(request).SerializeToString, rpc.answer.FromString
        )
        call: Any = stub(
            request,
            timeout=timeout or self._settings.timeout,
            metadata=self._settings.metadata(request_id),
        )
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as fault:
            raise error_of(fault, address, request_id) from fault
        finally:
            call.cancel()

    async def aclose(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            await channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.aclose()

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            options, credentials = self._settings.options(), self._settings.credentials
            self._channels[address] = (
                grpc.aio.insecure_channel(address, options)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options)
            )
        return self._channels[address]
