"""What the plugins of AudioMuse-AI send, answered in the ids of a real media server."""

from typing import Any

import httpx
import pytest

from tests.players.conftest import Running

TRACK = {"item_id": str, "title": str, "author": str, "album": str, "distance": float}


def check_track(track: dict[str, Any], running: Running) -> None:
    assert {name: type(value) for name, value in track.items()} == TRACK
    # Every id is one of the server's, with the names that it has there.
    assert running.ids[track["title"]] == track["item_id"]
    assert track["album"] == f"{track['author']}'s record"
    assert 0 <= track["distance"] <= 1


def test_navidrome_asks_for_similar_songs(running: Running) -> None:
    # As main.go sends it.
    given = {"eliminate_duplicates": "true", "item_id": running.ids["Song 3"], "n": 9}
    answer = running.get("/api/similar_tracks", radius_similarity="true", **given)
    assert answer.status_code == 200, answer.text
    tracks = answer.json()
    assert len(tracks) == 9
    for track in tracks:
        check_track(track, running)
    assert running.ids["Song 3"] not in {track["item_id"] for track in tracks}
    assert len({track["item_id"] for track in tracks}) == 9


def test_every_song_of_the_library_can_be_asked_for_and_nothing_else_comes(
    running: Running,
) -> None:
    answer = running.get("/api/similar_tracks", item_id=running.ids["Song 0"], n=2000)
    tracks = answer.json()
    # The catalogue has thousands of others.
    assert {track["item_id"] for track in tracks} <= set(running.ids.values())
    assert len(tracks) >= 18
    alone = running.get(
        "/api/similar_tracks", item_id=running.ids["Song 0"], n=500, eliminate_duplicates="false"
    ).json()
    assert len(alone) == 23


@pytest.mark.parametrize(
    "more",
    [
        # Jellyfin: AudioMuseService.cs; Lyrion: API.pm of both plugins; Ampache: item_id and n.
        {"n": 5},
        {"n": 5, "eliminate_duplicates": "true"},
        {
            **{"n": 5, "eliminate_duplicates": "true"},
            **{"radius_similarity": "true", "mood_similarity": "true"},
        },
        {"n": 5, "server": "home", "something": "else"},
    ],
)
def test_other_plugins_ask_for_similar_songs(running: Running, more: dict[str, Any]) -> None:
    answer = running.get("/api/similar_tracks", item_id=running.ids["Song 7"], **more)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 5
    for track in answer.json():
        check_track(track, running)


def test_a_song_may_be_named_by_title_and_artist(running: Running) -> None:
    by_id = running.get("/api/similar_tracks", item_id=running.ids["Song 4"])
    by_name = running.get("/api/similar_tracks", title="song 4", artist="EGON")
    assert len(by_id.json()) == 10
    assert by_name.json() == by_id.json()
    answer = running.get("/api/similar_tracks", title="Song 4", artist="Ann")
    assert answer.status_code == 404
    assert "no song 'Song 4' by 'Ann'" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "given", "status", "said"),
    [
        ("similar_tracks", {}, 400, "Give item_id, or title and artist"),
        ("similar_tracks", {"title": "a"}, 400, "Give item_id"),
        ("similar_tracks", {"item_id": "nothing"}, 404, "quintet library sync home"),
        ("similar_tracks", {"item_id": "a", "n": "ten"}, 400, "n must be a whole number from 1"),
        ("similar_tracks", {"item_id": "a", "n": "0"}, 400, "got 0"),
        ("similar_tracks", {"item_id": "a", "server": "nas"}, 404, "no source 'nas'"),
        ("similar_tracks", {"item_id": "a" * 600}, 400, "at most 512"),
        ("find_path", {"start_song_id": "a"}, 400, "end_song_id is missing"),
        ("find_path", {"start_song_id": "a", "end_song_id": "a"}, 400, "must be two songs"),
        ("find_path", {"start_song_id": "a", "end_song_id": "b", "max_steps": 2}, 400, "max_steps"),
        ("find_path", {"start_song_id": "a", "end_song_id": "b"}, 404, "no song with the id 'a'"),
        ("similar_artists", {}, 400, "artist is missing"),
        ("similar_artists", {"artist": "Nobody"}, 404, "no song by 'Nobody'"),
        ("clap/search", {}, 404, "/api/similar_tracks"),
    ],
)
def test_a_wrong_request_is_answered_with_its_reason(
    running: Running, path: str, given: dict[str, Any], status: int, said: str
) -> None:
    answer = running.get(f"/api/{path}", **given)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]


