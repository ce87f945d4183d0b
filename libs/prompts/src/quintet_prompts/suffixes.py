"""Words after a thing that say whether it is wanted: 같은, 빼고, 않은, "style", "is fine"."""

from collections.abc import Callable, Sequence
from typing import Final

from quintet_prompts.items import Content, Item, Items, disliked, liked, only_by
from quintet_prompts.lexicon import Lexicon
from quintet_prompts.naming import Naming
from quintet_prompts.parts import Part
from quintet_prompts.tokens import Token

_MOST_BETWEEN: Final = 3
_MOST_TYPED: Final = 4
"""Tokens of a name with a typo."""
_OF: Final = frozenset(("의", "가", "이"))
_MOST_LISTED: Final = 20
Reading = tuple[int, list[Part]]


class Suffixes:
    """Reads what follows a thing.

    Args:
        tokens: The tokens of the text.
        items: Its things.
        naming: Its names.
        words: The lexicon.
    """

    def __init__(
        self, tokens: Sequence[Token], items: Items, naming: Naming, words: Lexicon
    ) -> None:
        self._tokens = tokens
        self._items = items
        self._naming = naming
        self._words = words

    def read(self, place: int, item: Item, intensity: str = "") -> Reading | None:
        """Read a thing with the words after it; None if they leave its meaning open.

        Args:
            place: The first token, which may be a word of degree before the thing.
            item: The thing.
            intensity: The degree: "strong", "weak" or "".
        """
        if item.asks_negation:
            end = self._end("negators.long", item.end)
            return None if end is None else self._parts([item], place, end, self._items.unwanted)
        item = self._named_track(item) or item
        chain = self._chain(item)
        for listed in (chain, [item]) if len(chain) > 1 else ([item],):
            if (said := self._said(listed[-1])) is not None:
                return self._parts(listed, place, *said)
        item = Item(item.group, item.start, item.end, item.value, item.found, False, intensity)
        return self._parts([item], place, item.end, self._items.wanted)

    def calls_a_name(self, place: int) -> bool:
        """Check whether the words at a place say that a name is before them."""
        after = place
        if after < len(self._tokens) and self._tokens[after].word in self._words.particles:
            after += 1
        return any(
            self._end(table, at) is not None
            for table in ("like.after", "negators.after", "by.after", "by.only")
            for at in {place, after}
        )

    def corrected(self, place: int) -> Reading | None:
        """Read a name with a typo, which only words after it say to be a name."""
        for end in range(min(place + _MOST_TYPED, len(self._tokens)), place, -1):
            after = end
            if after < len(self._tokens) and self._tokens[after].word in self._words.particles:
                after += 1
            is_called = any(
                self._end(table, at) is not None
                for table in ("like.after", "negators.after")
                for at in {end, after}
            )
            found = self._naming.similar_before(place, end) if is_called else None
            if found is not None and found.item.is_similar:
                return self.read(place, Item("name", place, end, found=found))
        return None

    def _named_track(self, item: Item) -> Item | None:
        """Read "ARTIST의 TITLE" as the track, if words after it call it a name."""
        if item.found is None or item.found.item.kind != "artist":
            return None
        after = item.end
        word = self._tokens[after].word if after < len(self._tokens) else ""
        is_title = word in ("-", "–", ":")
        track = self._naming.track_of(item.found, after + (is_title or word in _OF))
        if track is None or not (is_title or self.calls_a_name(track.end)):
            return None
        return Item("name", item.start, track.end, found=track)

    def _chain(self, item: Item) -> list[Item]:
        """List a thing with those of its kind after it: "A랑 B", "A, B"."""
        chain = [item]
        while len(chain) < _MOST_LISTED:
            end = chain[-1].end
            at = self._end("particles.list", end)
            if at is None and end < len(self._tokens) and self._tokens[end].word == ",":
                at = end + 1
            more = None if at is None else self._same(item, at)
            if more is None:
                return chain
            chain.append(more)
        return chain

    def _same(self, item: Item, place: int) -> Item | None:
        if item.group != "name":
            more = self._items.at(place)
            return more if more is not None and more.group == item.group else None
        found = self._naming.exact(place)
        if found is None or found.item.kind == "genre":
            return None
        return Item("name", found.start, found.end, found=found)

    def _said(self, item: Item) -> tuple[int, Callable[[Item], Content | None]] | None:
        """Find what the words after a thing say; the place after them, and how it counts."""
        if item.group in ("version", "explicit", "season"):
            for at in self._places(item.end):
                if (end := self._end("negators.allowed", at)) is not None:
                    return end, self._items.allowed
        if (negated := self.negation(item.end)) is not None:
            return negated, self._items.unwanted
        if item.group in ("name", "genre"):
            return self._likened(item) or self._by(item)
        return None

    def _likened(self, item: Item) -> tuple[int, Callable[[Item], Content | None]] | None:
        for at in self._places(item.end):
            end = self._end("like.after", at)
            # "A 노래 같은" and "A 같은 노래" mean the same.
            if end is None and (noun := self._end("by.after", at)) is not None:
                end = self._end("like.after", noun)
            if end is None:
                continue
            while (more := self._end("like.after", end)) is not None:
                end = more
            negated = self.negation(end)
            if item.group == "genre":
                reject = negated is not None
                return negated or end, self._items.unwanted if reject else self._items.wanted
            return (end, _named(liked)) if negated is None else (negated, _named(disliked))
        return None

    def _by(self, item: Item) -> tuple[int, Callable[[Item], Content | None]] | None:
        """Read "X songs", "X의 노래" and "X만": only tracks by X."""
        if item.found is None or item.found.item.kind != "artist":
            return None
        for at in self._places(item.end, _OF):
            for table in ("by.after", "by.only", "by.nouns"):
                if (end := self._end(table, at)) is not None:
                    among = self._end("by.among", end)
                    return among or end, _named(only_by)
        return None

    def negation(self, place: int) -> int | None:
        """Find a word such as 빼고 soon after a place; the place after it."""
        at: int | None = place
        for _ in range(_MOST_BETWEEN + 1):
            if at is None:
                return None
            if (end := self._end("negators.after", at)) is not None:
                return end
            at = self._end("negators.between", at) if self._is_korean(at) else None
        return None

    def _is_korean(self, place: int) -> bool:
        return place < len(self._tokens) and self._tokens[place].is_korean

    def _places(self, end: int, skipped: frozenset[str] | None = None) -> list[int]:
        """List the places after a thing: right after it, and after one particle."""
        word = self._tokens[end].word if end < len(self._tokens) else ""
        words = self._words.particles if skipped is None else skipped
        return [end, end + 1] if word in words else [end]

    def _parts(
        self,
        items: Sequence[Item],
        place: int,
        end: int,
        content_of: Callable[[Item], Content | None],
    ) -> Reading | None:
        parts = []
        for number, item in enumerate(items):
            content = content_of(item)
            if content is None:
                return None
            last = end if number == len(items) - 1 else item.end
            first = place if number == 0 else item.start
            correction = None if item.found is None else item.found.correction
            spans = self._tokens[first].start, self._tokens[last - 1].end
            parts.append(
                Part(
                    content.kind, *spans, content.piece, content.problem, content.names, correction
                )
            )
        return end, parts

    def _end(self, table: str, place: int) -> int | None:
        found = self._words.tables[table].at(self._tokens, place)
        return None if found is None else found.end


def _named(content: Callable[..., Content]) -> Callable[[Item], Content | None]:
    return lambda item: None if item.found is None else content(item.found)
