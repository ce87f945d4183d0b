"""`GET /api/v1/operations`: drift of the catalogue's use, and runs of the DAGs."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request, Response

from quintet_gateway.routes.dependencies import json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.operations import OperationsResponse

router = APIRouter(prefix="/api/v1", tags=["Operation"])


class OperationsSource(Protocol):
    """Source of the state of operation."""

    async def overview(self) -> OperationsResponse:
        """Collect the state of operation."""


async def _operations(request: Request) -> OperationsSource:
    operations: OperationsSource = request.app.state.operations
    return operations


@router.get(
    "/operations",
    responses={200: {"model": OperationsResponse}, **errors(401, 403, 429)},
)
async def get_operations(operations: Annotated[OperationsSource, Depends(_operations)]) -> Response:
    """Report the last drift, and the last runs of each DAG with links to Airflow."""
    found = await operations.overview()
    return json_response(found.model_dump(mode="json"))
