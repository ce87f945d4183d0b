"""ReccoBeats: against a stand-in of its documented API, which fails too."""

import pytest
from quintet_library.http import Limits, ServerClient
from quintet_library.reccobeats import ReccoBeats
from quintet_library.records import SourceFailed
from quintet_text.track_ids import TrackIdentifier

from tests.fakes.web_server import Answer, Request, web_server

SPOTIFY_ID = "3n3Ppam7vgaVa1iaRUc9Lp"
FEATURES = {"energy": 0.7, "key": 4, "mode": 1, "loudness": -7.1, "tempo": 128.02}


def service_of(address: str) -> ReccoBeats:
    return ReccoBeats(ServerClient(address, "ReccoBeats", Limits(wait=lambda seconds: None)))


def test_answers_are_found_by_spotify_id_and_by_isrc():
    spotify = TrackIdentifier("spotify", SPOTIFY_ID)
    isrc, unknown = (TrackIdentifier("isrc", c) for c in ("GBAYE0601498", "GBAYE0601499"))
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        by_spotify = {"id": "x", "href": f"https://open.spotify.com/track/{SPOTIFY_ID}"}
        return Answer(
            {
                "content": [
                    {**by_spotify, **FEATURES, "liveness": 7, "valence": "NaN"},
                    {"isrc": "gb-aye-06-01498", "energy": 0.2},
                    {"isrc": "USRC17607839", "energy": 0.9},
                    {"energy": 0.9},
                    "nonsense",
                ]
            }
        )

    with web_server(answer) as web:
        found = service_of(web.address).features([spotify, isrc, unknown])
    # What is out of its range is not known, and what was not asked for is left out.
    assert found == {spotify: FEATURES, isrc: {"energy": 0.2}}
    (request,) = asked
    assert request.path == "/audio-features"
    assert request.query["ids"] == f"{SPOTIFY_ID},GBAYE0601498,GBAYE0601499"


def test_no_ids_are_no_request():
    with web_server(lambda _: Answer({})) as web:
        assert service_of(web.address).features([]) == {}
        assert web.requests == []


def test_another_answer_is_a_failure():
    with web_server(lambda _: Answer({"error": 1})) as web, pytest.raises(SourceFailed) as failed:
        service_of(web.address).features([TrackIdentifier("isrc", "GBAYE0601498")])
    assert "did not answer with features" in str(failed.value)
