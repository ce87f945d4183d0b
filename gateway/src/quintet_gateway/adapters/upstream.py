"""gRPC clients of the services, bounded by the request's budget."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Final, TypeVar, cast

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quintet.memory.v1 import memory_pb2, memory_pb2_grpc
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet.ranker.v1 import (
    path_pb2,
    path_pb2_grpc,
    radio_pb2,
    ranker_pb2,
    ranker_pb2_grpc,
)
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_contract.limits import MAX_TRACK_IDS
from quintet_servicekit.backends import Backends, CallPolicy, addresses_of
from quintet_servicekit.channel import RESERVE_SECONDS, open_channel
from quintet_servicekit.errors import (
    AppError,
    DeadlineExceeded,
    NotReady,
    PermissionDenied,
    Reason,
    Unauthenticated,
)
from quintet_servicekit.logs import note_answered, note_served
from quintet_servicekit.metrics import CACHE
from quintet_servicekit.status import UPSTREAM_UNREACHABLE, error_of
from quintet_servicekit.tls import Tls

from quintet_gateway.adapters.track_fragments import TrackFragments
from quintet_gateway.adapters.track_warmer import TrackWarmer
from quintet_gateway.domain import CatalogueMap, ShownTracks

_log = structlog.get_logger(__name__)
M = TypeVar("M")
DEADLINE: Final[ContextVar[float]] = ContextVar("deadline")
"""When the request must be answered, on the clock of `time.monotonic`."""

# Of the time left: a profile service that hangs must leave the ranker time to average itself.
_PROFILE_SHARE: Final = 0.25
# A list waits for the memory before it is made.
_MEMORY_SHARE: Final = 0.15
# Kubernetes gives a probe one second by default.
_READY_SECONDS: Final = 1.0


class UpstreamClients:
    """Clients of search, profile, ranker and memory.

    Args:
        addresses: `host:port` of each by name, or several separated by commas.
        budget: Seconds allowed for a call outside a request.
        metadata: Makes the metadata of each call, such as an access token.
        kept: Bytes and number of tracks whose JSON is kept at most.
        rules: How much is done for a call that fails or is slow.
        tls: The gateway's certificate and the authorities it trusts; plain text if None.
        renew: Replaces an access token that a service denied; False if a new one cannot help.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        budget: float,
        metadata: Callable[[], Sequence[tuple[str, str]]] = tuple,
        kept: tuple[int, int] = (0, 0),
        rules: CallPolicy | None = None,
        tls: Tls | None = None,
        renew: Callable[[], bool] = bool,
    ) -> None:
        self._renew = renew
        self._addresses = addresses
        self._budget = budget
        self._metadata = metadata
        self._rules = rules or CallPolicy()
        self._backends: dict[str, Backends] = {}
        self._kept = kept
        self._fragments = TrackFragments(self._looked_up, *kept)
        self._warming: asyncio.Task[None] | None = None
        self._tls = tls
        self._map = CatalogueMap("", b"")
        self._map_lock = asyncio.Lock()

    async def search_tracks(
        self, request: search_pb2.SearchTracksRequest
    ) -> search_pb2.SearchTracksResponse:
        """Search tracks."""
        return await self._call(self._search.SearchTracks, request)

    async def search_artists(
        self, request: search_pb2.SearchArtistsRequest
    ) -> search_pb2.SearchArtistsResponse:
        """Search artists."""
        return await self._call(self._search.SearchArtists, request)

    async def tracks(
        self, request: search_pb2.BatchGetTracksRequest
    ) -> search_pb2.BatchGetTracksResponse:
        """Look up to 500 tracks up."""
        return await self._call(self._search.BatchGetTracks, request)

    async def shown_tracks(self, ids: Sequence[str]) -> ShownTracks:
        """Find any number of tracks as JSON; search is asked only for those not kept."""
        return await self._fragments.get(ids)

    async def _looked_up(self, ids: Sequence[str]) -> Sequence[search_pb2.BatchGetTracksResponse]:
        """Look any number of tracks up, in as few calls as possible."""
        parts = [ids[at : at + MAX_TRACK_IDS] for at in range(0, len(ids), MAX_TRACK_IDS)]
        calls = [self.tracks(search_pb2.BatchGetTracksRequest(track_ids=part)) for part in parts]
        # Most lists need one call, which is awaited without the cost of a task.
        return [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)

    async def _listed(self, request: search_pb2.ListTracksRequest) -> search_pb2.ListTracksResponse:
        return await self._call(self._search.ListTracks, request)

    async def artists(
        self, request: search_pb2.BatchGetArtistsRequest
    ) -> search_pb2.BatchGetArtistsResponse:
        """Look artists up."""
        return await self._call(self._search.BatchGetArtists, request)

    async def genres(self, request: search_pb2.ListGenresRequest) -> search_pb2.ListGenresResponse:
        """List genres."""
        return await self._call(self._search.ListGenres, request)

    async def names(
        self, request: search_pb2.ResolveNamesRequest
    ) -> search_pb2.ResolveNamesResponse:
        """Look names up, and what the catalogue has."""
        return await self._call(self._search.ResolveNames, request)

    async def audio_features(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Look audio features up."""
        return await self._call(self._profile.BatchGetAudioFeatures, request)

    async def build_profile(
        self, request: profile_pb2.BuildProfileRequest
    ) -> profile_pb2.BuildProfileResponse:
        """Average seeds, within a share of the time left."""
        # Without a profile the ranker averages the seeds itself, so failing early costs little.
        return await self._call(self._profile.BuildProfile, request, _PROFILE_SHARE)

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommend tracks."""
        answer = await self._call(self._ranker.RecommendTracks, request)
        _note(answer.versions)
        return answer

    async def continue_radio(
        self, request: radio_pb2.ContinueRadioRequest
    ) -> radio_pb2.ContinueRadioResponse:
        """Choose the next tracks of a radio session."""
        answer = await self._call(self._continue_radio, request)
        _note(answer.versions)
        return answer

    async def find_path(self, request: path_pb2.FindPathRequest) -> path_pb2.FindPathResponse:
        """Find a path between two tracks."""
        answer = await self._call(self._path.FindPath, request)
        _note(answer.versions)
        return answer

    async def model(self) -> ranker_pb2.GetModelResponse:
        """Read which model the ranker serves."""
        return await self._call(self._ranker.GetModel, ranker_pb2.GetModelRequest())

    async def models(self) -> ranker_pb2.ListModelsResponse:
        """List the models of the registry."""
        return await self._call(self._ranker.ListModels, ranker_pb2.ListModelsRequest())

    async def hold_challenger(self, version: str) -> ranker_pb2.HoldChallengerResponse:
        """Make the ranker load a challenger and keep it for some minutes."""
        request = ranker_pb2.HoldChallengerRequest(challenger_version=version)
        return await self._call(self._ranker.HoldChallenger, request)

    async def map(self) -> CatalogueMap:
        """Read the catalogue's map; the last one is reused if search still serves its version."""
        try:
            # One request reads it for all that wait; each waits within its own budget.
            async with asyncio.timeout(self._seconds_left()), self._map_lock:
                self._map = await self._read_map(self._map)
        except TimeoutError as fault:
            message = "The answer took longer than the time allowed; allow more time or try again."
            raise DeadlineExceeded(Reason.DEADLINE, message) from fault
        return self._map

    async def _read_map(self, known: CatalogueMap) -> CatalogueMap:
        first = await self._map_part(known.version, 0)
        fresh = first.version == known.version
        CACHE.labels("map", "hit" if fresh else "miss").inc()
        if fresh:
            return known
        content = bytearray(first.content)
        while len(content) < first.total_size:
            part = await self._map_part("", len(content))
            # The catalogue was swapped between two parts: parts of two versions do not fit.
            if part.version != first.version or not part.content:
                raise NotReady(
                    Reason.UPSTREAM_UNAVAILABLE, "The catalogue is changing; try again soon."
                )
            content += part.content
        return CatalogueMap(first.version, bytes(content))

    async def _map_part(self, known_version: str, offset: int) -> search_pb2.GetMapResponse:
        request = search_pb2.GetMapRequest(known_version=known_version, offset=offset)
        return await self._call(self._search.GetMap, request)

    async def states(self) -> dict[str, str]:
        """Read each service's state by name: SERVING, NOT_SERVING or UNREACHABLE."""
        names = list(self._addresses)
        return dict(zip(names, await asyncio.gather(*map(self._state, names)), strict=True))

    async def start(self) -> None:
        """Begin to fill the cache of tracks, if it may keep any."""
        if not self._kept[0]:
            return
        self._warming = asyncio.create_task(TrackWarmer(self._fragments, self._listed).run())

    async def close(self) -> None:
        """Close the channels."""
        if self._warming is not None:
            self._warming.cancel()
        for backends in self._backends.values():
            await backends.close()

    async def _state(self, name: str) -> str:
        """Read a service's state: that of its healthiest address, since one suffices to serve."""
        channels = self._backends_of(name).channels
        states = await asyncio.gather(*map(_health, channels))
        if "UNAUTHENTICATED" in states and self._renew():
            states = await asyncio.gather(*map(_health, channels))
        return min(states, key=_STATES.index)

    async def exclusions(
        self, request: memory_pb2.GetExclusionsRequest
    ) -> memory_pb2.GetExclusionsResponse:
        """Read what a list for a listener leaves out, within a share of the time left."""
        return await self._call(self._memory.GetExclusions, request, _MEMORY_SHARE)

    async def preferences(
        self, request: memory_pb2.GetPreferencesRequest
    ) -> memory_pb2.GetPreferencesResponse:
        """Read what a listener likes, within a share of the time left."""
        return await self._call(self._memory.GetPreferences, request, _MEMORY_SHARE)

    @cached_property
    def _memory(self) -> "memory_pb2_grpc.MemoryServiceAsyncStub":
        return memory_pb2_grpc.MemoryServiceStub(self._channel("memory"))

    @cached_property
    def _search(self) -> "search_pb2_grpc.SearchServiceAsyncStub":
        return search_pb2_grpc.SearchServiceStub(self._channel("search"))

    @cached_property
    def _profile(self) -> "profile_pb2_grpc.ProfileServiceAsyncStub":
        return profile_pb2_grpc.ProfileServiceStub(self._channel("profile"))

    @cached_property
    def _ranker(self) -> "ranker_pb2_grpc.RankerServiceAsyncStub":
        return ranker_pb2_grpc.RankerServiceStub(self._channel("ranker"))

    @cached_property
    def _continue_radio(self) -> Callable[..., Awaitable[radio_pb2.ContinueRadioResponse]]:
        # Without the stub of RadioService, which needs a channel for streams as well.
        method = radio_pb2.DESCRIPTOR.services_by_name["RadioService"].methods_by_name[
            "ContinueRadio"
        ]
        return self._backends_of("ranker").unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=radio_pb2.ContinueRadioRequest.SerializeToString,
            response_deserializer=radio_pb2.ContinueRadioResponse.FromString,
        )

    @cached_property
    def _path(self) -> "path_pb2_grpc.PathServiceAsyncStub":
        return path_pb2_grpc.PathServiceStub(self._channel("ranker"))

    def _channel(self, name: str) -> grpc.aio.Channel:
        """Present a service's addresses to its stub as one channel."""
        return cast(grpc.aio.Channel, self._backends_of(name))

    def _backends_of(self, name: str) -> Backends:
        """Open the channels of a service at first use, since channels need a running loop."""
        if name not in self._backends:
            self._backends[name] = Backends(
                name,
                addresses_of(self._addresses[name]),
                self._open,
                _RETRYABLE[name],
                self._rules,
            )
        return self._backends[name]

    def _open(self, address: str) -> grpc.aio.Channel:
        return open_channel(address, timeout=self._budget, metadata=self._metadata, tls=self._tls)

    async def _call(
        self, method: Callable[..., Awaitable[M]], request: object, share: float = 1.0
    ) -> M:
        """Call an upstream service within the time left of the budget.

        Raises:
            AppError: The service returned an error, is unreachable, or took too long.
        """
        try:
            try:
                return await method(request, timeout=self._allowed(share))
            except grpc.aio.AioRpcError as fault:
                if fault.code() is not grpc.StatusCode.UNAUTHENTICATED or not self._renew():
                    raise
                # A clock was set, or the keys were replaced: a new token may be accepted.
                return await method(request, timeout=self._allowed(share))
        except grpc.aio.AioRpcError as fault:
            error = error_of(fault)
            if error is None:
                raise
            raise _for_the_caller(error) from fault

    def _allowed(self, share: float) -> float:
        """Compute the seconds for a call from the time left; the reserve is for the answer.

        Raises:
            DeadlineExceeded: None are left.
        """
        seconds = (self._seconds_left() - RESERVE_SECONDS) * share
        if seconds <= 0:
            raise DeadlineExceeded(
                Reason.DEADLINE,
                "The answer took longer than the time allowed; allow more time or try again.",
            )
        return seconds

    def _seconds_left(self) -> float:
        deadline = DEADLINE.get(None)
        return self._budget if deadline is None else deadline - time.monotonic()


