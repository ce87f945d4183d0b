"""OpenAPI links from an answer to the next call, which clients and tests can follow."""

from collections.abc import Mapping
from typing import Any, Final

# FastAPI's operation ids: function, path and method.
_SEARCH: Final = "search_tracks_api_v1_search_get"
_RECOMMEND: Final = "create_recommendations_api_v1_recommendations_post"
_RADIO: Final = "continue_radio_api_v1_radio_post"
_PATH: Final = "find_path_api_v1_path_post"
_FEEDBACK: Final = "record_feedback_api_v1_feedback_post"
_TRACK: Final = "get_track_api_v1_tracks__id__get"


def _link(operation: str, description: str, **more: Any) -> dict[str, Any]:
    return {"operationId": operation, "description": description, **more}


OF_SEARCH: Final[Mapping[str, Any]] = {
    "track": _link(
        _TRACK, "The first match alone", parameters={"path.id": "$response.body#/tracks/0/track/id"}
    ),
    "recommend": _link(
        _RECOMMEND,
        "The first match as a seed",
        requestBody={"seeds": ["$response.body#/tracks/0/track/id"], "limit": 5},
    ),
    "next": _link(
        _SEARCH,
        "The next page",
        parameters={
            "query.q": "$request.query.q",
            "query.page_token": "$response.body#/next_page_token",
        },
    ),
}
OF_RECOMMENDATIONS: Final[Mapping[str, Any]] = {
    "feedback": _link(
        _FEEDBACK,
        "A listener's action on the first track",
        requestBody={
            "event_id": "e-1",
            "recommendation_id": "$response.body#/recommendation_id",
            "track_id": "$response.body#/tracks/0/track/id",
            "kind": "like",
            "position": 1,
        },
    ),
    "track": _link(
        _TRACK,
        "The first track alone",
        parameters={"path.id": "$response.body#/tracks/0/track/id"},
    ),
    "again": _link(
        _RECOMMEND,
        "Recommendations from the first track",
        requestBody={"seeds": ["$response.body#/tracks/0/track/id"], "limit": 5},
    ),
}
OF_RADIO: Final[Mapping[str, Any]] = {
    "next": _link(
        _RADIO,
        "The next tracks, after a like of the first",
        requestBody={
            "cursor": "$response.body#/cursor",
            "events": [{"track_id": "$response.body#/tracks/0/track/id", "action": "like"}],
        },
    ),
    "path": _link(
        _PATH,
        "A path from the first track to the second",
        requestBody={
            "start": "$response.body#/tracks/0/track/id",
            "end": "$response.body#/tracks/1/track/id",
            "length": 5,
        },
    ),
}
OF_TRACK: Final[Mapping[str, Any]] = {
    "recommend": _link(
        _RECOMMEND,
        "Recommendations from this track",
        requestBody={"seeds": ["$response.body#/id"], "limit": 5},
    ),
}
