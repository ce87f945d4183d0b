"""The one flow of every list: profile service and ranker at once, then search; and the record.

`/api/v1/recommendations`, `/v1/recommendations` and `/recommend_ranked` differ in how they read a
request and write an answer. Between the two, all of them pass here, so that they take part in
experiments, degrade and are recorded alike.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import orjson
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    NotReady,
    ResourceExhausted,
)
from quintet_servicekit.metrics import DEGRADED

from quintet_gateway.domain import ShownTracks
from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder
from quintet_gateway.memory import (
    LEAVE_OUT,
    HeardRule,
    ListenerMemory,
    Remembered,
    apply,
    move_down,
)

T = TypeVar("T")
_NOTHING: Final = Remembered(memory_pb2.GetExclusionsResponse(), memory_pb2.Preferences())
UNAVAILABLE: Final = (NotReady, DeadlineExceeded, ResourceExhausted)
"""Errors of a service that is down, late or full: an answer is made without its part."""


class RecommendationServices(Protocol):
    """The calls behind a list; each ends within the request's budget."""

    async def build_profile(
        self, request: profile_pb2.BuildProfileRequest
    ) -> profile_pb2.BuildProfileResponse:
        """Averages the audio features of seeds."""

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        """Retrieve and rank tracks."""

    async def shown_tracks(self, ids: Sequence[str]) -> ShownTracks:
        """Find any number of tracks as JSON, also while search is down those that are kept."""


@dataclass(frozen=True)
class ListRequest:
    """A request for a list, whichever route read it.

    Attributes:
        ranker_request: Seeds and options, without a profile.
        listener: Who asks, as the client named them; empty if it named no one.
        surface: The path that answers, recorded with the list.
        with_profile: Whether the answer shows the profile. The list does not depend on it: the
            ranker averages the same tracks itself.
        fill_up: Whether a list that the cap on tracks per artist left short is filled up beyond it.
        heard: What happens to tracks that the listener heard.
    """

    ranker_request: ranker_pb2.RecommendTracksRequest
    listener: str
    surface: str
    with_profile: bool = False
    fill_up: bool = False
    heard: HeardRule = LEAVE_OUT


@dataclass(frozen=True)
class RecommendedList:
    """A recorded list, with all that an answer shows of it.

    Attributes:
        recommendation_id: The id that feedback names.
        request: What the ranker was asked.
        ranking: What the ranker answered.
        tracks: Tracks as JSON, by id; only those kept if search is down.
        profile: None if it was not asked for, or the profile service is down.
        degraded: The parts that the list was made without.
    """

    recommendation_id: str
    request: ranker_pb2.RecommendTracksRequest
    ranking: ranker_pb2.RecommendTracksResponse
    tracks: ShownTracks
    profile: profile_pb2.Profile | None
    degraded: list[str]


class Recommender:
    """Composes the upstream services into lists.

    Args:
        services: Profile service, ranker and search.
        recorder: Issues recommendation ids and stores the lists.
        experiments: Takes requests into the running experiment.
        memory: Applies the memory of listeners; without one no listener has any.
    """

    def __init__(
        self,
        services: RecommendationServices,
        recorder: Recorder,
        experiments: Experiments,
        memory: ListenerMemory | None = None,
    ) -> None:
        self._memory = memory
        self._services = services
        self._recorder = recorder
        self._experiments = experiments

    async def recommend(self, asked: ListRequest) -> RecommendedList:
        """Recommend tracks, without the parts that a list can be made without.

        Raises:
            AppError: The request breaks a rule or names an unknown seed, or the ranker is down.
        """
        request = asked.ranker_request
        self._experiments.enrol(request, asked.listener)
        remembered, is_read = await read_memory(self._memory, asked.listener, asked.heard)
        apply(request, remembered, asked.heard)
        ranking, profile = await self._ranked_and_profiled(asked)
        if request.heard_track_ids:
            move_down(ranking)
        # What a listener likes is kept in the memory alone, not with the recorded list.
        request.ClearField("preferences")
        tracks = await self._services.shown_tracks(ids_to_describe(request, ranking))
        missing = (
            *((Part.PROFILE,) if asked.with_profile and not _fits(profile, ranking) else ()),
            *(() if tracks.complete else (Part.SEARCH,)),
            *(() if is_read else (Part.MEMORY,)),
            *self._recorder.degraded,
        )
        for part in missing:
            DEGRADED.labels(part).inc()
        # Issued last: a request that fails leaves no recommendation behind.
        recommendation_id = self._recorder.new_id()
        self._recorder.record_list(
            recommendation_id,
            asked.listener,
            asked.surface,
            with_catalogue_ids(request, tracks),
            ranking,
        )
        return RecommendedList(
            recommendation_id,
            request,
            ranking,
            tracks,
            profile,
            # A part that the ranker names too is named once.
            list(dict.fromkeys([*ranking.degraded, *missing])),
        )

    async def _ranked_and_profiled(
        self, asked: ListRequest
    ) -> tuple[ranker_pb2.RecommendTracksResponse, profile_pb2.Profile | None]:
        """Ask ranker and profile service at once: the ranker averages the seeds itself."""
        request = asked.ranker_request
        if not asked.with_profile:
            return await self._ranking(request, asked.fill_up), None
        profiling = asyncio.ensure_future(self._services.build_profile(_profile_of(request)))
        # A request that is wrong fails in both; only the ranker's error is awaited.
        profiling.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            ranking = await self._ranking(request, asked.fill_up)
            return ranking, await _profile_or_none(profiling)
        except UNAVAILABLE:
            # No list, but a request that is wrong is reported as such rather than as unavailable.
            await _none_if_unavailable(profiling)
            raise
        finally:
            profiling.cancel()

    async def _ranking(
        self, asked: ranker_pb2.RecommendTracksRequest, fill_up: bool
    ) -> ranker_pb2.RecommendTracksResponse:
        """Rank, and fill a short list up with tracks beyond the cap on tracks per artist.

        Spotify's API promises `limit` tracks as long as the pool has them, and Quintet prefers
        three per artist: those beyond three come last.
        """
        ranking = await self._services.recommend(asked)
        if not fill_up or len(ranking.tracks) >= min(asked.limit, ranking.pool.after_filtering):
            return ranking
        # A copy, since the request as asked is recorded.
        request = ranker_pb2.RecommendTracksRequest()
        request.CopyFrom(asked)
        request.max_per_artist = 0
        uncapped = await self._services.recommend(request)
        if uncapped.variant != ranking.variant:
            # Half a list of the champion and half of the challenger would count for neither.
            return ranking
        _fill_up(ranking, uncapped, asked.limit)
        return ranking


