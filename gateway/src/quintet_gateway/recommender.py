"""The one flow of every list: profile service, ranker and search, called in turn and recorded.

`/api/v1/recommendations`, `/v1/recommendations` and `/recommend_ranked` differ in how they read a
request and write an answer. Between the two, all of them pass here, so that they take part in
experiments, degrade and are recorded alike.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import DeadlineExceeded, NotReady, ResourceExhausted
from quintet_servicekit.metrics import DEGRADED
from quintet_servicekit.reasons import append_reasons

from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder

T = TypeVar("T")


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

    async def tracks_by_id(self, ids: Sequence[str]) -> dict[str, search_pb2.Track]:
        """Look any number of tracks up; leave out ids that the catalogue does not have."""

    def recall(self, ids: Sequence[str]) -> dict[str, search_pb2.Track]:
        """Find tracks that were looked up before, by id, without a call."""


@dataclass(frozen=True)
class ListRequest:
    """A request for a list, whichever route read it.

    Attributes:
        ranker_request: Seeds and options, without a profile.
        listener: Who asks, as the client named them; empty if it named no one.
        surface: The path that answers, recorded with the list.
        with_profile: Whether the answer shows the profile. Without one the ranker averages the
            same tracks itself, so the list is the same and a call less is made.
        fill_up: Whether a list that the cap on tracks per artist left short is filled up beyond it.
    """

    ranker_request: ranker_pb2.RecommendTracksRequest
    listener: str
    surface: str
    with_profile: bool = False
    fill_up: bool = False


@dataclass(frozen=True)
class RecommendedList:
    """A recorded list, with all that an answer shows of it.

    Attributes:
        recommendation_id: The id that feedback names.
        request: What the ranker was asked, without the profile.
        ranking: What the ranker answered.
        tracks: Tracks by id, for names and covers; those looked up before if search is down.
        profile: None if it was not asked for, or the profile service is down.
        degraded: The parts that the list was made without.
    """

    recommendation_id: str
    request: ranker_pb2.RecommendTracksRequest
    ranking: ranker_pb2.RecommendTracksResponse
    tracks: Mapping[str, search_pb2.Track]
    profile: profile_pb2.Profile | None
    degraded: list[str]


class Recommender:
    """Composes the upstream services into lists.

    Args:
        services: Profile service, ranker and search.
        recorder: Issues recommendation ids and stores the lists.
        experiments: Takes requests into the running experiment.
    """

    def __init__(
        self, services: RecommendationServices, recorder: Recorder, experiments: Experiments
    ) -> None:
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
        profile = None
        if asked.with_profile:
            built = await _none_if_unavailable(self._services.build_profile(_profile_of(request)))
            profile = None if built is None else built.profile
        ranking = await self._ranking(request, profile, asked.fill_up)
        ids = ids_to_describe(request, ranking)
        known = await _none_if_unavailable(self._services.tracks_by_id(ids))
        missing = (
            *((Part.PROFILE,) if asked.with_profile and profile is None else ()),
            *((Part.SEARCH,) if known is None else ()),
            *self._recorder.degraded,
        )
        for part in missing:
            DEGRADED.labels(part).inc()
        # Issued last: a request that fails leaves no recommendation behind.
        recommendation_id = self._recorder.new_id()
        self._recorder.record_list(
            recommendation_id, asked.listener, asked.surface, request, ranking
        )
        return RecommendedList(
            recommendation_id,
            request,
            ranking,
            self._services.recall(ids) if known is None else known,
            profile,
            # A part that the ranker names too is named once.
            list(dict.fromkeys([*ranking.degraded, *missing])),
        )

    async def _ranking(
        self,
        asked: ranker_pb2.RecommendTracksRequest,
        profile: profile_pb2.Profile | None,
        fill_up: bool,
    ) -> ranker_pb2.RecommendTracksResponse:
        """Rank, and fill a short list up with tracks beyond the cap on tracks per artist.

        Spotify's API promises `limit` tracks as long as the pool has them, and Quintet prefers
        three per artist: those beyond three come last.
        """
        # A copy, since the request is recorded and the profile is not.
        request = ranker_pb2.RecommendTracksRequest(profile=profile)
        request.MergeFrom(asked)
        ranking = await self._services.recommend(request)
        if not fill_up or len(ranking.tracks) >= min(asked.limit, ranking.pool.after_filtering):
            return ranking
        request.max_per_artist = 0
        uncapped = await self._services.recommend(request)
        if uncapped.variant != ranking.variant:
            # Half a list of the champion and half of the challenger would count for neither.
            return ranking
        _fill_up(ranking, uncapped, asked.limit)
        return ranking


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
        if uncapped.HasField("reasons"):
            append_reasons(ranking.reasons, uncapped.reasons, place)


def ids_to_describe(
    request: ranker_pb2.RecommendTracksRequest, ranking: ranker_pb2.RecommendTracksResponse
) -> list[str]:
    """Collect every track id that an answer names: seeds, closest seeds and ranked tracks."""
    return [
        *(seed.track_id for seed in request.seeds if seed.HasField("track_id")),
        *filter(None, ranking.reasons.closest_seed_ids),
        *(track.track_id for track in ranking.tracks),
    ]


def _profile_of(request: ranker_pb2.RecommendTracksRequest) -> profile_pb2.BuildProfileRequest:
    return profile_pb2.BuildProfileRequest(
        seeds=request.seeds,
        negative_seeds=request.negative_seeds,
        weights=request.weights,
        targets=request.targets,
    )


async def _none_if_unavailable(call: Awaitable[T]) -> T | None:
    # A service without room is as good as one that is down: the list is made without its part.
    try:
        return await call
    except (NotReady, DeadlineExceeded, ResourceExhausted):
        return None
