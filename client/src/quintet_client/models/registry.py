"""Models of the registry, and requests to promote one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from quintet_client.models.answers import Answer


class RegisteredModel(Answer):
    """A model of the registry."""

    number: str
    model: str  # the version of its bundle, as in Versions.model
    kind: str
    catalogue: str
    aliases: tuple[str, ...]  # such as champion
    create_time: datetime
    promote_time: datetime | None  # when it became champion last
    metrics: Mapping[str, float]


class ModelRequest(Answer):
    """A promotion or a rollback that was asked for; times are empty before they come."""

    id: int
    action: Literal["promote", "rollback"]
    number: str  # the model to promote, or the champion to roll back from
    state: Literal["queued", "running", "done", "failed"]
    message: str
    requested_at: str
    started_at: str
    ended_at: str


class RegisteredModels(Answer):
    """The registry's models, the newest first, and the latest requests."""

    registry: Literal["up", "unavailable", "off", "unknown"]
    previous_champion: str  # empty if there is none to roll back to
    models: tuple[RegisteredModel, ...]
    worker_running: bool
    worker_command: str
    requests: tuple[ModelRequest, ...]
