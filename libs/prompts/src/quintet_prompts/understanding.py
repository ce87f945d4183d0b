"""Understand a text: read it as parts, and compose them to a query."""

from collections.abc import Collection

from quintet_contract.limits import MAX_PROMPT

from quintet_prompts import phrases
from quintet_prompts.composition import composed
from quintet_prompts.lexicon import lexicon
from quintet_prompts.parts import CatalogueFacts, Leftover, Names, Part, Phrase, Understanding
from quintet_prompts.reader import Reader


def name_phrases(text: str) -> list[Phrase]:
    """List what to ask the catalogue before `understand`: phrases that may be names.

    Args:
        text: At most `MAX_PROMPT` characters.

    Returns:
        At most `MAX_NAMES` phrases, of which at most `MAX_SIMILAR_NAMES` ask for similar names.
    """
    return phrases.name_phrases(_checked(text), lexicon())


def understand(
    text: str,
    names: Names,
    facts: CatalogueFacts,
    this_year: int,
    removed: Collection[str] = (),
) -> Understanding:
    """Read a text as a query.

    Args:
        text: At most `MAX_PROMPT` characters.
        names: The items of each of `name_phrases(text)`.
        facts: What the catalogue has.
        this_year: The year of today.
        removed: Ids of parts to leave out.
    """
    reader = Reader(_checked(text), names, facts, lexicon(), this_year)
    reader.read()
    return assembled(sorted(reader.parts, key=_place), reader.leftovers, facts, removed)


def assembled(
    parts: list[Part],
    not_understood: list[Leftover],
    facts: CatalogueFacts,
    removed: Collection[str],
) -> Understanding:
    """Compose parts without those removed."""
    known = {part.id for part in parts}
    marked, query = composed([part for part in parts if part.id not in removed], facts)
    return Understanding(
        marked,
        not_understood,
        query,
        [each for each in dict.fromkeys(removed) if each in known],
        [each for each in dict.fromkeys(removed) if each not in known],
    )


def _place(part: Part) -> tuple[int, int]:
    return part.start, part.end


def _checked(text: str) -> str:
    if len(text) > MAX_PROMPT:
        raise ValueError(f"a text must be at most {MAX_PROMPT} characters; got {len(text)}")
    return text
