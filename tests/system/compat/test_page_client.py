"""The page's calls against a gateway that asks for tokens."""

import pytest
from quintet_client import Event, Quintet, QuintetError, Retries
from quintet_ui.faults import Fault, gateway_fault
from quintet_ui.preferences import Preferences, SeedTrack, recommendation_call


@pytest.fixture
def client(stack):
    with Quintet(
        stack.base,
        timeout=60.0,
        client_id=stack.client_id,
        client_secret=stack.client_secret,
        retries=Retries(attempts=1),
    ) as made:
        yield made


def test_the_page_searches_recommends_and_sends_feedback_with_its_token(client):
    found = [match.track for match in client.search("queen", limit=3).tracks]
    preferences = Preferences(tuple(SeedTrack(track.id) for track in found))
    answer = client.call(recommendation_call(preferences, "listener-of-this-test", limit=5))
    assert len(answer.tracks) == 5
    assert set(client.audio_features([found[0].id, "unknown"])) == {found[0].id}
    newest = client.catalogue_map()
    assert newest.content
    assert client.catalogue_map(newest.etag) is None
    event = Event(
        recommendation_id=answer.recommendation_id,
        track_id=answer.tracks[0].track.id,
        kind="save",
    )
    assert client.feedback([event]).accepted == 1
    # Deleting a listener takes a right that clients do not have unless it is given to them.
    with pytest.raises(QuintetError) as caught:
        client.delete_listener("listener-of-this-test")
    assert gateway_fault(caught.value).fault is Fault.DENIED


@pytest.mark.parametrize("secret", ["wrong", None])
def test_without_a_token_the_page_is_denied(stack, secret):
    access = {"client_id": stack.client_id, "client_secret": secret} if secret else {}
    with (
        Quintet(stack.base, timeout=60.0, **access) as client,
        pytest.raises(QuintetError) as caught,
    ):
        client.search("x", limit=1)
    assert gateway_fault(caught.value).fault is Fault.DENIED
