from collections.abc import Iterator

import pytest
from quintet_library.http import ServerClient


@pytest.fixture(autouse=True)
def closed_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes the connections of all clients that a test makes, as `opening` does."""
    made: list[ServerClient] = []
    start = ServerClient.__post_init__

    def start_and_note(client: ServerClient) -> None:
        start(client)
        made.append(client)

    monkeypatch.setattr(ServerClient, "__post_init__", start_and_note)
    yield
    for client in made:
        client.close()
