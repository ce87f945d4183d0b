"""Who asks: the player that a request's credentials name, by each protocol's own rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quintet_access.players import Player, PlayerFolder
from quintet_access.rules import Auth, is_loopback
from quintet_access.tokens import bearer_token

from quintet_players.faults import (
    MISSING_PARAMETER,
    SEVERAL_WAYS,
    WRONG_KEY,
    WRONG_PASSWORD,
    PlayerFault,
)

ANYONE: Final = Player("", "", "", "", "")
"""Who asks without credentials while authentication is off."""
_HOW: Final = "`quintet players add NAME` makes a key."


class PlayerAccess:
    """Identifies players.

    Args:
        auth: Whether players need a key. If not, a key or a user name only chooses the player.
        folder: The access folder.
    """

    def __init__(self, auth: Auth, folder: Path) -> None:
        self._open = auth is Auth.OFF
        self._players = PlayerFolder(folder)

    def by_bearer(self, authorization: str | None, key: str) -> Player:
        """Identify the player by the Authorization header, or by the key in its address.

        Raises:
            PlayerFault: A key is needed, and there is none or it is unknown.
            AccessFileInvalid: The file of players cannot be read.
        """
        offered = key or bearer_token(authorization) or ""
        if offered and (found := self._players.by_key(offered)) is not None:
            return found
        if self._open:
            return ANYONE
        if not offered:
            raise PlayerFault(f"An API token is needed: the key of a player. {_HOW}", 401)
        raise PlayerFault(f"The API token is not the key of a player. {_HOW}", 401)

    def by_subsonic(self, given: Mapping[str, str]) -> Player:
        """Identify the player by the parameters apiKey, or u with t and s, or u with p.

        Raises:
            PlayerFault: They are missing, contradict each other, or are wrong.
            AccessFileInvalid: The file of players cannot be read.
        """
        key, user = given.get("apiKey", ""), given.get("u", "")
        token, salt, password = (given.get(name, "") for name in ("t", "s", "p"))
        if (key and (user or token or password)) or (token and password):
            raise PlayerFault(
                "Give one of apiKey, u with t and s, and u with p.", 400, SEVERAL_WAYS
            )
        if self._open:
            return self._named(key, user)
        if key:
            if (found := self._players.by_key(key)) is None:
                raise PlayerFault(f"apiKey is not the key of a player. {_HOW}", 401, WRONG_KEY)
            return found
        if not user or not (password or (token and salt)):
            raise PlayerFault(
                "A parameter is missing: apiKey, or u with t and s.", 401, MISSING_PARAMETER
            )
        if token:
            found = self._players.by_token(user, token, salt)
        else:
            found = self._players.by_password(user, _decoded(password))
        if found is None:
            raise PlayerFault(
                f"Wrong user name or password: they are a player's name and key. {_HOW}",
                401,
                WRONG_PASSWORD,
            )
        return found

    def _named(self, key: str, user: str) -> Player:
        found = self._players.by_key(key) if key else self._players.named(user)
        return found or ANYONE

    def check_host(self, host: str, origin: str) -> None:
        """Deny web pages of other machines while authentication is off.

        Such a page could reach this machine by a name that it controls (DNS rebinding).

        Raises:
            PlayerFault: The Host or Origin header names another machine.
        """
        if self._open and not all(map(_is_here, filter(None, (host, origin)))):
            raise PlayerFault(
                "Without authentication only this machine may ask, by localhost or 127.0.0.1; "
                "set QUINTET_AUTH=on for others.",
                403,
            )


def _is_here(address: str) -> bool:
    """Decide whether a Host or Origin header names this machine."""
    authority = address.rpartition("//")[2]
    name = authority.partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
    return is_loopback(name.lstrip("["))


def _decoded(password: str) -> str:
    """Read a password as Subsonic clients send it: as it is, or as `enc:` and hexadecimal."""
    prefix, _, digits = password.partition(":")
    if prefix != "enc":
        return password
    try:
        return bytes.fromhex(digits).decode()
    except ValueError:
        return ""
