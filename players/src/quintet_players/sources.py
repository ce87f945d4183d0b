"""Chooses the source of music whose ids a player sends and gets."""

import math
import time
from typing import Final

from quintet_client import AsyncQuintet

from quintet_players.faults import PlayerFault

_LISTED_SECONDS: Final = 60.0
"""How long the only media server is remembered."""
_SERVER_KINDS: Final = ("subsonic", "jellyfin")


class Sources:
    """Knows which source each player means.

    Args:
        gateway: The client of the gateway, which lists the sources.
        default: The source of players without one; the only media server if empty.
    """

    def __init__(self, gateway: AsyncQuintet, default: str = "") -> None:
        self._gateway = gateway
        self._default = default
        self._servers: tuple[str, ...] = ()
        self._listed_at = -math.inf

    async def choose(self, bound: str, asked: str) -> str:
        """Choose the source whose ids a player sends.

        Args:
            bound: The source of the player; empty for none.
            asked: The source that the request names; empty for none.

        Raises:
            PlayerFault: The request names another one than the player has, or none can be chosen.
        """
        if bound and asked and asked != bound:
            raise PlayerFault(f"server: this player has the source {bound!r} alone; leave it out.")
        if chosen := bound or asked or self._default:
            return chosen
        servers = await self._media_servers()
        if len(servers) == 1:
            return servers[0]
        if not servers:
            raise PlayerFault(
                "No media server is a source of music; add it: quintet library add subsonic "
                "ADDRESS, then quintet library sync.",
                404,
            )
        raise PlayerFault(
            f"Several media servers are sources: {', '.join(servers)}. Give the player one: "
            "quintet players add NAME --source SOURCE, or set QUINTET_PLAYERS_SOURCE.",
        )

    async def _media_servers(self) -> tuple[str, ...]:
        if time.monotonic() - self._listed_at > _LISTED_SECONDS:
            listed = (await self._gateway.library()).sources
            found = tuple(each.name for each in listed if each.kind in _SERVER_KINDS)
            # One server or none may become another state at any moment: only a choice is kept.
            if len(found) != 1:
                return found
            self._servers, self._listed_at = found, time.monotonic()
        return self._servers
