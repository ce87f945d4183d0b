"""Search for the first screen: the same search as the page's, by HTTP and without a session."""

from typing import Any, Final

from quintet_client import Quintet, QuintetError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quintet_ui.cards import shown_track
from quintet_ui.faults import gateway_fault
from quintet_ui.finding import MOST_LETTERS, search_status, tracks_for
from quintet_ui.session import COVER_SECONDS
from quintet_ui.translations import translations_for

SEARCH: Final = "/shell/search"


class EarlySearch:
    """Answers the searches of the first screen.

    Args:
        gateway: The page's client.
    """

    def __init__(self, gateway: Quintet) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """List the routes for the page's server."""
        return [Route(SEARCH, self._search, methods=["GET"])]

    async def _search(self, request: Request) -> Response:
        query = request.query_params.get("q", "").strip()[:MOST_LETTERS]
        language = request.query_params.get("lang", "")
        found = await run_in_threadpool(self._found, query, language)
        return JSONResponse(found, headers={"cache-control": "no-store"})

    def _found(self, query: str, language: str) -> dict[str, Any]:
        """Search; a failure is a status for the listener, as on the page."""
        texts = translations_for(language)
        if not query:
            return {"tracks": [], "status": ""}
        try:
            tracks = tracks_for(self._gateway, query)
        except QuintetError as error:
            fault = gateway_fault(error).fault
            return {"tracks": [], "status": texts(f"fault.{fault.value}")}
        features = self._features([track.id for track in tracks])
        return {
            "tracks": [shown_track(track, features.get(track.id)) for track in tracks],
            "status": search_status(query, tracks, texts),
        }

    def _features(self, ids: list[str]) -> dict[str, dict[str, float]]:
        """Read what covers are drawn from; none if that takes long."""
        try:
            found = self._gateway.with_options(timeout=COVER_SECONDS).audio_features(ids)
        except QuintetError:
            return {}
        return {
            name: each.model_dump(exclude={"id"}, exclude_none=True) for name, each in found.items()
        }
