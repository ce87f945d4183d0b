"""Run by the Python of .library-servers: py-opensonic asks the players service; prints JSON.

Arguments: address, port, path before /rest, user, password, API key (empty for user and password),
then the ids of two songs and an artist.
"""

import json
import sys
from typing import Any

from libopensonic import Connection
from libopensonic.errors import SonicError


def main(
    address: str,
    port: str,
    path: str,
    user: str,
    password: str,
    key: str,
    first: str,
    second: str,
    artist: str,
) -> None:
    names = {"api_key": key} if key else {"username": user, "password": password}
    found: dict[str, Any] = {}
    for use_get in (False, True):
        client = Connection(
            address, port=int(port), server_path=path, use_get=use_get, use_views=use_get, **names
        )
        try:
            found = {
                "ping": client.ping(),
                "extensions": [
                    each.to_dict() for each in client.get_open_subsonic_extensions() or []
                ],
                "songs": [each.to_dict() for each in client.get_similar_songs(first, 7)],
                "songs2": [each.to_dict() for each in client.get_similar_songs2(artist, 7)],
                "sonic": [each.to_dict() for each in client.get_sonic_similar_tracks(first, 5)],
                "path": [each.to_dict() for each in client.find_sonic_path(first, second, 6)],
            }
            try:
                client.get_similar_songs("nothing", 3)
            except SonicError as fault:
                found["fault"] = [type(fault).__name__, str(fault)]
        finally:
            client.cleanup()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