def _note(versions: ranker_pb2.Versions) -> None:
    """Note for log and metrics which versions answered."""
    noted = {"model": versions.model_version, "catalogue": versions.catalogue_version}
    note_answered(**noted)
    note_served(**noted)


def _for_the_caller(error: AppError) -> AppError:
    """Hide from the caller that a service denied the gateway itself."""
    if isinstance(error, Unauthenticated | PermissionDenied):
        # The caller's token was valid: the keys of gateway and service differ.
        _log.error("a service rejects the gateway's token", reason=error.reason.value)
        return NotReady(
            Reason.UPSTREAM_UNAVAILABLE,
            UPSTREAM_UNREACHABLE,
        )
    return error


_STATES: Final = (
    "SERVING",
    "NOT_SERVING",
    "SERVICE_UNKNOWN",
    "UNKNOWN",
    "UNAUTHENTICATED",
    "UNREACHABLE",
)
"""States of a service, the healthiest first. UNAUTHENTICATED: it denies the gateway's token."""


async def _health(channel: grpc.aio.Channel) -> str:
    # Directly, without retries and hedging: a probe asks for the state right now.
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_READY_SECONDS)
    except grpc.aio.AioRpcError as fault:
        denied = fault.code() is grpc.StatusCode.UNAUTHENTICATED
        return "UNAUTHENTICATED" if denied else "UNREACHABLE"
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def _methods(service: Any) -> tuple[str, ...]:
    return tuple(f"/{service.full_name}/{method.name}" for method in service.methods)


# Every method called here only reads, or has the same effect when it is repeated (HoldChallenger),
# so each may be sent again after a service was unavailable for a moment.
_RETRYABLE: Final = {
    "search": _methods(search_pb2.DESCRIPTOR.services_by_name["SearchService"]),
    "profile": _methods(profile_pb2.DESCRIPTOR.services_by_name["ProfileService"]),
    "ranker": (
        *_methods(ranker_pb2.DESCRIPTOR.services_by_name["RankerService"]),
        *_methods(radio_pb2.DESCRIPTOR.services_by_name["RadioService"]),
        *_methods(path_pb2.DESCRIPTOR.services_by_name["PathService"]),
    ),
    "memory": _methods(memory_pb2.DESCRIPTOR.services_by_name["MemoryService"]),
}
