"""What was understood of a sentence."""

from typing import Any, Literal

from quintet_client.models.answers import Answer
from quintet_client.models.lists import Recommendations


class Meaning(Answer):
    """A sentence in both languages."""

    en: str
    ko: str


class Correction(Answer):
    """A name as written in a prompt, and the name of the catalogue that is used for it."""

    written: str
    used: str


class PromptPart(Answer):
    """A part of a prompt, and what it adds to the query."""

    id: str  # names it in `removed` of the next call
    kind: str
    start: int  # in Unicode characters, as Python counts them
    end: int
    words: str
    meaning: Meaning
    query: dict[str, Any]
    applied: bool
    problem: str | None  # why it is not applied, such as "contradiction"
    correction: Correction | None
    removable: bool


class NotUnderstood(Answer):
    """Words of a prompt that no part covers."""

    start: int
    end: int
    words: str


class Prompt(Answer):
    """A wish in words as the query that was understood."""

    request_id: str
    text: str
    parts: tuple[PromptPart, ...]
    not_understood: tuple[NotUnderstood, ...]
    removed: tuple[str, ...]
    unknown_removed: tuple[str, ...]
    query: dict[str, Any] | None  # a body for recommendations; None if the catalogue is empty
    read_by: Literal["parser", "model"]
    model_problem: str
    catalogue_version: str
    recommendations: Recommendations | None
