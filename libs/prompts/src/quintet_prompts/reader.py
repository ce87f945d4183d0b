"""Read the tokens of a text from left to right as parts; what no rule reads is left over."""

from collections.abc import Callable, Sequence
from typing import Final

from quintet_prompts.items import Content, Item, Items, disliked, liked, only_by
from quintet_prompts.leftovers import joined
from quintet_prompts.lexicon import Lexicon
from quintet_prompts.naming import Found, Naming
from quintet_prompts.parts import CatalogueFacts, Leftover, Names, Part
from quintet_prompts.phrases import JOINING
from quintet_prompts.quantities import Quantities
from quintet_prompts.suffixes import Suffixes
from quintet_prompts.tokens import Token
from quintet_prompts.years import Years

_MOST_BETWEEN: Final = 4
"""Words such as "too" between a negation and what it negates."""
_MOST_LEFT: Final = 6
"""Words that are listed with a negation of which nothing was understood."""
_STOPS: Final = frozenset(("but", "and", "then", "please", "however"))
_ALTERNATIVES: Final = frozenset(("or", "nor"))
_NAMED_GROUPS: Final = ("genre", "name", "version")
Rule = Callable[[int], int | None]


class Reader:
    """Reads one text.

    Args:
        text: The text.
        names: What the catalogue has for its phrases.
        facts: What the catalogue has at all.
        words: The lexicon.
        this_year: The year of today.
    """

    def __init__(
        self, text: str, names: Names, facts: CatalogueFacts, words: Lexicon, this_year: int
    ) -> None:
        self._tokens: Sequence[Token] = words.tokens(text)
        self._words = words
        self._naming = Naming(text, self._tokens, names, words)
        self._items = Items(self._tokens, self._naming, words, facts)
        self._suffixes = Suffixes(self._tokens, self._items, self._naming, words)
        self._quantities = Quantities(words, self._tokens)
        self._years = Years(words, self._tokens, this_year)
        self.parts: list[Part] = []
        self._left: list[tuple[int, int]] = []
        self._counted = -1
        self._rules: tuple[Rule, ...] = (
            *(self._not_a_negation, self._allowed, self._cap, self._measure, self._count),
            *(self._unlike, self._only_from, self._like, self._by, self._negated, self._plain),
            self._spare,
        )

    def read(self) -> None:
        """Read all tokens."""
        place = 0
        while place < len(self._tokens):
            end = next((end for rule in self._rules if (end := rule(place)) is not None), None)
            if end is None:
                self._left.append((place, place + 1))
                end = place + 1
            place = end

    @property
    def leftovers(self) -> list[Leftover]:
        """The words that were not understood."""
        return joined(self._left, self._tokens, self.parts, self._words)

    # --- Rules: each reads at a place and returns the place after it, or None ---------------------

    def _not_a_negation(self, place: int) -> int | None:
        found = self._words.tables["negators.not_a_negation"].at(self._tokens, place)
        if found is None:
            return None
        # "nothing but X" and "only X" mean the same.
        return self._only(found.end) or found.end

    def _cap(self, place: int) -> int | None:
        found = self._words.groups["one_per_artist"].at(self._tokens, place)
        if found is None:
            return None
        item = Item("one_per_artist", place, found.end)
        return self._add(self._items.wanted(item), place, found.end)

    def _measure(self, place: int) -> int | None:
        """Read a length, a tempo or years, and the word after it that rejects it."""
        measured = self._measured(place)
        if measured is None:
            return None
        negated = self._suffixes.negation(measured[0])
        if negated is not None:
            return self._flipped(place, negated, measured[1])
        return self._take(measured)

    def _measured(self, place: int) -> tuple[int, Part] | None:
        if place >= len(self._tokens):
            return None
        return self._quantities.at(place) or self._years.at(place)

    def _flipped(self, place: int, end: int, part: Part) -> int:
        """Reject a range with one end: "no songs longer than 4 minutes" is a greatest length.

        What has two ends, or none, cannot be rejected by a query: it is listed.
        """
        filters = part.piece.get("filters", {})
        if len(filters) != 1:
            self._left.append((place, end))
            return end
        ((name, value),) = filters.items()
        is_least = name.startswith("min_")
        other = ("max_" if is_least else "min_") + name[4:]
        # Years are whole: before 1990 and from 1990 on leave none out.
        step = 0 if name[4:] != "year" else -1 if is_least else 1
        span = self._tokens[place].start, self._tokens[end - 1].end
        piece = {"filters": {other: value + step}}
        self.parts.append(Part(part.kind, *span, piece, part.problem))
        return end

    def _allowed(self, place: int) -> int | None:
        """Read "I don't mind X"."""
        start = self._after("negators.allowed_before", place)
        item = None if start is None else self._items.at(start)
        content = None if item is None else self._items.allowed(item)
        if start is None or item is None or content is None:
            return None
        return self._add(content, place, item.end)

    def _count(self, place: int) -> int | None:
        counted = self._quantities.count(place)
        if counted is None or place < self._counted:
            return None
        self._counted = counted[1]
        self.parts.append(counted[2])
        return counted[0]

    def _unlike(self, place: int) -> int | None:
        start = self._after("like.not_like", place)
        found = None if start is None else self._naming.introduced(self._skip_article(start))
        if start is None:
            return None
        if found is None:
            return self._leave_negation(place, start)
        return self._listed(place, found, disliked)

    def _like(self, place: int) -> int | None:
        start = self._after("like.before", place)
        if start is None:
            return None
        found = self._naming.introduced(self._skip_article(start))
        item = self._items.at(start)
        if found is not None and (item is None or found.end >= item.end):
            return self._listed(place, found, liked)
        if item is not None:
            # "I like rock", "something like jazz": read as if "like" were not there.
            return start
        return self._leave_name(place, start)

    def _by(self, place: int) -> int | None:
        start = self._after("by.before", place)
        if start is None:
            return None
        found = self._naming.introduced(start)
        if found is None:
            return self._leave_name(place, start)
        return self._listed(place, found, only_by)

    def _only_from(self, place: int) -> int | None:
        """Read "only X" and "from X", where X is a name."""
        only = self._after("by.only", place)
        if only is not None:
            return self._only(only)
        start = self._after("by.from", place)
        found = None if start is None else self._naming.exact(start)
        if found is None or found.item.kind != "artist" or not self._naming.is_plain(found):
            return None
        return self._listed(place, found, only_by)

    def _only(self, start: int) -> int | None:
        found = self._naming.exact(start)
        item = self._items.at(start)
        if found is None or found.item.kind != "artist" or not self._naming.is_plain(found):
            return None
        if item is not None and item.end >= found.end:
            return None
        return self._listed(start, found, only_by)

    def _negated(self, place: int) -> int | None:
        start = self._after("negators.before", place)
        if start is None:
            return None
        if self._tokens[place].is_korean and self._items.at(start) is None:
            return None
        at = start
        for _ in range(_MOST_BETWEEN):
            if (measured := self._measured(at)) is not None:
                return self._flipped(place, *measured)
            if self._thing(at) is not None:
                break
            at = self._after("negators.between", at) or at
        item = self._thing(at)
        if item is None or item.asks_negation:
            return self._leave_negation(place, start)
        return self._negated_list(place, item)

    def _negated_list(self, place: int, item: Item) -> int:
        """Reject a thing and those listed with it: "no rap, country or metal"."""
        first, end = place, item.end
        while True:
            content = self._items.unwanted(item)
            if content is None:
                return self._leave_negation(first, end)
            self._add(content, first, item.end, item)
            end = item.end
            after = self._next_negated(item)
            if after is None:
                return end
            first = end
            item = after

    def _next_negated(self, item: Item) -> Item | None:
        at, between = item.end, ""
        while at < len(self._tokens) and self._tokens[at].word in JOINING:
            between, at = self._tokens[at].word, at + 1
        if not between:
            return None
        # "or anything too slow"
        for _ in range(_MOST_BETWEEN if between in _ALTERNATIVES else 0):
            if self._thing(at) is not None:
                break
            at = self._after("negators.between", at) or at
        more = self._thing(at) or (self._unsaid_name(at) if item.group == "name" else None)
        if more is None or more.asks_negation:
            return None
        if between in _ALTERNATIVES:
            return more
        # "no rap, rock songs": what a noun follows is wanted.
        counts = self._after("by.nouns", more.end) is not None and more.group != "name"
        same = more.group == item.group and more.group in _NAMED_GROUPS
        return more if same and not counts else None

    def _unsaid_name(self, place: int) -> Item | None:
        """Read a name in a list of names, also one that would not count on its own."""
        found = self._naming.exact(place)
        if found is None or self._words.is_known(self._tokens[place].word):
            return None
        return Item("name", found.start, found.end, found=found)

    def _plain(self, place: int) -> int | None:
        """Read a thing or a name on its own, with the words that follow it."""
        at, intensity = place, ""
        degree = self._words.groups["intensity"].at(self._tokens, place)
        if degree is not None and self._items.at(degree.end) is not None:
            at, intensity = degree.end, degree.value
        item = self._thing(at)
        if item is None:
            return self._corrected(place)
        read = self._suffixes.read(place, item, intensity)
        if read is None:
            return None
        end, parts = read
        self.parts += parts
        return end

    def _thing(self, place: int) -> Item | None:
        """Find a thing or a name at a place, the longer of the two."""
        if place >= len(self._tokens):
            return None
        item = self._items.at(place)
        quoted = self._naming.quoted(place)
        found = quoted[1] if quoted else self._naming.exact(place)
        if found is None or (item is not None and item.end >= found.end):
            return item
        if quoted or self._naming.is_plain(found) or self._suffixes.calls_a_name(found.end):
            return Item("name", found.start, found.end, found=found)
        return item

    def _corrected(self, place: int) -> int | None:
        """Read a name with a typo before "같은" or "style"."""
        read = self._suffixes.corrected(place)
        if read is None:
            return None
        end, parts = read
        self.parts += parts
        return end

    def _spare(self, place: int) -> int | None:
        """Skip words and marks that ask for nothing."""
        found = self._words.noise.at(self._tokens, place)
        if found is not None:
            return found.end
        return place + 1 if self._tokens[place].is_mark else None

    # --- Parts ----------------------------------------------------------------------------------

    def _listed(self, place: int, found: Found, content: Callable[[Found], Content]) -> int:
        """Add a name and those listed with it: "like X, Y and Z"."""
        first = place
        while True:
            self._add(content(found), first, found.end, Item("name", 0, 0, found=found))
            at = found.end
            while at < len(self._tokens) and self._tokens[at].word in JOINING:
                at += 1
            more = (
                self._naming.introduced(at) if at > found.end and at < len(self._tokens) else None
            )
            if more is not None and not self._naming.is_listed(more):
                more = None
            item = self._items.at(at) if more is not None else None
            if more is None or (item is not None and item.end >= more.end):
                return found.end
            first, found = at, more

    def _take(self, read: tuple[int, Part] | None) -> int | None:
        if read is None:
            return None
        self.parts.append(read[1])
        return read[0]

    def _add(
        self, content: Content | None, first: int, end: int, item: Item | None = None
    ) -> int | None:
        if content is None:
            return None
        self.parts.append(part_of(self._tokens, content, first, end, item))
        return end

    def _leave_name(self, place: int, start: int) -> int | None:
        """List "like X" as not understood if X is no name of the catalogue."""
        end = start
        while end < len(self._tokens) and end - start < _MOST_LEFT and not self._ends_here(end):
            end += 1
        if end == start:
            return None
        self._left.append((place, end))
        return end

    def _leave_negation(self, place: int, start: int) -> int:
        """List a negation with its words if what it negates was not understood."""
        end = start
        while end < len(self._tokens) and end - start < _MOST_LEFT:
            word = self._tokens[end].word
            if self._tokens[end].is_mark or word in _STOPS or self._after("like.before", end):
                break
            end += 1
        self._left.append((place, end))
        return end

    def _ends_here(self, place: int) -> bool:
        token = self._tokens[place]
        known = self._items.at(place) is not None or self._after("negators.before", place)
        noise = self._words.noise.at(self._tokens, place) is not None
        return token.is_mark or bool(known) or noise or self._quantities.at(place) is not None

    def _skip_article(self, place: int) -> int:
        """Skip "the band", "the song" before a name that does not begin with "the"."""
        words = [token.word for token in self._tokens[place : place + 2]]
        if words[:1] == ["the"] and words[1:] in (["song"], ["band"], ["artist"], ["track"]):
            return place + 1 if words[1] in ("song", "track") else place + 2
        return place + 1 if words[:1] in (["artist"], ["band"], ["artists"]) else place

    def _after(self, table: str, place: int) -> int | None:
        found = self._words.tables[table].at(self._tokens, place)
        return None if found is None else found.end


def part_of(
    tokens: Sequence[Token], content: Content, first: int, end: int, item: Item | None = None
) -> Part:
    """Write what the tokens from a place to another add to the query."""
    correction = None if item is None or item.found is None else item.found.correction
    return Part(
        content.kind,
        tokens[first].start,
        tokens[end - 1].end,
        content.piece,
        content.problem,
        content.names,
        correction,
    )
