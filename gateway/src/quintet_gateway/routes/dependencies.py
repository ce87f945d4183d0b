"""Dependencies and JSON answers that the routes share.

Dependencies are coroutines, also those that wait for nothing: FastAPI runs any other function in a
thread pool, which costs a hundred times the work that they do.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Protocol

import orjson
from fastapi import Depends, Header, Query, Request, Response
from pydantic import AfterValidator
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_contract.patterns import LISTENER_PATTERN

from quintet_gateway.domain import CatalogueMap
from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder, check_listener
from quintet_gateway.player import Player, PlayerServices
from quintet_gateway.prompts import PromptReader
from quintet_gateway.recommender import RecommendationServices, Recommender
from quintet_gateway.validation import bounds, within

RECOMMENDATION_ID: Final = "Quintet-Recommendation-Id"
LISTENER: Final = "Quintet-Listener"
LISTENER_DESCRIPTION: Final = (
    "The listener's id at the caller, such as a pseudonym; stored only as a keyed hash."
)


class Upstream(RecommendationServices, PlayerServices, Protocol):
    """Search, profile service and ranker; each call ends within the request's budget."""

    async def search_tracks(
        self, request: search_pb2.SearchTracksRequest
    ) -> search_pb2.SearchTracksResponse:
        """Search tracks."""

    async def search_artists(
        self, request: search_pb2.SearchArtistsRequest
    ) -> search_pb2.SearchArtistsResponse:
        """Search artists."""

    async def tracks(
        self, request: search_pb2.BatchGetTracksRequest
    ) -> search_pb2.BatchGetTracksResponse:
        """Look up to 500 tracks up, in the order asked."""

    async def artists(
        self, request: search_pb2.BatchGetArtistsRequest
    ) -> search_pb2.BatchGetArtistsResponse:
        """Look artists up, in the order asked."""

    async def genres(self, request: search_pb2.ListGenresRequest) -> search_pb2.ListGenresResponse:
        """List genres by name."""

    async def names(
        self, request: search_pb2.ResolveNamesRequest
    ) -> search_pb2.ResolveNamesResponse:
        """Look names up, and what the catalogue has."""

    async def audio_features(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Look audio features up, in the order asked."""

    async def model(self) -> ranker_pb2.GetModelResponse:
        """Read which model the ranker serves."""

    async def map(self) -> CatalogueMap:
        """Read the catalogue's map."""

    async def states(self) -> dict[str, str]:
        """Read each service's state by name: SERVING, NOT_SERVING or UNREACHABLE."""


async def _upstream(request: Request) -> Upstream:
    upstream: Upstream = request.app.state.upstream
    return upstream


async def _recommender(request: Request) -> Recommender:
    recommender: Recommender = request.app.state.recommender
    return recommender


async def _player(request: Request) -> Player:
    player: Player = request.app.state.player
    return player


async def _prompt_reader(request: Request) -> PromptReader:
    reader: PromptReader = request.app.state.prompt_reader
    return reader


async def _recorder(request: Request) -> Recorder:
    recorder: Recorder = request.app.state.recorder
    return recorder


async def _experiments(request: Request) -> Experiments:
    experiments: Experiments = request.app.state.experiments
    return experiments


async def _listener(
    name: Annotated[
        str | None,
        Header(
            alias=LISTENER,
            description=LISTENER_DESCRIPTION,
            json_schema_extra={"pattern": LISTENER_PATTERN},
        ),
    ] = None,
) -> str:
    return checked_listener(name)


UpstreamDep = Annotated[Upstream, Depends(_upstream)]
RecommenderDep = Annotated[Recommender, Depends(_recommender)]
PlayerDep = Annotated[Player, Depends(_player)]
PromptReaderDep = Annotated[PromptReader, Depends(_prompt_reader)]
RecorderDep = Annotated[Recorder, Depends(_recorder)]
ExperimentsDep = Annotated[Experiments, Depends(_experiments)]
ListenerHeader = Annotated[str, Depends(_listener)]

# A month: longer ranges would read many impressions in one query.
_MOST_HOURS: Final = 24 * 31
Hours = Annotated[
    int,
    Query(description="Number of hours until now."),
    AfterValidator(within("LIMIT_RANGE", 1, _MOST_HOURS)),
    bounds(1, _MOST_HOURS),
]


def checked_listener(header: str | None) -> str:
    """Read the `Quintet-Listener` header; empty if the request has none.

    Raises:
        InvalidInput: It is not a listener's id.
    """
    if header is not None:
        check_listener(header, LISTENER)
    # Protobuf and the database have no null for it: empty means that no one was named.
    return header or ""


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Write a JSON answer; a NaN, which JSON does not have, becomes null."""
    # FastAPI would validate and copy the answer first, which costs more than writing it.
    return Response(orjson.dumps(content), status, headers, "application/json")
