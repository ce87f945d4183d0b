"""Clients: programs that may ask for tokens; their secrets are kept as argon2 hashes only."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from quintet_files import PRIVATE_MODE, PUBLIC_MODE

from quintet_access.files import AccessFileInvalid, WatchedFile, locked, write_json
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope

MAX_NAME_LENGTH: Final = 100
MAX_SECRET_LENGTH: Final = 256
DEFAULT_SCOPES: Final = (Scope.READ, Scope.FEEDBACK)
# argon2id with the parameters of RFC 9106 for low memory: 64 MiB, 3 passes, 4 lanes.
_HASHER: Final = PasswordHasher()


class ClientUnknown(LookupError):
    """No client has this id or name."""


class ClientNameInvalid(ValueError):
    """A client's name is empty, too long, not printable or taken."""


@dataclass(frozen=True)
class Client:
    """A program that may call.

    Attributes:
        client_id: 32 hexadecimal digits, like Spotify's.
        name: For people.
        scopes: What its tokens allow.
        secret_hash: The argon2id hash of its secret.
        generation: Counts its secrets; a token of an older one is refused.
        create_time: When it was made, RFC 3339 in UTC.
        revoke_time: When it was revoked; empty while it may call.
    """

    client_id: str
    name: str
    scopes: tuple[str, ...]
    secret_hash: str
    generation: int
    create_time: str
    revoke_time: str = ""

    @property
    def is_active(self) -> bool:
        """Whether the client may call: true until it is revoked."""
        return not self.revoke_time


class ClientFolder:
    """The clients in an access folder.

    Args:
        folder: The access folder; made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = WatchedFile(folder / "clients.json")

    def all(self) -> list[Client]:
        """List all clients, oldest first, revoked ones included."""
        document = self._file.read() or {"clients": []}
        try:
            return [Client(**{**c, "scopes": tuple(c["scopes"])}) for c in document["clients"]]
        except (KeyError, TypeError) as fault:
            raise AccessFileInvalid(f"{self._file.path} is not a list of clients") from fault

    def create(self, name: str, scopes: Sequence[Scope] = DEFAULT_SCOPES) -> tuple[Client, str]:
        """Add a client, and give it with its secret, of which only the hash is stored.

        Raises:
            ClientNameInvalid: The name is empty, too long, not printable or taken.
        """
        name = name.strip()
        if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise ClientNameInvalid(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
        secret = _new_secret()
        client = Client(
            client_id=secrets.token_hex(16),
            name=name,
            scopes=tuple(scope.value for scope in scopes),
            secret_hash=_HASHER.hash(secret),
            generation=1,
            create_time=_now(),
        )
        KeyFolder(self._folder).ensure()
        with locked(self._folder):
            clients = self.all()
            if any(other.name == name and other.is_active for other in clients):
                raise ClientNameInvalid(f"there is a client named {name!r} already")
            self._write([*clients, client])
        return client, secret

    def revoke(self, who: str) -> Client:
        """End a client's access at once; its tokens are rejected too.

        Raises:
            ClientUnknown: No active client has this id or name.
        """
        return self._change(who, lambda client: replace(client, revoke_time=_now()))

    def rotate(self, who: str) -> tuple[Client, str]:
        """Replace a client's secret; the old one and its tokens are rejected from now on.

        Raises:
            ClientUnknown: No active client has this id or name.
        """
        secret = _new_secret()
        secret_hash = _HASHER.hash(secret)

        def renewed(client: Client) -> Client:
            return replace(client, secret_hash=secret_hash, generation=client.generation + 1)

        return self._change(who, renewed), secret

    def renew(self, name: str, scopes: Sequence[Scope]) -> tuple[Client, str]:
        """Give the active client of a name another secret and these scopes; create it if none is.

        Raises:
            ClientNameInvalid: The name is empty, too long or not printable.
        """
        secret = _new_secret()
        secret_hash = _HASHER.hash(secret)
        values = tuple(scope.value for scope in scopes)

        def renewed(client: Client) -> Client:
            generation = client.generation + 1
            return replace(client, secret_hash=secret_hash, generation=generation, scopes=values)

        try:
            return self._change(name, renewed), secret
        except ClientUnknown:
            return self.create(name, scopes)

    def authenticate(self, client_id: str, secret: str) -> Client | None:
        """Authenticate a client by its credentials; None if they are wrong or revoked.

        Takes about as long for an unknown client as for a wrong secret, so that the time does
        not reveal which ids exist. Costs some 50 ms and 64 MiB: run it in a thread, few at a time.
        """
        client = self._active(client_id)
        usable = len(secret) <= MAX_SECRET_LENGTH
        try:
            _HASHER.verify(client.secret_hash if client else _decoy(), secret if usable else "")
        except (Argon2Error, InvalidHashError):
            return None
        return client if usable else None

    def _active(self, client_id: str) -> Client | None:
        offered = client_id.encode()
        found = None
        for client in self.all():
            # Compared in constant time and without a `break`: the time reveals no part of an id.
            if hmac.compare_digest(client.client_id.encode(), offered) and client.is_active:
                found = client
        return found

    def _change(self, who: str, change: Callable[[Client], Client]) -> Client:
        with locked(self._folder):
            clients = self.all()
            for index, client in enumerate(clients):
                if client.is_active and who in (client.client_id, client.name):
                    clients[index] = change(client)
                    self._write(clients)
                    return clients[index]
        raise ClientUnknown(f"no active client has the id or name {who!r}")

    def _write(self, clients: Sequence[Client]) -> None:
        active = {client.client_id: client.generation for client in clients if client.is_active}
        # Public first: if the second write fails, less is allowed, never more.
        write_json(self._folder / "public" / "clients.json", active, PUBLIC_MODE)
        document = {"format": 1, "clients": [asdict(client) for client in clients]}
        write_json(self._file.path, document, PRIVATE_MODE)


@cache
def _decoy() -> str:
    """Hash a random secret, so that checking an unknown client takes as long as a known one."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _new_secret() -> str:
    """Make an id of 128 random bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
