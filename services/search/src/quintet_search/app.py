"""Build the search service from its settings; the only module that imports every class."""

from typing import TYPE_CHECKING

import structlog
from quintet.search.v1 import search_pb2, search_pb2_grpc
from quintet_servicekit.follower import Follower
from quintet_servicekit.server import Service
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_servicekit.tokens import guards

from quintet_search.adapters.catalogue import follow_catalogue
from quintet_search.domain.ports import SearchableCatalogue
from quintet_search.domain.search import CatalogueSearch
from quintet_search.servicer import SearchServicer
from quintet_search.settings import SearchSettings

if TYPE_CHECKING:
    from quintet_search.adapters.spotify import Spotify

NAME = search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name
_log = structlog.get_logger(__name__)


def build(
    settings: SearchSettings, catalogues: Follower[SearchableCatalogue] | None = None
) -> Service:
    """Build the service; nothing is loaded, and no port is bound yet.

    Args:
        settings: As read from the environment.
        catalogues: The catalogues to serve; those of `QUINTET_HOME/catalogue` if None.

    Raises:
        ExposedWithoutAuth: QUINTET_AUTH is off and the host is not a loopback address.
    """
    source = catalogues or follow_catalogue(settings.home, settings.follow_seconds)
    threads = BoundedThreadPool(settings.threads, "search", settings.room)
    spotify = _spotify(settings)
    search = CatalogueSearch(
        lambda: source.value,
        threads.run,
        spotify,
        lambda why: _log.warning("no answer from spotify", why=why),
    )
    servicer = SearchServicer(search, settings.spotify_seconds)

    async def close() -> None:
        await threads.close()
        if spotify is not None:
            await spotify.close()

    return Service(
        name=NAME,
        register=lambda server: search_pb2_grpc.add_SearchServiceServicer_to_server(
            servicer, server
        ),
        endpoint=settings.endpoint(),
        prepare=source.prepare,
        background=[source.run],
        close=close,
        interceptors=guards(settings.auth, settings.host, settings.home),
    )


def _spotify(settings: SearchSettings) -> "Spotify | None":
    """Build the client of Spotify if both credentials are set."""
    secret = settings.client_secret.get_secret_value()
    if not settings.client_id or not secret:
        return None
    # spotipy imports Redis and OpenTelemetry; a start without credentials does not wait for them.
    from quintet_search.adapters.spotify import Spotify

    return Spotify(
        client_id=settings.client_id,
        client_secret=secret,
        api_url=settings.spotify_api_url,
        token_url=settings.spotify_token_url,
        timeout=settings.spotify_timeout,
        threads=settings.spotify_threads,
        page_size=settings.spotify_page_size,
    )
