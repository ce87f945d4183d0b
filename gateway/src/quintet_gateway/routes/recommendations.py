"""`POST /api/v1/recommendations`: profile, then rank, then look names up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Request, Response
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.patterns import LISTENER_PATTERN
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.metrics import DEGRADED

from quintet_gateway.domain import Outcome, Steps, recommend
from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder, check_listener
from quintet_gateway.routes.dependencies import UpstreamServices, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.links import OF_RECOMMENDATIONS
from quintet_gateway.schemas.recommendation_request import BODY_EXAMPLES, RecommendationsBody
from quintet_gateway.schemas.recommendation_response import (
    RecommendationsResponse,
    ids_to_look_up,
    recommendations_json,
)

router = APIRouter(prefix="/api/v1", tags=["Recommendations"])

Recommended = Outcome[
    profile_pb2.Profile, ranker_pb2.RecommendTracksResponse, dict[str, search_pb2.Track]
]


@dataclass(frozen=True)
class Answered:
    """A recommendation as found: the ranker's answer and what is known of its tracks."""

    request: ranker_pb2.RecommendTracksRequest
    ranking: ranker_pb2.RecommendTracksResponse
    tracks: Mapping[str, search_pb2.Track]
    profile: profile_pb2.Profile | None
    degraded: list[str]


RECOMMENDATION_ID = "Quintet-Recommendation-Id"
LISTENER = "Quintet-Listener"


async def _listener(
    name: Annotated[
        str | None,
        Header(
            alias=LISTENER,
            description="Who asks, by an id that tells nothing; kept as a keyed hash.",
            json_schema_extra={"pattern": LISTENER_PATTERN},
        ),
    ] = None,
) -> str:
    if name is not None:
        check_listener(name, LISTENER)
    return name or ""


@dataclass(frozen=True)
class RecommendationDependencies:
    """What makes and records a list: one dependency, as each is paid for by every request."""

    services: UpstreamServices
    recorder: Recorder
    experiments: Experiments


async def _dependencies(request: Request) -> RecommendationDependencies:
    state = request.app.state
    return RecommendationDependencies(state.services, state.recorder, state.experiments)


async def _experiments(request: Request) -> Experiments:
    experiments: Experiments = request.app.state.experiments
    return experiments


ListenerHeader = Annotated[str, Depends(_listener)]
RecommendationDep = Annotated[RecommendationDependencies, Depends(_dependencies)]
ExperimentsDep = Annotated[Experiments, Depends(_experiments)]


async def recommended(
    behind: RecommendationDependencies, body: RecommendationsBody, listener: str
) -> Answered:
    """Recommends for a body, as part of the experiment that runs.

    Raises:
        AppError: The request is at fault, or the ranker is away.
    """
    services = behind.services
    asked = body.ranker_request(None)
    behind.experiments.enrol(asked, listener)

    async def build_profile() -> profile_pb2.Profile:
        return (await services.build_profile(body.profile_request())).profile

    async def rank(profile: profile_pb2.Profile | None) -> ranker_pb2.RecommendTracksResponse:
        request = ranker_pb2.RecommendTracksRequest(profile=profile)
        request.MergeFrom(asked)
        return await services.recommend(request)

    async def look_up(
        ranking: ranker_pb2.RecommendTracksResponse,
    ) -> dict[str, search_pb2.Track]:
        return await services.tracks_by_id(ids_to_look_up(ranking, body.seeds))

    def recall(ranking: ranker_pb2.RecommendTracksResponse) -> dict[str, search_pb2.Track]:
        return services.recall(ids_to_look_up(ranking, body.seeds))

    outcome: Recommended = await recommend(Steps(build_profile, rank, look_up, recall))
    here = (*outcome.degraded, *behind.recorder.degraded)
    for part in here:
        DEGRADED.labels(part).inc()
    degraded = list(dict.fromkeys([*outcome.ranking.degraded, *here]))
    return Answered(asked, outcome.ranking, outcome.tracks, outcome.profile, degraded)


@router.post(
    "/recommendations",
    responses={
        200: {"model": RecommendationsResponse, "links": OF_RECOMMENDATIONS},
        **errors(400, 401, 404, 413, 429, 500, 503, 504),
    },
)
async def create_recommendations(
    behind: RecommendationDep,
    listener: ListenerHeader,
    body: Annotated[RecommendationsBody, Body(openapi_examples=BODY_EXAMPLES)],
) -> Response:
    """One to five seeds in; a ranked and explained list out."""
    who = body.listener or listener
    found = await recommended(behind, body, who)
    content = recommendations_json(found.ranking, found.tracks, body.seeds, found.profile)
    given = behind.recorder.new_id()
    response = json_response(
        {
            "recommendation_id": given,
            "request_id": REQUEST_ID.get(),
            **content,
            "degraded": found.degraded,
        }
    )
    response.headers[RECOMMENDATION_ID] = given
    behind.recorder.show(given, who, "/api/v1/recommendations", found.request, found.ranking)
    return response
