"""Request and answer of `/api/v1/prompts`."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from quintet_contract.limits import MAX_PROMPT, MAX_PROMPT_PARTS
from quintet_prompts import Part, Problem, meaning

from quintet_gateway.prompts import ReadPrompt
from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.schemas.recommendation_request import (
    Language,
    ListenerName,
    RecommendationsBody,
)
from quintet_gateway.schemas.recommendation_response import RecommendationsResponse
from quintet_gateway.validation import StrictBody, counted, rule_error

# The list's own language has a field in the body; this one has none yet.
_NOT_IN_BODY: Final = "lyrics_language"


def _text(text: str) -> str:
    if not 1 <= len(text) <= MAX_PROMPT or not text.strip():
        raise rule_error(
            "QUERY_LENGTH",
            f"must be 1 to {MAX_PROMPT} characters, not only spaces; got {len(text)}",
        )
    return text


class PromptBody(StrictBody):
    """A wish in words, and what to do with it."""

    text: Annotated[
        str,
        AfterValidator(_text),
        Field(
            description="The wish, in English or Korean.",
            json_schema_extra={"minLength": 1, "maxLength": MAX_PROMPT},
        ),
    ]
    removed: Annotated[
        list[str],
        AfterValidator(counted("ID_COUNT", 0, MAX_PROMPT_PARTS)),
    ] = Field(default=[], description="Ids of parts of the last answer to leave out of the query.")
    recommend: bool = Field(
        default=False, description="Whether to answer with the list of the query too."
    )
    language: Language = "en"
    listener: ListenerName = None


class Meaning(ResponseModel):
    """A sentence in both languages."""

    en: str
    ko: str


class Correction(ResponseModel):
    """A name as written, and the name of the catalogue that is used for it."""

    written: str
    used: str


class PromptPart(ResponseModel):
    """A part of the text, and what it adds to the query.

    Places count Unicode characters. The part `start` says what the list starts from if the text
    names nothing; it has no words, and cannot be removed.
    """

    id: str
    kind: str
    start: int
    end: int
    words: str
    meaning: Meaning
    query: dict[str, Any] = Field(description="The fields that it adds, as in the whole query")
    applied: bool = Field(description="Whether it is in the query")
    problem: Problem | None = Field(description="Why it is not in the query")
    correction: Correction | None
    removable: bool


class NotUnderstood(ResponseModel):
    """Words that no part covers."""

    start: int
    end: int
    words: str


class PromptResponse(ResponseModel):
    """The query that was understood, with its parts."""

    request_id: str
    text: str
    parts: list[PromptPart]
    not_understood: list[NotUnderstood]
    removed: list[str] = Field(description="Ids of the parts that were left out on request")
    unknown_removed: list[str] = Field(description="Ids of the request that no part has")
    query: dict[str, Any] | None = Field(
        description="A body for /api/v1/recommendations; null if the catalogue is empty"
    )
    read_by: Literal["parser", "model"]
    model_problem: str = Field(
        description="Why the language model was not used; empty if it was, or if none is set up"
    )
    catalogue_version: str
    recommendations: RecommendationsResponse | None = Field(
        description="The list, if the request has `recommend: true`"
    )


def body_of(prompt: ReadPrompt, options: PromptBody) -> RecommendationsBody | None:
    """Check a prompt's query by the rules of `/api/v1/recommendations`; None without seeds."""
    query = prompt.understanding.query
    if not query.get("seeds"):
        return None
    shown: dict[str, str] = {"language": options.language}
    if options.listener is not None:
        shown["listener"] = options.listener
    return RecommendationsBody.model_validate({**query, **shown})


def prompt_json(prompt: ReadPrompt, request_id: str) -> dict[str, Any]:
    """Write a prompt as it was understood, without a list."""
    found, text = prompt.understanding, prompt.text
    return {
        "request_id": request_id,
        "text": text,
        "parts": [_part(part, text) for part in found.parts],
        "not_understood": [
            {"start": each.start, "end": each.end, "words": text[each.start : each.end]}
            for each in found.not_understood
        ],
        "removed": list(found.removed),
        "unknown_removed": list(found.unknown),
        "query": dict(found.query) if found.query.get("seeds") else None,
        "read_by": prompt.read_by,
        "model_problem": prompt.model_problem,
        "catalogue_version": prompt.catalogue_version,
        "recommendations": None,
    }


def _part(part: Part, text: str) -> dict[str, Any]:
    correction = None
    if part.correction is not None:
        correction = {"written": part.correction[0], "used": part.correction[1]}
    return {
        "id": part.id,
        "kind": part.kind,
        "start": part.start,
        "end": part.end,
        "words": text[part.start : part.end],
        "meaning": {language: meaning(part, language) for language in ("en", "ko")},
        "query": {name: value for name, value in part.piece.items() if name != _NOT_IN_BODY},
        "applied": part.problem is None,
        "problem": part.problem,
        "correction": correction,
        "removable": part.kind != "start",
    }


PROMPT_EXAMPLES: Final[dict[str, Any]] = {
    "English": {
        "summary": "A wish in English, with the list",
        "value": {
            "text": "calm acoustic songs like Norah Jones, nothing explicit, under four minutes",
            "recommend": True,
        },
    },
    "Korean": {
        "summary": "A wish in Korean",
        "value": {"text": "Norah Jones 같은 잔잔한 노래, 4분 이하", "language": "ko"},
    },
    "without a part": {
        "summary": "The same without one of its parts",
        "value": {"text": "calm songs like Norah Jones", "removed": ["quality:0-4"]},
    },
}