def test_a_path_has_both_ends_and_the_songs_between(running: Running) -> None:
    start, end = running.ids["Song 1"], running.ids["Song 20"]
    # As main.go sends it; count is for other versions of AudioMuse-AI.
    answer = running.get(
        "/api/find_path",
        **{"start_song_id": start, "end_song_id": end, "count": 8, "max_steps": 8},
        **{"path_fix_size": "false", "mood_pct": "100"},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    path = found["path"]
    assert [path[0]["item_id"], path[-1]["item_id"], len(path)] == [start, end, 8]
    for track in path:
        check_track(track, running)
    assert path[0]["distance"] == 0
    assert found["total_distance"] == pytest.approx(sum(t["distance"] for t in path), abs=1e-4)
    assert len({track["item_id"] for track in path}) == 8


def test_a_long_path_is_shorter_in_a_small_library_unless_its_length_is_fixed(
    running: Running,
) -> None:
    given = {"start_song_id": running.ids["Song 1"], "end_song_id": running.ids["Song 2"]}
    shorter = running.get("/api/find_path", max_steps=50, **given)
    assert shorter.status_code == 200, shorter.text
    assert 3 <= len(shorter.json()["path"]) <= 24
    fixed = running.get("/api/find_path", max_steps=50, path_fix_size="true", **given)
    assert fixed.status_code == 404
    assert "length" in fixed.json()["error"]


@pytest.mark.parametrize("name", ["id", "Cleo", "CLEO"])
def test_artists_like_one_are_those_of_the_server(running: Running, name: str) -> None:
    artist = running.artists["Cleo"] if name == "id" else name
    answer = running.get(
        "/api/similar_artists", artist=artist, n=3, include_component_matches="true"
    )
    assert answer.status_code == 200, answer.text
    artists = answer.json()
    assert len(artists) == 3
    songs = {item_id: title for title, item_id in running.ids.items()}
    for each in artists:
        assert set(each) == {"artist", "artist_id", "distance", "component_matches"}
        assert running.artists[each["artist"]] == each["artist_id"]
        assert each["artist"] != "Cleo"
        assert 0 <= each["distance"] <= 1
        assert each["component_matches"]
        for match in each["component_matches"]:
            for side, owner in (("artist1", "Cleo"), ("artist2", each["artist"])):
                (song,) = match[f"{side}_representative_songs"]
                assert songs[song["item_id"]] == song["title"]
                number = int(song["title"].removeprefix("Song "))
                assert ("Ann", "Bob", "Cleo", "Dora", "Egon", "Finn")[number % 6] == owner
    plain = running.get("/api/similar_artists", artist=artist, n=3).json()
    assert [each["artist_id"] for each in plain] == [each["artist_id"] for each in artists]
    assert "component_matches" not in plain[0]


def test_other_searches_of_plugins_find_similar_songs_too(running: Running) -> None:
    headers = {"Authorization": f"Bearer {running.player.key}"}

    def post(path: str, content: Any) -> httpx.Response:
        url = f"{running.url}/api/{path}"
        return httpx.post(url, json=content, headers=headers, timeout=60, trust_env=False)

    seed = running.ids["Song 6"]
    wanted = running.get("/api/similar_tracks", item_id=seed, n=5).json()
    body = {"item_id": seed, "mode": "similar", "limit": 5}
    found = post("hyperbolic/similar", body).json()["results"]
    # As SimilarTrackSearch.cs and main.go convert it.
    back = [{**row, "distance": row["distance"] / (1 + row["distance"])} for row in found]
    assert [row["item_id"] for row in back] == [row["item_id"] for row in wanted]
    for row, other in zip(back, wanted, strict=True):
        assert row["distance"] == pytest.approx(other["distance"], abs=1e-5)
    first, *rows = post("sem_grove/search", {"item_id": seed, "limit": 6}).json()["results"]
    assert (first["item_id"], first["is_seed"]) == (seed, True)
    assert [row["item_id"] for row in rows] == [row["item_id"] for row in wanted]
    for row, other in zip(rows, wanted, strict=True):
        assert 1 - row["similarity"] == pytest.approx(other["distance"], abs=1e-5)
    bad: tuple[Any, ...] = (
        {},
        [],
        {"item_id": 3},
        {"item_id": "a", "limit": 0},
        {**body, "mode": "roots"},
    )
    for wrong in bad:
        assert post("hyperbolic/similar", wrong).status_code == 400


def test_lyrion_searches_and_blends(running: Running) -> None:
    found = running.get("/api/search_tracks", search_query="Dora").json()
    assert {each["author"] for each in found} == {"Dora"}
    assert all(running.ids[each["title"]] == each["item_id"] for each in found)
    ids = [each["item_id"] for each in found[:2]]
    body: dict[str, Any] = {"items": [{"id": ids[0], "op": "ADD", "type": "song"}], "n": 4}
    body["items"] += [{"id": ids[1], "op": "SUBTRACT", "type": "song"}]
    headers = {"Authorization": f"Bearer {running.player.key}"}

    def blend(content: Any) -> httpx.Response:
        url = f"{running.url}/api/alchemy"
        return httpx.post(url, json=content, headers=headers, timeout=60, trust_env=False)

    answer = blend(body)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == 4
    for track in results:
        check_track(track, running)
    assert not {track["item_id"] for track in results} & set(ids)
    wrongs: tuple[Any, ...] = ([], {}, {"items": []}, {"items": [{"id": 3}]}, {**body, "n": "x"})
    for wrong in wrongs:
        assert blend(wrong).status_code == 400


def test_start_and_health_of_plugins(running: Running) -> None:
    for path in ("/", "/api/health"):
        answer = httpx.get(f"{running.url}{path}", trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    # Lyrion's plugin asks for these at its start.
    assert running.get("/api/active_tasks").json() == {}
    assert running.get("/api/last_task").json()["status"] == "NO_PREVIOUS_MAIN_TASK"


def test_a_key_is_needed_as_token_or_in_the_address(running: Running) -> None:
    given = {"item_id": running.ids["Song 3"], "n": "3"}
    url = f"{running.url}/api/similar_tracks"
    for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic YTpi"}):
        answer = httpx.get(url, params=given, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert "quintet players add NAME" in answer.json()["error"]
    # Ampache's plugin sends no token.
    keyed = f"{running.url}/key/{running.player.key}/api/similar_tracks"
    assert len(httpx.get(keyed, params=given, timeout=60, trust_env=False).json()) == 3
    wrong = httpx.get(keyed.replace(running.player.key, "0" * 32), params=given, trust_env=False)
    assert wrong.status_code == 401
    assert running.player.key not in running.processes.text("players")
