"""`/api/v1/operator`: reports for operators; requires the admin scope."""

from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from quintet_contract.patterns import EVENT_PATTERN

from quintet_gateway.routes.dependencies import Hours, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.model_registry import (
    NUMBER_PATTERN,
    PROMOTION_EXAMPLES,
    ROLLBACK_EXAMPLES,
    ModelRequestFacts,
    PromotionBody,
    RegisteredModelsResponse,
    RollbackBody,
)
from quintet_gateway.schemas.operator import (
    OVERVIEW_EXAMPLE,
    OverviewResponse,
    RecordedListResponse,
)

router = APIRouter(prefix="/api/v1/operator", tags=["Operation"])


class ReportSource(Protocol):
    """Source of reports."""

    async def overview(self, hours: int) -> dict[str, Any]:
        """Report the state now, and what happened in the hours before."""

    async def recorded_list(self, recommendation_id: str) -> dict[str, Any]:
        """Report a list with everything that made it."""


class ModelSource(Protocol):
    """The registry's models."""

    async def overview(self) -> RegisteredModelsResponse:
        """List models and requests."""

    async def promote(self, number: str, without_gate: bool, caller: str) -> ModelRequestFacts:
        """Queue a promotion."""

    async def roll_back(self, champion: str, caller: str) -> ModelRequestFacts:
        """Queue a rollback."""


async def _models(request: Request) -> ModelSource:
    models: ModelSource = request.app.state.model_registry
    return models


async def _caller(request: Request) -> str:
    """Name the client that calls, for the log of events."""
    return str(request.scope["quintet.caller"].name)


async def _reports(request: Request) -> ReportSource:
    reports: ReportSource = request.app.state.reports
    return reports


ReportsDep = Annotated[ReportSource, Depends(_reports)]
ModelsDep = Annotated[ModelSource, Depends(_models)]
CallerDep = Annotated[str, Depends(_caller)]
_QUEUED: Final = {
    202: {"model": ModelRequestFacts, "description": "Queued; a worker does it"},
    **errors(400, 401, 403, 404, 409, 413, 429, 503, 504),
}


@router.get(
    "/overview",
    responses={
        200: {
            "model": OverviewResponse,
            "content": {"application/json": {"example": OVERVIEW_EXAMPLE}},
        },
        **errors(400, 401, 403, 429, 504),
    },
)
async def get_overview(
    reports: ReportsDep,
    hours: Hours = 24,
) -> Response:
    """Services, model, traffic, feedback, experiment, drift and events, in one answer."""
    return json_response(await reports.overview(hours))


@router.get(
    "/lists/{id}",
    responses={
        200: {"model": RecordedListResponse},
        **errors(400, 401, 403, 404, 429, 503, 504),
    },
)
async def get_recorded_list(
    id: Annotated[
        str,
        Path(
            description="The recommendation's id",
            max_length=64,
            pattern=EVENT_PATTERN,
            examples=["6924f0c2a9d5b7e4c1f8a6d0e9b2c4f7"],
        ),
    ],
    reports: ReportsDep,
) -> Response:
    """Read a recorded list: seeds, options, versions, candidates, scores, reasons and feedback."""
    return json_response(await reports.recorded_list(id))


@router.get(
    "/models",
    responses={200: {"model": RegisteredModelsResponse}, **errors(401, 403, 429, 503, 504)},
)
async def get_models(models: ModelsDep) -> Response:
    """List the registry's models with their metrics, and the latest promotions and rollbacks."""
    return json_response((await models.overview()).model_dump(mode="json"))


@router.post("/models/{number}/promotion", status_code=202, responses=_QUEUED)
async def promote_model(
    number: Annotated[
        str,
        Path(
            description="A model's number in the registry", pattern=NUMBER_PATTERN, examples=["3"]
        ),
    ],
    models: ModelsDep,
    caller: CallerDep,
    body: Annotated[PromotionBody, Body(openapi_examples=PROMOTION_EXAMPLES)],
) -> Response:
    """Queue a promotion: the gate checks the model, then rankers load it as champion."""
    made = await models.promote(number, body.without_gate, caller)
    return json_response(made.model_dump(mode="json"), 202)


@router.post("/rollback", status_code=202, responses=_QUEUED)
async def roll_back(
    models: ModelsDep,
    caller: CallerDep,
    body: Annotated[RollbackBody, Body(openapi_examples=ROLLBACK_EXAMPLES)],
) -> Response:
    """Queue a rollback from the present champion to the one before it."""
    made = await models.roll_back(body.champion, caller)
    return json_response(made.model_dump(mode="json"), 202)
