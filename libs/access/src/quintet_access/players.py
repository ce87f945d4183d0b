"""Players: music players and media servers that ask for similar songs, each with a key.

The protocols of players send a hash of the key and a salt, so the key must be known in clear text:
it is random and good for nothing else. The file is readable by its owner alone.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quintet_contract.patterns import LISTENER_PATTERN, LISTENER_RULE, fits
from quintet_files import PRIVATE_MODE

from quintet_access.files import AccessFileInvalid, WatchedFile, locked, write_json

MOST_PLAYERS: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_FIELDS: Final = ("name", "key", "source", "listener", "create_time")


class PlayerUnknown(LookupError):
    """No player has this name."""


class PlayerInvalid(ValueError):
    """A player cannot be added; the message names the field and the allowed values."""


@dataclass(frozen=True)
class Player:
    """A program that may ask for similar songs.

    Attributes:
        name: Its user name, unique.
        key: Its password, API key and bearer token: 32 hexadecimal digits.
        source: The source of music whose ids it sends and gets; empty for the only media server.
        listener: The listener whose memory counts; empty for nobody.
        create_time: RFC 3339 in UTC.
    """

    name: str
    key: str
    source: str
    listener: str
    create_time: str

    def __repr__(self) -> str:
        return f"Player(name={self.name!r}, source={self.source!r})"


class PlayerFolder:
    """The players in an access folder.

    Args:
        folder: The access folder; made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = WatchedFile(folder / "players.json")

    def all(self) -> list[Player]:
        """List all players, by name.

        Raises:
            AccessFileInvalid: The file cannot be read.
        """
        document = self._file.read() or {"players": []}
        try:
            return [Player(*(str(each[name]) for name in _FIELDS)) for each in document["players"]]
        except (KeyError, TypeError) as fault:
            raise AccessFileInvalid(f"{self._file.path} is not a list of players") from fault

    def add(self, name: str, source: str = "", listener: str = "") -> Player:
        """Add a player with a new key.

        Raises:
            PlayerInvalid: A value is not allowed, the name is taken, or there are too many.
        """
        if not _NAME.match(name):
            raise PlayerInvalid(
                "name: must have 1 to 64 letters, digits, '.', '_' and '-', beginning with a "
                "letter or digit"
            )
        if listener and not fits(LISTENER_PATTERN, listener):
            raise PlayerInvalid(f"listener: {LISTENER_RULE}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        player = Player(name, secrets.token_hex(16), source, listener, now)
        with locked(self._folder):
            players = self.all()
            if any(each.name == name for each in players):
                raise PlayerInvalid(
                    f"name: there is a player {name!r} already; quintet players remove {name}"
                )
            if len(players) >= MOST_PLAYERS:
                raise PlayerInvalid(f"there are {MOST_PLAYERS} players already; remove one first")
            self._write([*players, player])
        return player

    def remove(self, name: str) -> None:
        """Remove a player; its key is rejected from now on.

        Raises:
            PlayerUnknown: There is no such player.
        """
        with locked(self._folder):
            players = self.all()
            if not any(each.name == name for each in players):
                raise PlayerUnknown(f"there is no player {name!r:.80}; quintet players list")
            self._write([each for each in players if each.name != name])

    def named(self, name: str) -> Player | None:
        """Find a player by name; None if there is none."""
        return next((each for each in self.all() if each.name == name), None)

    def by_key(self, key: str) -> Player | None:
        """Find the player that has a key; None if there is none."""
        return self._first(lambda each: _same(each.key, key))

    def by_password(self, name: str, password: str) -> Player | None:
        """Find the player that has a name and a key as its password; None if there is none."""
        return self._first(lambda each: each.name == name and _same(each.key, password))

    def by_token(self, name: str, token: str, salt: str) -> Player | None:
        """Find the player by the token of Subsonic, the MD5 of key and salt; None if none fits."""
        return self._first(
            lambda each: each.name == name and _same(subsonic_token(each.key, salt), token.lower())
        )

    def _first(self, fits_player: Callable[[Player], bool]) -> Player | None:
        # Without an early end, so that the time does not depend on the order of players.
        found = None
        for each in self.all():
            if fits_player(each):
                found = each
        return found

    def _write(self, players: Sequence[Player]) -> None:
        ordered = sorted(players, key=lambda each: each.name)
        document = {"format": 1, "players": [asdict(each) for each in ordered]}
        write_json(self._file.path, document, PRIVATE_MODE)


def subsonic_token(secret: str, salt: str) -> str:
    """Make the token of the Subsonic protocol: the MD5 of secret and salt, in hexadecimal."""
    # A stronger hash would not be understood.
    text = f"{secret}{salt}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _same(first: str, second: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(first.encode(), second.encode("utf-8", "surrogatepass"))
