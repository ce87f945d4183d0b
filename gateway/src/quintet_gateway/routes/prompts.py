"""`/api/v1/prompts`: a wish in words as a query."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from quintet_servicekit.logs import REQUEST_ID

from quintet_gateway.routes.dependencies import (
    RECOMMENDATION_ID,
    ListenerHeader,
    PromptReaderDep,
    RecommenderDep,
    json_response,
)
from quintet_gateway.routes.recommendations import recommended
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.prompts import (
    PROMPT_EXAMPLES,
    PromptBody,
    PromptResponse,
    body_of,
    prompt_json,
)

router = APIRouter(prefix="/api/v1", tags=["Recommendations"])


@router.post(
    "/prompts",
    responses={
        200: {"model": PromptResponse},
        **errors(400, 401, 404, 413, 429, 500, 503, 504),
    },
)
async def read_prompt(
    reader: PromptReaderDep,
    recommender: RecommenderDep,
    listener: ListenerHeader,
    body: Annotated[PromptBody, Body(openapi_examples=PROMPT_EXAMPLES)],
) -> Response:
    """Read a wish in words as a query, and answer with its list on request."""
    prompt = await reader.read(body.text, body.removed)
    content = prompt_json(prompt, REQUEST_ID.get())
    query = body_of(prompt, body)
    headers = {}
    if body.recommend and query is not None:
        content["recommendations"] = await recommended(recommender, listener, query)
        headers[RECOMMENDATION_ID] = content["recommendations"]["recommendation_id"]
    return json_response(content, headers=headers)
