"""Read a wish in words as a query: names from the search service, the rest from the parser."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from quintet.search.v1 import search_pb2
from quintet_prompts import (
    CatalogueFacts,
    NamedItem,
    Names,
    Phrase,
    Understanding,
    name_phrases,
    understand,
)

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


class PromptReader:
    """Reads prompts.

    Args:
        services: The search service.
    """

    def __init__(self, services: NameServices) -> None:
        self._services = services

    async def read(self, text: str, removed: Sequence[str]) -> ReadPrompt:
        """Read a prompt, without the parts whose ids are removed.

        Raises:
            AppError: The search service is down.
        """
        phrases = await asyncio.to_thread(name_phrases, text)
        names, facts, version = await self._resolved(phrases)
        # A long text takes a tenth of a second, for which no other request should wait.
        understanding = await asyncio.to_thread(
            understand, text, names, facts, datetime.now(UTC).year, removed
        )
        return ReadPrompt(text, understanding, "parser", "", version)

    async def _resolved(self, phrases: Sequence[Phrase]) -> tuple[Names, CatalogueFacts, str]:
        request = search_pb2.ResolveNamesRequest(
            names=[
                search_pb2.NameQuery(text=phrase.text, similar=phrase.similar) for phrase in phrases
            ]
        )
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
