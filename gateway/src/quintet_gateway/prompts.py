"""Read a wish in words as a query: names from the search service, the rest from the parser."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog
from quintet.search.v1 import search_pb2
from quintet_contract.limits import MAX_SIMILAR_NAMES
from quintet_prompts import (
    CatalogueFacts,
    NamedItem,
    Names,
    Phrase,
    Understanding,
    name_phrases,
    understand,
)
from quintet_prompts.model import (
    AnswerInvalid,
    ModelPart,
    answer_phrases,
    read_answer,
    understand_answer,
)

_log = structlog.get_logger(__name__)
_KEPT_ANSWERS: Final = 256
_KINDS: Final = {
    search_pb2.NAME_KIND_ARTIST: "artist",
    search_pb2.NAME_KIND_TRACK: "track",
    search_pb2.NAME_KIND_GENRE: "genre",
}


class NameServices(Protocol):
    """The search service; each call ends within the request's budget."""

    async def names(
        self, request: search_pb2.ResolveNamesRequest
    ) -> search_pb2.ResolveNamesResponse:
        """Look names up, and what the catalogue has."""


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt as it was understood.

    Attributes:
        text: The prompt.
        understanding: Its parts and the query.
        read_by: "parser" or "model".
        model_problem: Why the language model's answer was not used; empty if it was, or if none
            is configured.
        catalogue_version: The catalogue that names were looked up in.
    """

    text: str
    understanding: Understanding
    read_by: str
    model_problem: str
    catalogue_version: str


class ModelUnavailable(Exception):
    """A language model gave no usable answer; the text says why, for the caller."""


class Model(Protocol):
    """A language model of the operator."""

    async def ask(self, text: str) -> str:
        """Ask for the parts of a text; the answer's JSON, unchecked.

        Raises:
            ModelUnavailable: There is no usable answer in time.
        """
        ...


class PromptReader:
    """Reads prompts, by a language model if there is one, else by the parser.

    Args:
        services: The search service.
        model: The language model; None without one.
    """

    def __init__(self, services: NameServices, model: Model | None = None) -> None:
        self._services = services
        self._model = model
        # Texts are read again when a part is removed, and a model answers slowly.
        self._answers: OrderedDict[str, list[ModelPart]] = OrderedDict()

    async def read(self, text: str, removed: Sequence[str]) -> ReadPrompt:
        """Read a prompt, without the parts whose ids are removed.

        Raises:
            AppError: The search service is down.
        """
        problem = ""
        if self._model is not None:
            try:
                return await self._read_by_model(self._model, text, removed)
            except (ModelUnavailable, AnswerInvalid) as fault:
                problem = f"The language model was not used: {fault}. The parser read the text."
                _log.info("language model not used", why=str(fault))
        phrases = await asyncio.to_thread(name_phrases, text)
        names, facts, version = await self._resolved(phrases)
        # A long text takes a tenth of a second, for which no other request should wait.
        understanding = await asyncio.to_thread(
            understand, text, names, facts, datetime.now(UTC).year, removed
        )
        return ReadPrompt(text, understanding, "parser", problem, version)

    async def _read_by_model(self, model: Model, text: str, removed: Sequence[str]) -> ReadPrompt:
        parts = self._answers.get(text)
        if parts is None:
            parts = read_answer(text, await model.ask(text))
            self._answers[text] = parts
            while len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        names, facts, version = await self._resolved(answer_phrases(parts))
        understanding = await asyncio.to_thread(
            understand_answer, text, parts, names, facts, removed
        )
        return ReadPrompt(text, understanding, "model", "", version)

    async def _resolved(self, phrases: Sequence[Phrase]) -> tuple[Names, CatalogueFacts, str]:
        request = search_pb2.ResolveNamesRequest()
        for place, phrase in enumerate(phrases):
            # Those whose similar names count come first; a model may name more of them.
            similar = phrase.similar and place < MAX_SIMILAR_NAMES
            request.names.add(text=phrase.text, similar=similar)
        answer = await self._services.names(request)
        names = {
            phrase.text: [_item(item) for item in result.items]
            for phrase, result in zip(phrases, answer.results, strict=True)
        }
        return names, _facts(answer.facts), answer.catalogue_version


def _item(item: search_pb2.NamedItem) -> NamedItem:
    artists = tuple((artist.id, artist.name) for artist in item.artists)
    # A kind of a newer search service is none that a query can have.
    return NamedItem(_KINDS.get(item.kind, ""), item.id, item.name, artists, item.is_similar)


def _facts(facts: search_pb2.CatalogueFacts) -> CatalogueFacts:
    return CatalogueFacts(
        facts.track_count,
        facts.dated_track_count,
        facts.explicit_track_count,
        [genre.name for genre in facts.largest_genres],
        list(facts.popular_track_ids),
    )
