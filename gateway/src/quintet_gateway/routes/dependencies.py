"""What every route of ours takes and gives.

Dependencies of routes are coroutines, also where they wait for nothing: FastAPI runs any other on a
thread, and the way there and back costs a hundred times what they do.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

import orjson
from fastapi import Depends, Request, Response
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2

from quintet_gateway.domain import CatalogueMap
from quintet_gateway.routes.web_api import Upstream


class UpstreamServices(Upstream, Protocol):
    """The services behind; each call ends within the request's budget."""

    async def tracks_by_id(self, ids: Sequence[str]) -> dict[str, search_pb2.Track]:
        """Returns the known ones of any number of tracks, by id."""

    async def build_profile(
        self, request: profile_pb2.BuildProfileRequest
    ) -> profile_pb2.BuildProfileResponse:
        """Averages seeds."""

    async def model(self) -> ranker_pb2.GetModelResponse:
        """Returns what the ranker serves."""

    async def map(self) -> CatalogueMap:
        """Returns the catalogue's map."""

    async def states(self) -> dict[str, str]:
        """Returns each service's state by name: SERVING, NOT_SERVING or UNREACHABLE."""


async def _services(request: Request) -> UpstreamServices:
    services: UpstreamServices = request.app.state.services
    return services


UpstreamDep = Annotated[UpstreamServices, Depends(_services)]


def json_response(content: Any, status: int = 200) -> Response:
    """Returns a JSON answer; a NaN, which JSON does not have, becomes null."""
    return Response(orjson.dumps(content), status, media_type="application/json")
