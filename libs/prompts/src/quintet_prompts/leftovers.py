"""Words that no rule read, as spans of the text."""

from collections.abc import Sequence

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.parts import Leftover, Part
from quintet_prompts.tokens import Token


def joined(
    left: Sequence[tuple[int, int]], tokens: Sequence[Token], parts: Sequence[Part], words: Lexicon
) -> list[Leftover]:
    """Join neighbours, and include "with" and "a" before them and particles after them.

    Args:
        left: First token and the token after the last one of each, in order.
        tokens: The tokens of the text.
        parts: The parts that were read; no leftover covers a word of them.
        words: The lexicon.
    """
    covered = _covered(tokens, parts)
    spans: list[tuple[int, int]] = []
    for start, end in left:
        end = _with_particles(end, tokens, covered)
        start = _with_leading(start, spans[-1][1] if spans else 0, tokens, covered, words)
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return [Leftover(tokens[start].start, tokens[end - 1].end) for start, end in spans]


def _with_leading(
    start: int, least: int, tokens: Sequence[Token], covered: frozenset[int], words: Lexicon
) -> int:
    while start > least and tokens[start - 1].word in words.leading and start - 1 not in covered:
        start -= 1
    return start


def _with_particles(end: int, tokens: Sequence[Token], covered: frozenset[int]) -> int:
    """Include the particles that are written with the word before them."""
    while (
        end < len(tokens)
        and tokens[end].start == tokens[end - 1].end
        and tokens[end].is_korean
        and tokens[end - 1].is_korean
        and end not in covered
    ):
        end += 1
    return end


def _covered(tokens: Sequence[Token], parts: Sequence[Part]) -> frozenset[int]:
    """Find the tokens of parts; both are in the order of the text."""
    covered: set[int] = set()
    place = 0
    for part in sorted(parts, key=lambda part: part.start):
        while place < len(tokens) and tokens[place].start < part.start:
            place += 1
        while place < len(tokens) and tokens[place].start < part.end:
            covered.add(place)
            place += 1
    return frozenset(covered)