async def read_memory(
    memory: ListenerMemory | None, listener: str, heard: HeardRule
) -> tuple[Remembered, bool]:
    """Read the memory of a listener; an empty one, and False, if it cannot be read."""
    if memory is not None and listener:
        try:
            return await memory.read(listener, heard), True
        except UNAVAILABLE:
            return _NOTHING, False
    return _NOTHING, True


def _fill_up(
    ranking: ranker_pb2.RecommendTracksResponse,
    uncapped: ranker_pb2.RecommendTracksResponse,
    limit: int,
) -> None:
    """Append tracks of another list, with their reasons, up to the limit."""
    listed = {track.track_id for track in ranking.tracks}
    more = [n for n, track in enumerate(uncapped.tracks) if track.track_id not in listed]
    for place in more[: limit - len(ranking.tracks)]:
        ranking.tracks.append(uncapped.tracks[place])
        ranking.tracks[-1].rank = len(ranking.tracks)
    # The tracks came from a list under the same dial; only the counts are of this list alone.
    ranking.discovery.known_count = sum(track.known for track in ranking.tracks)
    ranking.discovery.new_count = len(ranking.tracks) - ranking.discovery.known_count


def ids_to_describe(
    request: ranker_pb2.RecommendTracksRequest, ranking: ranker_pb2.RecommendTracksResponse
) -> list[str]:
    """Collect the id of every track that an answer shows: seeds and ranked tracks."""
    # Lists instead of generators, which would take a call for each track.
    seeds = [seed.track_id for seed in request.seeds if seed.HasField("track_id")]
    return [*seeds, *[track.track_id for track in ranking.tracks]]


def with_catalogue_ids(
    request: ranker_pb2.RecommendTracksRequest, tracks: ShownTracks
) -> ranker_pb2.RecommendTracksRequest:
    """Name seeds that were given by an ISRC or another id by their tracks' own ids, to store them.

    A seed that search did not return keeps the id that was asked for.
    """
    own = {
        name: str(orjson.loads(tracks.json[name]).get("id", name))
        for name in ids_to_describe(request, ranker_pb2.RecommendTracksResponse())
        if name in tracks.json
    }
    if all(name == track_id for name, track_id in own.items()):
        return request
    named = ranker_pb2.RecommendTracksRequest()
    named.CopyFrom(request)
    for seed in named.seeds:
        if seed.HasField("track_id"):
            seed.track_id = own.get(seed.track_id, seed.track_id)
    return named


def _profile_of(request: ranker_pb2.RecommendTracksRequest) -> profile_pb2.BuildProfileRequest:
    return profile_pb2.BuildProfileRequest(
        seeds=request.seeds,
        negative_seeds=request.negative_seeds,
        weights=request.weights,
        targets=request.targets,
    )


def _fits(profile: profile_pb2.Profile | None, ranking: ranker_pb2.RecommendTracksResponse) -> bool:
    """Check that a profile is there, and of the catalogue that the list was made from.

    While a new catalogue is published, the profile service serves it before the ranker does.
    """
    if profile is None:
        return False
    # An interleaved list of two models names both of their catalogues, joined by +.
    listed = ranking.versions.catalogue_version.split("+")
    return not profile.catalogue_version or profile.catalogue_version in listed


async def _profile_or_none(
    profiling: Awaitable[profile_pb2.BuildProfileResponse],
) -> profile_pb2.Profile | None:
    try:
        built = await _none_if_unavailable(profiling)
    except (NotFound, InvalidInput):
        # The ranker has answered, so the request is right: the profile service serves another
        # catalogue, which lacks a seed.
        return None
    return None if built is None else built.profile


async def _none_if_unavailable(call: Awaitable[T]) -> T | None:
    # A service without room is as good as one that is down: the list is made without its part.
    try:
        return await call
    except UNAVAILABLE:
        return None
