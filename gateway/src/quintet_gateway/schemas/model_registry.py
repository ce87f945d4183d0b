"""Answers and bodies of `/api/v1/operator/models` and `/api/v1/operator/rollback`."""

from typing import Any, Final, Literal

from pydantic import Field

from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.schemas.library import WorkFacts
from quintet_gateway.validation import StrictBody

NUMBER_PATTERN: Final = r"^[0-9]{1,9}$"

PROMOTION_EXAMPLES: Final[dict[str, Any]] = {
    "checked": {"summary": "Only if the gate passes", "value": {}},
    "unchecked": {"summary": "Without the gate", "value": {"without_gate": True}},
}
ROLLBACK_EXAMPLES: Final[dict[str, Any]] = {
    "back": {"summary": "Back from model 3", "value": {"champion": "3"}}
}


class RegisteredModel(ResponseModel):
    """A model of the registry."""

    number: str = Field(description="Its number in the registry")
    model: str = Field(description="The version of its bundle, as in `versions.model`")
    kind: str = Field(description="trained or bootstrap")
    catalogue: str = Field(description="The catalogue that it was made for")
    aliases: list[str] = Field(description="Such as champion and challenger")
    create_time: str
    promote_time: str | None = Field(description="When it became champion last; null if never")
    metrics: dict[str, float] = Field(description="Of its training and its evaluation, by name")


class ModelRequestFacts(WorkFacts):
    """A promotion or a rollback that was asked for."""

    action: Literal["promote", "rollback"]
    number: str = Field(description="The model to promote, or the champion to roll back from")


class RegisteredModelsResponse(ResponseModel):
    """The registry's models, the newest first, and the latest requests."""

    registry: Literal["up", "unavailable", "off", "unknown"] = Field(
        description="off: QUINTET_MLFLOW_URI is empty; unknown: not read yet, ask again"
    )
    previous_champion: str = Field(description="The model that a rollback makes champion; or empty")
    models: list[RegisteredModel]
    worker_running: bool
    worker_command: str = Field(description="The program that does the requests")
    requests: list[ModelRequestFacts]


class PromotionBody(StrictBody):
    """How a model is promoted."""

    without_gate: bool = Field(False, description="Promote it whatever the gate would report")


class RollbackBody(StrictBody):
    """From which model to roll back, so that a repeated request goes back once."""

    champion: str = Field(
        description="The number of the present champion", pattern=NUMBER_PATTERN, examples=["3"]
    )
