"""Wishes in words, through the gateway and the real services over the embedded catalogue."""

import shutil

import pytest

from tests.fakes.services import gateway

WISH = (
    "calm songs from the nineties like Norah Jones, nothing explicit, no saxophone, under 4 minutes"
)


@pytest.fixture(scope="module")
def home(embedded_home, tmp_path_factory):
    copy = tmp_path_factory.mktemp("prompts") / "home"
    shutil.copytree(embedded_home, copy, symlinks=True)
    return copy


async def test_a_wish_is_answered_as_a_query_with_parts_and_what_was_not_understood(home):
    async with gateway(home) as (client, _):
        answer = (await client.post("/api/v1/prompts", json={"text": WISH})).json()
        said = {part["words"]: part for part in answer["parts"]}
        assert {words: part["applied"] for words, part in said.items()} == {
            "calm": True,
            "from the nineties": False,
            "like Norah Jones": True,
            "nothing explicit": True,
            "under 4 minutes": True,
        }
        assert [each["words"] for each in answer["not_understood"]] == ["no saxophone"]
        assert said["from the nineties"]["problem"] == "no_data"
        assert "no data" in said["from the nineties"]["meaning"]["en"]
        assert said["under 4 minutes"]["meaning"] == {
            "en": "Only tracks with length of at most 4:00.",
            "ko": "길이 값이 4:00 이하인 곡만 고릅니다.",
        }
        for part in answer["parts"]:
            assert answer["text"][part["start"] : part["end"]] == part["words"]
        # The query is a body of the other route, which returns the same list.
        listed = (await client.post("/api/v1/recommendations", json=answer["query"])).json()
        asked = {"text": WISH, "recommend": True}
        both = (await client.post("/api/v1/prompts", json=asked)).json()
        tracks = [each["track"] for each in both["recommendations"]["tracks"]]
        assert [track["id"] for track in tracks] == [t["track"]["id"] for t in listed["tracks"]]
        assert tracks
        assert all(t["duration_ms"] <= 240_000 and not t["explicit"] for t in tracks)
        assert both["query"]["filters"] == {"explicit": False, "max_duration_ms": 240_000}


async def test_each_part_can_be_removed_and_an_unknown_id_is_named(home):
    async with gateway(home) as (client, _):
        answer = (await client.post("/api/v1/prompts", json={"text": WISH})).json()
        for part in answer["parts"]:
            removed = {"text": WISH, "removed": [part["id"], "no:0-0"]}
            left = (await client.post("/api/v1/prompts", json=removed)).json()
            assert part["id"] not in [each["id"] for each in left["parts"]]
            assert left["removed"] == [part["id"]]
            assert left["unknown_removed"] == ["no:0-0"]
            listed = await client.post(
                "/api/v1/recommendations", json={**left["query"], "limit": 1}
            )
            assert listed.status_code == 200, listed.text


WRONG = [
    ({"text": ""}, "QUERY_LENGTH", "text"),
    ({"text": "  \n"}, "QUERY_LENGTH", "text"),
    ({"text": "a" * 501}, "QUERY_LENGTH", "text"),
    ({"text": "a", "removed": ["x"] * 101}, "ID_COUNT", "removed"),
    ({}, "REQUEST_MALFORMED", "text"),
]


async def test_a_wrong_body_is_named(home):
    async with gateway(home) as (client, _):
        for body, reason, field in WRONG:
            answer = await client.post("/api/v1/prompts", json=body)
            assert answer.status_code == 400
            detail = answer.json()["error"]["details"][0]
            assert (detail["reason"], detail["metadata"]["field"]) == (reason, field)
