"""Names of artists and tracks in a text, chosen by the words around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.parts import NamedItem, Names
from quintet_prompts.phrases import MAX_TOKENS, ends_a_name, quotations
from quintet_prompts.tokens import Token

_SONG_WORDS: Final = frozenset(("song", "songs", "track", "tune", "single", "노래", "곡"))
_SMALL_WORDS: Final = frozenset(
    ("a", "an", "the", "of", "in", "on", "at", "to", "and", "or", "for", "with", "n", "'", "n'")
)
_LEAST_LETTERS: Final = 8
"""Letters of a name in small letters that counts without a word such as "like" beside it."""


@dataclass(frozen=True)
class Found:
    """A name in a text.

    Attributes:
        start: Its first token.
        end: The token after its last one.
        item: What it names.
        written: The name as written.
    """

    start: int
    end: int
    item: NamedItem
    written: str

    @property
    def seed(self) -> dict[str, Any]:
        """The item as a seed."""
        return {f"{self.item.kind}_id": self.item.id}

    @property
    def correction(self) -> tuple[str, str] | None:
        """The name as written and as the catalogue has it, if they differ."""
        return (self.written, self.item.name) if self.item.is_similar else None


class Naming:
    """Finds names.

    Args:
        text: The text.
        tokens: Its tokens.
        names: What the catalogue has for its phrases.
        words: The lexicon.
    """

    def __init__(self, text: str, tokens: Sequence[Token], names: Names, words: Lexicon) -> None:
        self._text = text
        self._tokens = tokens
        self._names = names
        self._words = words
        self._quotations = quotations(tokens)

    def quoted(self, place: int) -> tuple[int, Found | None] | None:
        """Read a quotation: the place after it, and what it names; a track first."""
        span = self._quotations.get(place)
        if span is None:
            return None
        written = self._text[self._tokens[place].end : self._tokens[span[1]].start]
        items = _items(self._names.get(written, ()))
        tracks = [item for item in items if item.kind == "track"]
        chosen = next(iter([*tracks, *items]), None)
        if chosen is None:
            return span[0], None
        found = Found(place, span[0], chosen, written)
        return self._by_its_artist(found, tracks)

    def introduced(self, place: int) -> Found | None:
        """Read the longest name at a place where the words before say that there is one."""
        if (quoted := self.quoted(place)) is not None:
            return quoted[1]
        is_song = place < len(self._tokens) and self._tokens[place].word in _SONG_WORDS
        first = place + 1 if is_song else place
        return self._longest(first, first_kind="track" if is_song else "artist", similar=True)

    def exact(self, place: int) -> Found | None:
        """Read the longest name at a place that the catalogue has as it is written."""
        return self._longest(place, first_kind="artist", similar=False)

    def similar_before(self, place: int, end: int) -> Found | None:
        """Read the tokens from a place to another as a name with a typo."""
        written = self._written(place, end)
        items = _items(self._names.get(written, ()))
        return Found(place, end, items[0], written) if items else None

    def is_plain(self, found: Found) -> bool:
        """Check that a name counts although no word beside it says that it is one."""
        tokens = self._tokens[found.start : found.end]
        significant = [
            each for each in tokens if not each.is_mark and each.word not in _SMALL_WORDS
        ]
        unknown = [each for each in significant if not self._words.is_known(each.word)]
        written = [each for each in significant if each.text[:1].islower()]
        if not significant:
            return False
        if found.start == 0 and found.end == len(self._tokens):
            # The whole text is the name.
            return True
        if len(significant) == 1 and found.item.kind == "track":
            return False
        if not written:
            return bool(unknown) or len(significant) > 1
        letters = sum(len(each.text) for each in significant)
        is_long = found.item.kind == "artist" and len(significant) > 1 and letters >= _LEAST_LETTERS
        return is_long and bool(unknown)

    def is_listed(self, found: Found) -> bool:
        """Check that a name in a list of names is one: no common word, and no guess at one."""
        first = self._tokens[found.start]
        if found.item.is_similar:
            return not first.text[:1].islower() and not self._words.is_known(first.word)
        return self.is_plain(found) or not self._words.is_known(first.word)

    def _is_ordinary(self, place: int, end: int, *, want_similar: bool) -> bool:
        """Check whether all words are common ones: they are a name only if written with capitals.

        No similar name is guessed for them at all.
        """
        if not want_similar and not self._tokens[place].text[:1].islower():
            return False
        return all(
            each.is_mark or each.is_number or self._words.is_known(each.word)
            for each in self._tokens[place:end]
        )

    def genre(self, place: int) -> tuple[int, str] | None:
        """Read a genre that only the catalogue names; the place after it, and its name."""
        for end in range(min(place + MAX_TOKENS, len(self._tokens)), place, -1):
            for item in self._names.get(self._written(place, end), ()):
                if item.kind == "genre":
                    return end, item.name
        return None

    def genre_named(self, names: Sequence[str]) -> str | None:
        """Find the catalogue's name of a genre that has several names."""
        items = [item for name in names for item in self._names.get(name, ())]
        return next((item.name for item in items if item.kind == "genre"), None)

    def _longest(self, place: int, first_kind: str, *, similar: bool) -> Found | None:
        last = min(place + MAX_TOKENS, len(self._tokens))
        for want_similar in (False, True) if similar else (False,):
            for end in range(last, place, -1):
                if not ends_a_name(self._tokens[end - 1]):
                    continue
                written = self._written(place, end)
                items = [
                    item
                    for item in _items(self._names.get(written, ()))
                    if item.is_similar is want_similar
                    and not self._is_ordinary(place, end, want_similar=want_similar)
                ]
                if items:
                    items.sort(key=lambda item: item.kind != first_kind)
                    tracks = [item for item in items if item.kind == "track"]
                    found = Found(place, end, items[0], written)
                    # "Creep by Radiohead" is the song even if an artist is called Creep.
                    return self._by_its_artist(found, tracks)[1]
        return None

    def _by_its_artist(self, found: Found, tracks: Sequence[NamedItem]) -> tuple[int, Found]:
        """Extend "X by Y" to Y, and choose the track X that is by Y."""
        tokens, end = self._tokens, found.end
        if not tracks or end >= len(tokens) or tokens[end].word not in ("by", "-", "–", "from"):
            return found.end, found
        artist = self._longest(end + 1, "artist", similar=True)
        if artist is None:
            return found.end, found
        for track in tracks:
            if artist.item.id in (artist_id for artist_id, _ in track.artists):
                return artist.end, Found(found.start, artist.end, track, found.written)
        return found.end, found

    def track_of(self, artist: Found, place: int) -> Found | None:
        """Read a track of an artist at a place: "Linkin Park의 Numb"."""
        for end in range(min(place + MAX_TOKENS, len(self._tokens)), place, -1):
            for item in self._names.get(self._written(place, end), ()):
                by = (artist_id for artist_id, _ in item.artists)
                if item.kind == "track" and artist.item.id in by:
                    return Found(artist.start, end, item, self._written(place, end))
        return None

    def _written(self, first: int, end: int) -> str:
        return self._text[self._tokens[first].start : self._tokens[end - 1].end]


def _items(items: Sequence[NamedItem]) -> list[NamedItem]:
    return [item for item in items if item.kind != "genre"]
