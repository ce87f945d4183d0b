"""`GET /api/v1/experiment`: the running experiment; requires the admin scope."""

from fastapi import APIRouter, Response

from quintet_gateway.routes.dependencies import ExperimentsDep, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.experiment import ExperimentResponse as ExperimentResponse
from quintet_gateway.schemas.experiment import experiment_json

router = APIRouter(prefix="/api/v1", tags=["Operation"])


@router.get(
    "/experiment",
    responses={200: {"model": ExperimentResponse}, **errors(401, 403, 429, 503, 504)},
)
async def get_experiment(experiments: ExperimentsDep) -> Response:
    """Wins, losses, the verdict of the sequential test, and the comparison of shadow requests."""
    return json_response({"experiment": experiment_json(await experiments.overview())})
