"""The page's client against a gateway that asks for tokens."""

from uuid import uuid4

import pytest
from quintet_ui.client import ClientCredentials, Fault, Gateway, GatewayFault
from quintet_ui.preferences import Preferences, SeedTrack, body_of


@pytest.fixture
def client(stack):
    auth = ClientCredentials(stack.token_url, stack.client_id, stack.client_secret)
    made = Gateway(stack.base, 20.0, auth)
    yield made
    made.close()


def test_the_page_searches_recommends_and_sends_feedback_with_a_token_of_its_own(client):
    found = client.search("queen", 3)
    preferences = Preferences(tuple(SeedTrack(track["id"]) for track in found))
    answer = client.recommend(body_of(preferences, limit=5))
    assert len(answer["tracks"]) == 5
    assert set(client.audio_features([found[0]["id"]])) == {found[0]["id"]}
    version, content = client.catalogue_map()
    assert content
    assert client.catalogue_map(version) is None
    event = {
        "event_id": uuid4().hex,
        "recommendation_id": answer["recommendation_id"],
        "track_id": answer["tracks"][0]["track"]["id"],
        "kind": "save",
    }
    client.send_feedback([event])
    # Deleting a listener takes a right that clients do not have unless it is given to them.
    with pytest.raises(GatewayFault) as caught:
        client.forget("listener-of-this-test")
    assert caught.value.fault is Fault.DENIED


@pytest.mark.parametrize("secret", ["wrong", None])
def test_without_a_token_the_page_is_denied(stack, secret):
    auth = secret and ClientCredentials(stack.token_url, stack.client_id, secret)
    client = Gateway(stack.base, 20.0, auth)
    with pytest.raises(GatewayFault) as caught:
        client.search("x", 1)
    client.close()
    assert caught.value.fault is Fault.DENIED
