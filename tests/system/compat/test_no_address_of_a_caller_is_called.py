"""No request can make a process of ours call an address: settings alone name those."""

import re
import socket
import threading

import pytest
from pydantic import ValidationError
from quintet.feedback.v1 import feedback_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_command.settings import CommandSettings
from quintet_gateway.settings import GatewaySettings
from quintet_profile.settings import ProfileSettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_ui.settings import Settings as UiSettings

ADDRESS = re.compile(r"(^|_)(url|uri|urls|uris|href|link|callback|webhook|address|host)($|_)")
# An address that is bound or shown and never called, or that names a database by rules of its own.
SOURCES = "/api/v1/library/sources"
NOT_CALLED = {"host", "database_url", "mlflow_backend_url", "spotify_redirect_uri"}
SETTINGS = (
    GatewaySettings, ProfileSettings, RankerSettings, SearchSettings, CommandSettings, UiSettings,
)  # fmt: skip
CALLED = [
    (settings, name)
    for settings in SETTINGS
    for name in settings.model_fields
    if ADDRESS.search(name) and name not in NOT_CALLED
]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "gopher://x:70/", "javascript:alert(1)"])
@pytest.mark.parametrize(
    ("settings", "name"), CALLED, ids=lambda each: getattr(each, "__module__", each)
)
def test_an_address_that_is_called_must_be_http_or_a_host_and_port(
    settings, name, address, monkeypatch
):
    alias = settings.model_fields[name].validation_alias
    alias = getattr(alias, "choices", [alias])[0]
    setting = alias or f"{settings.model_config['env_prefix']}{name.upper()}"
    monkeypatch.setenv(setting, address)
    with pytest.raises(ValidationError):
        settings()


def test_the_settings_that_hold_an_address_are_found():
    assert len(CALLED) >= 12


def test_no_field_of_a_request_is_an_address(http):
    document = http.get("/openapi.json").json()
    named = set()
    # A source of own music is an address by its nature: it needs the scope `library`, and
    # tests/library and tests/gateway show which addresses are denied.
    paths = {name: path for name, path in document["paths"].items() if name != SOURCES}
    assert len(paths) == len(document["paths"]) - 1
    for path in paths.values():
        for operation in path.values():
            named |= {each["name"] for each in operation.get("parameters", [])}
            named |= names_in(operation.get("requestBody", {}), document)
    assert {"q", "seeds", "track_id"} <= named
    assert {name for name in named if ADDRESS.search(name.lower())} == set()
    for module in (feedback_pb2, profile_pb2, ranker_pb2, search_pb2):
        for message in module.DESCRIPTOR.message_types_by_name.values():
            if message.name.endswith("Request"):
                assert not [f.name for f in message.fields if ADDRESS.search(f.name)]


def names_in(schema, document):
    """Returns the names of all properties that a schema reaches."""
    found, left, seen = set(), [schema], set()
    while left:
        each = left.pop()
        if isinstance(each, list):
            left += each
        elif isinstance(each, dict):
            reference = each.get("$ref")
            if reference and reference not in seen:
                seen.add(reference)
                left.append(document["components"]["schemas"][reference.rpartition("/")[2]])
            found |= set(each.get("properties", {}))
            left += each.values()
    return found


@pytest.fixture
def listener():
    """An address, and who has called it."""
    callers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            try:
                while True:
                    connection, caller = server.accept()
                    callers.append(caller)
                    connection.close()
            except OSError:
                pass

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/latest/meta-data", callers
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def test_an_address_in_any_text_of_a_request_is_not_called(http, songs, listener):
    address, callers = listener
    headers = {
        "Quintet-Listener": "ann", "Referer": address, "Origin": address,
        "X-Forwarded-Host": address, "Forwarded": f"host={address}",
        "traceparent": address, "Host": address.split("/")[2],
    }  # fmt: skip
    asked = [
        http.get("/api/v1/search", params={"q": address}, headers=headers),
        http.get("/api/v1/artists", params={"q": address}),
        http.get(f"/api/v1/tracks/{address.replace('/', '%2F')}"),
        http.get("/v1/search", params={"q": address, "type": "track"}),
        http.get("/v1/recommendations", params={"seed_tracks": address}),
        http.post("/api/v1/recommendations", json={"seeds": [address]}),
        http.post("/api/v1/recommendations", json={"seeds": [{"genre": address}]}),
        http.post(
            "/api/v1/recommendations",
            json={"seeds": [songs[0]], "filters": {"excluded_track_ids": [address]}},
            headers=headers,
        ),
        http.post("/recommend_ranked", json={"track_ids": [address]}),
        http.post("/api/v1/feedback", json={"event_id": "e", "recommendation_id": "r",
                                            "track_id": address, "kind": "like"}),
    ]  # fmt: skip
    assert all(answer.status_code < 500 for answer in asked)
    assert not any(answer.is_redirect for answer in asked)
    assert callers == []
    # The listener does hear who calls.
    port = int(address.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as call:
        assert call.recv(1) == b""
    assert len(callers) == 1
