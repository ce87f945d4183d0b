"""Saved lists, and the playlists of sources that they became."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field
from quintet_contract.limits import MAX_LIMIT, MAX_LIST_NAME
from quintet_contract.patterns import LISTENER_PATTERN
from quintet_text.id_patterns import is_name
from quintet_text.track_ids import track_id_of

from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.schemas.library import NAME_PATTERN, RequestFacts
from quintet_gateway.validation import NAME_SCHEMA, STRICT, StrictBody, counted, named, rule_error

LIST_ID_PATTERN: Final = "^[0-9a-f]{8,64}$"


class PushedFacts(ResponseModel):
    """The playlist that a list became at a source."""

    source: str
    playlist: str = Field(description="The source's own id of it, or the name of its file")
    name: str = Field(description="As it was written last")
    tracks: int = Field(description="Tracks in it")
    missing: int = Field(description="Tracks of the list that the source lacks")
    pushed_at: str


class SavedListFacts(ResponseModel):
    """A saved list without its tracks."""

    id: str
    name: str
    origin: Literal["api", "command", "mix"]
    tracks: int = Field(description="How many tracks it has")
    created_at: str
    updated_at: str
    pushes: list[PushedFacts]


class TargetFacts(ResponseModel):
    """A source that a list can be pushed to."""

    source: str
    kind: str


class SavedListsResponse(ResponseModel):
    """One page of saved lists, the one changed last first, and where they can be pushed to."""

    lists: list[SavedListFacts]
    next_page_token: str
    targets: list[TargetFacts]


class SavedListResponse(SavedListFacts):
    """A saved list with its tracks, and the latest requests to push it."""

    track_ids: list[str]
    worker_running: bool = Field(description="Whether a process works on requests")
    worker_command: str = Field(description="Starts that process")
    requests: list[RequestFacts] = Field(description="Pushes of this list, the newest first")


class DeletedListResponse(ResponseModel):
    """A saved list that was deleted."""

    id: str


def _name(text: str) -> str:
    if len(text) > MAX_LIST_NAME or not is_name(text):
        rule = f"must be 1 to {MAX_LIST_NAME} characters in one line; got {len(text)}"
        raise rule_error("REQUEST_MALFORMED", rule)
    return text.strip()


def _track_ids(ids: list[str]) -> list[str]:
    # An address of a track names its id; a track is in a list once.
    return list(dict.fromkeys(map(track_id_of, ids)))


class SavedListBody(StrictBody):
    """A list to save. A list of the same name is replaced."""

    name: Annotated[
        str,
        AfterValidator(_name),
        Field(
            json_schema_extra={
                **NAME_SCHEMA,
                "maxLength": MAX_LIST_NAME,
                "examples": ["Evening"],
            }
        ),
    ]
    track_ids: Annotated[
        list[
            Annotated[str, AfterValidator(named("ID_COUNT")), Field(json_schema_extra=NAME_SCHEMA)]
        ],
        AfterValidator(counted("ID_COUNT", 1, MAX_LIMIT)),
        AfterValidator(_track_ids),
        Field(json_schema_extra={"minItems": 1, "maxItems": MAX_LIMIT}),
    ]
    listener: Annotated[
        str | None,
        Field(
            description="Whose list it is; deleted with the listener",
            json_schema_extra={"pattern": LISTENER_PATTERN},
        ),
    ] = None


class PushBody(BaseModel):
    """Where to push a list."""

    model_config = STRICT
    source: Annotated[str, Field(pattern=NAME_PATTERN, description="A name of `targets`")]


SAVED_EXAMPLES: Final[dict[str, Any]] = {
    "list": {
        "value": {
            "name": "Evening",
            "track_ids": ["6rqhFgbbKwnb9MLmUQDhG6", "0h38yQpF6cF6uGNJlXPB4l"],
        }
    }
}
PUSH_EXAMPLES: Final[dict[str, Any]] = {"server": {"value": {"source": "navidrome"}}}
