"""Unmodified Python libraries for Spotify's Web API, against a real installation."""

import contextlib

import pytest
import spotipy
import tekore as tk
from spotipy.oauth2 import SpotifyClientCredentials, SpotifyOauthError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def sp(stack, monkeypatch):
    monkeypatch.setattr(SpotifyClientCredentials, "OAUTH_TOKEN_URL", stack.token_url)
    manager = SpotifyClientCredentials(
        stack.client_id, stack.client_secret, cache_handler=spotipy.MemoryCacheHandler()
    )
    client = spotipy.Spotify(auth_manager=manager, retries=0)
    client.prefix = stack.api
    return client


def test_spotipy_searches_looks_up_and_recommends(sp, songs):
    found = sp.search("artist:queen", type="track,artist", limit=5)
    assert found["artists"]["items"]
    assert sp.artist(found["artists"]["items"][0]["id"])["name"].lower().startswith("queen")
    assert [t["id"] for t in sp.tracks(songs[:3])["tracks"]] == songs[:3]
    features = sp.audio_features([songs[0], "0" * 22])
    assert features[0]["id"] == songs[0]
    assert features[1] is None
    answer = sp.recommendations(seed_tracks=songs[:3], limit=30, min_energy=0.5, target_valence=0.9)
    assert len(answer["tracks"]) == 30
    energies = [f["energy"] for f in sp.audio_features([t["id"] for t in answer["tracks"]])]
    assert min(energies) >= 0.5
    assert {seed["id"] for seed in answer["seeds"]} == set(songs[:3])
    genres = sp.recommendation_genre_seeds()["genres"]
    assert "rock" in genres
    artist = found["artists"]["items"][0]["id"]
    mixed = sp.recommendations(seed_artists=[artist], seed_genres=["rock"], seed_tracks=songs[:1])
    assert len(mixed["tracks"]) == 20


def test_spotipy_follows_pages(sp):
    page = sp.search("genre:rock", type="track", limit=10)["tracks"]
    following = sp.next(page)["tracks"]
    assert following["offset"] == 10
    assert sp.previous(following)["tracks"]["items"] == page["items"]


def test_spotipy_understands_errors(sp, songs):
    with pytest.raises(spotipy.SpotifyException, match="Resource not found") as missing:
        sp.track("0" * 22)
    assert missing.value.http_status == 404
    with pytest.raises(spotipy.SpotifyException, match="limit") as wrong:
        sp.recommendations(seed_tracks=songs[:1], limit=101)
    assert wrong.value.http_status == 400


def test_spotipy_understands_wrong_credentials(sp):
    sp.auth_manager.client_secret = "wrong"
    with pytest.raises(SpotifyOauthError, match="invalid_client"):
        sp.track("0" * 22)


@pytest.fixture
def to_quintet(stack, monkeypatch):
    monkeypatch.setattr("tekore._client.base.prefix", stack.api)
    monkeypatch.setattr("tekore._auth.expiring.client.OAUTH_TOKEN_URL", stack.token_url)


@pytest.mark.usefixtures("to_quintet")
def test_tekore_parses_every_object(stack, songs):
    with contextlib.closing(tk.SyncSender()) as sender:
        token = tk.Credentials(stack.client_id, stack.client_secret, sender=sender)
        spotify = tk.Spotify(token.request_client_token(), sender=sender)
        tracks, artists = spotify.search("artist:queen", types=("track", "artist"), limit=5)
        assert tracks.items
        assert spotify.artist(artists.items[0].id).name == artists.items[0].name
        assert spotify.track(songs[0]).id == songs[0]
        assert [t.id for t in spotify.tracks(songs[:4])] == songs[:4]
        assert spotify.track_audio_features(songs[0]).id == songs[0]
        assert len(spotify.tracks_audio_features(songs[:4])) == 4
        answer = spotify.recommendations(
            artist_ids=[artists.items[0].id], genres=["rock"], track_ids=songs[:2],
            limit=10, max_tempo=140, target_energy=0.7,
        )  # fmt: skip
        assert len(answer.tracks) == 10
        assert [seed.type for seed in answer.seeds] == ["ARTIST", "GENRE", "TRACK", "TRACK"]
        assert "rock" in spotify.recommendation_genre_seeds()
        assert spotify.next(tracks).offset == 5
        with pytest.raises(tk.NotFound):
            spotify.track("0" * 22)
        with pytest.raises(tk.BadRequest):
            spotify.recommendations(track_ids=songs[:1], limit=0)


@pytest.mark.usefixtures("to_quintet")
async def test_tekore_works_asynchronously(stack, songs):
    sender = tk.AsyncSender()
    try:
        credentials = tk.Credentials(
            stack.client_id, stack.client_secret, sender=sender, asynchronous=True
        )
        token = await credentials.request_client_token()
        spotify = tk.Spotify(token, sender=sender, asynchronous=True)
        (tracks,) = await spotify.search("queen", types=("track",), limit=3)
        assert tracks.items
        answer = await spotify.recommendations(track_ids=songs[:5], limit=7)
        assert len(answer.tracks) == 7
        features = await spotify.tracks_audio_features([t.id for t in answer.tracks])
        assert len(features) == 7
        with pytest.raises(tk.NotFound):
            await spotify.artist("0" * 22)
        wrong = tk.Credentials(stack.client_id, "wrong", sender=sender, asynchronous=True)
        with pytest.raises(tk.BadRequest):
            await wrong.request_client_token()
    finally:
        await sender.close()
