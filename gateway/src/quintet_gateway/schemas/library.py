"""Sources of a listener's own music: their state, and requests for work on them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, model_validator
from quintet_contract.limits import MAX_TEXT
from quintet_contract.patterns import fits
from quintet_store.sources import SERVER_KINDS

from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.validation import STRICT, rule_error

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
CREDENTIAL_PREFIX: Final = "MUSIC_"
"""Start of the names of variables that a request may name.

Without it, a caller could add a server of theirs with the name of any variable, and the worker
would send them the secret in it.
"""
_CREDENTIAL: Final = r"^(env:MUSIC_[A-Z0-9_]{1,58}|file:[A-Za-z0-9_-][A-Za-z0-9._-]{0,63})$"

Kind = Literal["folder", "subsonic", "jellyfin", "beets"]
Action = Literal["add", "sync", "analyse", "remove", "push"]
State = Literal["queued", "running", "done", "failed"]


class ProgressFacts(ResponseModel):
    """Steps done and in all; a total of 0 means that it is not known yet."""

    done: int
    total: int


class WorkFacts(ResponseModel):
    """A request for work that `quintet library work` does."""

    id: int
    state: State
    message: str = Field(description="The last line: what was done, or why it failed")
    requested_at: str
    started_at: str = Field(description="Empty before it")
    ended_at: str = Field(description="Empty before it")


class RequestFacts(WorkFacts):
    """A request for work on a source."""

    action: Action
    source: str
    seconds_left: float | None = Field(description="Estimated; null if unknown")


class SourceFacts(ResponseModel):
    """A source of music, and how its sync and its analysis are."""

    name: str
    kind: str
    address: str = Field(description="A path or a URL")
    credential: str = Field(description="Where its secret is: env:NAME or file:PATH; never itself")
    play_allowed: bool
    added_at: str
    started_at: str = Field(description="When the last sync began; empty before the first")
    synced_at: str = Field(description="When the last sync without an error ended")
    last_error: str = Field(description="Of the last sync; empty if it succeeded")
    present: int = Field(description="Songs that the last sync found")
    absent: int = Field(description="Songs that were there before")
    quarantined: int = Field(description="Files that could not be read or analysed")
    sync: ProgressFacts
    analysis: ProgressFacts = Field(description="Files with measured features, of all files")


class LibraryResponse(ResponseModel):
    """All sources, the latest requests, and whether a process works on requests."""

    worker_running: bool
    worker_command: str = Field(description="Starts that process")
    sources: list[SourceFacts]
    requests: list[RequestFacts] = Field(description="The newest first")


class QuarantinedFacts(ResponseModel):
    """An item that could not be read or analysed."""

    item_id: str
    stage: Literal["sync", "analysis"]
    path: str = Field(description="Bytes that are not UTF-8 are shown as U+FFFD")
    reason: str
    quarantined_at: str


class QuarantineResponse(ResponseModel):
    """One page of a source's quarantine."""

    quarantined: list[QuarantinedFacts]
    next_page_token: str


class SourceGroupFacts(ResponseModel):
    """An artist or album as a media server has it."""

    id: str = Field(description="The server's own id")
    name: str


class SourceMatchResponse(ResponseModel):
    """What an id of a source names, with the tracks of the catalogue that it stands for."""

    source: str
    kind: Literal["song", "album", "artist"]
    id: str = Field(description="The source's own id")
    name: str = Field(description="Of an album or artist; empty for a song")
    track_ids: list[str] = Field(description="Of the catalogue, 1 to 500")


class TrackPlace(ResponseModel):
    """A track as one source has it."""

    source: str
    kind: str
    item_id: str
    path: str = Field(description="Empty for servers; bytes that are not UTF-8 are U+FFFD")
    present: bool
    playable: bool = Field(description="Whether /api/v1/tracks/{id}/audio plays it from here")
    artists: list[SourceGroupFacts] = Field(description="By the server's ids; empty for files")
    album: SourceGroupFacts | None = Field(description="By the server's id; null for files")


class OwnTrack(ResponseModel):
    """The sources of one track."""

    id: str
    has_cover: bool = Field(description="Whether /api/v1/tracks/{id}/cover has a picture")
    places: list[TrackPlace] = Field(description="Empty for a track that no source has")
    recording_mbid: str = Field(
        default="", description="MusicBrainz id of the recording; empty if it is not known"
    )


class OwnTracksResponse(ResponseModel):
    """Tracks that sources have, or whose MusicBrainz recording is known; others are left out."""

    tracks: list[OwnTrack]


class SourceBody(BaseModel):
    """A source to add. Its secret is not part of it, only the name of where the secret is."""

    model_config = STRICT
    name: Annotated[str, Field(pattern=NAME_PATTERN, examples=["music"])]
    kind: Kind
    address: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, examples=["/home/me/Music"])]
    user: Annotated[str, Field(max_length=256, description="Of a media server")] = ""
    credential: Annotated[
        str,
        Field(
            max_length=70,
            description="env:MUSIC_… or file:NAME in QUINTET_HOME/credentials; never the secret",
            json_schema_extra={"pattern": f"^$|{_CREDENTIAL}"},
        ),
    ] = ""
    send_password: Annotated[
        bool, Field(description="Of a Subsonic server that checks no tokens")
    ] = False
    music: Annotated[str, Field(max_length=MAX_TEXT, description="Music folder of beets")] = ""
    play_allowed: Annotated[bool, Field(description="Whether its files may be played")] = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "SourceBody":
        if self.credential and not fits(_CREDENTIAL, self.credential):
            # The text is not repeated: it may be the secret itself.
            raise rule_error(
                "REQUEST_MALFORMED",
                "must be env:NAME of a variable whose name begins with MUSIC_, or file:NAME of a "
                "file in QUINTET_HOME/credentials; never the secret itself",
                "credential",
            )
        if self.kind in SERVER_KINDS and not self.credential:
            raise rule_error(
                "REQUEST_MALFORMED",
                f"is required for a {self.kind} server: env:MUSIC_PASSWORD, for example",
                "credential",
            )
        if self.kind in SERVER_KINDS and not re.match(r"https?://[^@/]+(/|\Z)", self.address):
            raise rule_error(
                "REQUEST_MALFORMED",
                "must begin with http:// or https:// and hold no user and password",
                "address",
            )
        if self.kind not in SERVER_KINDS and not self.address.startswith("/"):
            raise rule_error(
                "REQUEST_MALFORMED",
                "must be a whole path, such as /home/me/Music, on the machine of the worker",
                "address",
            )
        return self


SOURCE_EXAMPLES: Final[dict[str, Any]] = {
    "folder": {"value": {"name": "music", "kind": "folder", "address": "/home/me/Music"}},
    "subsonic": {
        "value": {
            **{"name": "navidrome", "kind": "subsonic", "address": "https://music.example"},
            **{"user": "me", "credential": "env:MUSIC_PASSWORD", "play_allowed": True},
        }
    },
}


def shown(text: str) -> str:
    """Make a path printable: JSON has no bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def options_of(body: SourceBody, credentials: str) -> Mapping[str, Any]:
    """Make the options of a request to add a source.

    Args:
        body: Checked.
        credentials: The folder of files that hold secrets.
    """
    file = body.credential.removeprefix("file:")
    is_file = file != body.credential
    return {
        **{"kind": body.kind, "address": body.address, "user": body.user},
        **{"credential": f"file:{credentials}/{file}" if is_file else body.credential},
        **{"play_allowed": body.play_allowed, "send_password": body.send_password},
        **{"music": body.music},
    }
