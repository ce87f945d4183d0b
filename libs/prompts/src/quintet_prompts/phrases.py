"""The phrases of a text that may be names: what is asked of the catalogue before reading."""

from collections.abc import Iterator, Sequence
from typing import Final

from quintet_contract.limits import MAX_NAME, MAX_NAMES, MAX_SIMILAR_NAMES

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.parts import Phrase
from quintet_prompts.tokens import Token

MAX_TOKENS: Final = 10
"""Tokens of a name; longer ones are found by quotes only."""
_MOST_SIMILAR_TOKENS: Final = 4
_LISTED: Final = 12
"""Tokens after "like" in which further names of a list may begin."""
QUOTES: Final = {
    '"': '"',
    "“": "”",
    "‘": "’",
    "'": "'",
    "「": "」",
    "『": "』",
    "《": "》",
    "«": "»",
}
JOINING: Final = frozenset((",", "and", "or", "&", "nor", "+", "/"))


def name_phrases(text: str, words: Lexicon) -> list[Phrase]:
    """List the phrases of a text that may be names, and the genres that it has in other words."""
    tokens = words.tokens(text)
    exact = dict.fromkeys(_runs(text, tokens))
    exact |= dict.fromkeys(_genres(tokens, words))
    similar = dict.fromkeys(_introduced(text, tokens, words))
    chosen = {phrase: False for phrase in exact if len(phrase) <= MAX_NAME}
    kept = [phrase for phrase in similar if len(phrase) <= MAX_NAME][:MAX_SIMILAR_NAMES]
    # Those whose similar names count come first: they are asked for in any case.
    ordered = {**dict.fromkeys(kept, True), **{p: False for p in chosen if p not in set(kept)}}
    return [Phrase(phrase, flag) for phrase, flag in ordered.items()][:MAX_NAMES]


def quotations(tokens: Sequence[Token]) -> dict[int, tuple[int, int]]:
    """Find quoted texts: token of the opening mark → tokens after the closing one, and of it."""
    found: dict[int, tuple[int, int]] = {}
    # The next place of each closing mark, from the end on, so that the text is read once.
    closing: dict[str, int] = {}
    for place in range(len(tokens) - 1, -1, -1):
        mark = tokens[place].text
        end = closing.get(QUOTES.get(mark, ""))
        # An apostrophe opens nothing after a letter, nor before a digit: 'n', '90s.
        is_open = mark not in "'‘" or not (
            (place and tokens[place - 1].end == tokens[place].start)
            or (place + 1 < len(tokens) and tokens[place + 1].is_number)
        )
        if end is not None and end > place + 1 and is_open:
            found[place] = (end + 1, end)
        if mark in QUOTES.values():
            closing[mark] = place
    return found


def ends_a_name(token: Token) -> bool:
    """Check whether a name may end with a token: with few marks."""
    return not token.is_mark or token.text in "!?.$*+"


def _runs(text: str, tokens: Sequence[Token]) -> Iterator[str]:
    for first, token in enumerate(tokens):
        if token.is_mark and token.text not in ("!", "$", "."):
            continue
        for last in tokens[first : first + MAX_TOKENS]:
            if not ends_a_name(last):
                continue
            yield text[token.start : last.end]
    for first, (_, last_place) in quotations(tokens).items():
        yield text[tokens[first].end : tokens[last_place].start]


def _genres(tokens: Sequence[Token], words: Lexicon) -> Iterator[str]:
    for place in range(len(tokens)):
        found = words.genre.at(tokens, place)
        if found is not None:
            yield found.value
            yield from words.genres[found.value].get("also", ())


def _introduced(text: str, tokens: Sequence[Token], words: Lexicon) -> Iterator[str]:
    """Yield phrases that the words around call a name."""
    for first, (_, last) in quotations(tokens).items():
        yield text[tokens[first].end : tokens[last].start]
    for place in _starts(tokens, words):
        # Longer ones first: the bound on their number cuts single words off.
        for size in range(_MOST_SIMILAR_TOKENS, 0, -1):
            last = place + size - 1
            if last < len(tokens) and not tokens[place].is_mark and ends_a_name(tokens[last]):
                yield text[tokens[place].start : tokens[last].end]
    for end in _ends(tokens, words):
        for size in range(_MOST_SIMILAR_TOKENS, 0, -1):
            first = end - size
            if first >= 0 and not tokens[first].is_mark and ends_a_name(tokens[end - 1]):
                yield text[tokens[first].start : tokens[end - 1].end]


def _starts(tokens: Sequence[Token], words: Lexicon) -> Iterator[int]:
    """Yield the places after "like", "by" and "without", and after commas that follow soon."""
    tables = [
        words.tables[name]
        for name in ("like.before", "like.not_like", "by.before", "negators.before")
    ]
    until = -1
    for place, token in enumerate(tokens):
        ends = [found.end for table in tables if (found := table.at(tokens, place))]
        if ends and not token.is_korean:
            until = max(ends) + _LISTED
            yield max(ends)
        elif place < until and token.word in JOINING:
            yield place + 1


def _ends(tokens: Sequence[Token], words: Lexicon) -> Iterator[int]:
    """Yield the places before "같은", "빼고" and "style", without a particle before them."""
    for place in range(1, len(tokens)):
        if any(
            words.tables[name].at(tokens, place) is not None
            for name in ("like.after", "negators.after")
        ):
            yield place
            if tokens[place - 1].word in words.particles:
                yield place - 1
