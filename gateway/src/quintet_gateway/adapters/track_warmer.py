"""Fill the cache of tracks beside the requests, and notice that search has a new catalogue."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import grpc
import structlog
from quintet.search.v1 import search_pb2
from quintet_servicekit.errors import AppError

from quintet_gateway.adapters.track_fragments import TrackFragments

_log = structlog.get_logger(__name__)
Listing = Callable[[search_pb2.ListTracksRequest], Awaitable[search_pb2.ListTracksResponse]]
"""Lists one page of the catalogue, most popular tracks first."""

# Few enough that converting a page delays no request by more than about two milliseconds.
_PAGE: Final = 200
# The pause after a page, as a multiple of the time that it took: gateway and search together use
# a quarter of a core, and 100,000 tracks are kept after about half a minute.
_IDLE_SHARE: Final = 3
# A new catalogue is noticed within this time, also while no request asks search for anything.
_POLL_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 2.0


class TrackWarmer:
    """Lists the most popular tracks of each new catalogue until the cache is full, then polls.

    Args:
        fragments: The cache.
        listing: Lists a page of tracks at search.
    """

    def __init__(self, fragments: TrackFragments, listing: Listing) -> None:
        self._fragments = fragments
        self._listing = listing
        # The version that is being listed or was, the next page, and whether all is listed.
        self._version, self._token, self._filled = "", "", False

    async def run(self) -> None:
        """Keep the cache warm until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._next_page()
            except (AppError, grpc.aio.AioRpcError) as fault:
                # Down, a token of the last catalogue, or an older release that lists no tracks.
                _log.debug("tracks not listed", error=str(fault))
                self._version, self._token, self._filled = "", "", False
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            took = clock() - began
            await asyncio.sleep(_POLL_SECONDS if self._filled else _IDLE_SHARE * took)

    async def _next_page(self) -> None:
        """Keep one page of tracks; once all are kept, only compare the version."""
        polls = self._filled
        asked = search_pb2.ListTracksRequest(
            page_size=1 if polls else _PAGE, page_token=self._token
        )
        page = await self._listing(asked)
        is_new = page.catalogue_version != self._version
        if is_new or not polls:
            self._version = page.catalogue_version
            self._fragments.put(page.catalogue_version, page.tracks)
            # A poll has listed one track: the next page is the first.
            self._token = "" if polls else page.next_page_token
            self._filled = not polls and not (self._token and self._fragments.has_room(_PAGE))
        if self._filled:
            self._token = ""
