"""The words of both languages, as tables of phrases; read once, at the first use."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Generic, NamedTuple, TypeVar

from quintet_prompts.tokens import Token, tokenise

LANGUAGES: Final = ("en", "ko")
MAX_STEM_TOKENS: Final = 3
T = TypeVar("T")


class Match(NamedTuple, Generic[T]):
    """A phrase of a table: the place after its last token, and its value."""

    end: int
    value: T


class Table(Generic[T]):
    """Phrases of tokens, found from a place on, the longest first."""

    def __init__(self, phrases: Iterable[tuple[str, T]]) -> None:
        self._values: dict[tuple[str, ...], T] = {}
        for phrase, value in phrases:
            if words := tuple(token.word for token in tokenise(phrase)):
                self._values.setdefault(words, value)
        self._longest = max(map(len, self._values), default=0)

    def at(self, tokens: Sequence[Token], place: int) -> Match[T] | None:
        """Find the longest phrase that begins at a place."""
        for size in range(min(self._longest, len(tokens) - place), 0, -1):
            words = tuple(token.word for token in tokens[place : place + size])
            if words in self._values:
                return Match(place + size, self._values[words])
        return None

    def words(self) -> set[str]:
        """Collect the words of all phrases."""
        return {word for words in self._values for word in words}


class Stem(NamedTuple):
    """A Korean adjective in a text: its quality, and whether the form asks for a negation."""

    quality: str
    is_negatable: bool


class Stems:
    """Korean adjectives: the beginning that their forms share, and endings."""

    def __init__(self, stems: Mapping[str, Sequence[str]], endings: Iterable[str]) -> None:
        self._endings = frozenset(endings)
        self._stems: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for quality, texts in stems.items():
            for text in texts:
                *before, last = (token.word for token in tokenise(text))
                self._stems.setdefault(tuple(before), []).append((last, quality))
        for entries in self._stems.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def at(self, tokens: Sequence[Token], place: int) -> Match[Stem] | None:
        """Find the adjective that begins at a place."""
        for size in range(min(MAX_STEM_TOKENS, len(tokens) - place), 0, -1):
            before = tuple(token.word for token in tokens[place : place + size - 1])
            word = tokens[place + size - 1].word
            for last, quality in self._stems.get(before, ()):
                ending = word[len(last) :]
                if word.startswith(last) and ending in self._endings:
                    asks = ending.removesuffix("도").removesuffix("는").endswith("지")
                    return Match(place + size, Stem(quality, asks))
        return None

    def knows(self, word: str) -> bool:
        """Check whether a word is a form of an adjective of one word."""
        return any(
            word.startswith(last) and word[len(last) :] in self._endings
            for last, _ in self._stems.get((), ())
        )

    def words(self) -> set[str]:
        """Collect the words before the last one of longer adjectives."""
        return {word for before in self._stems for word in before}


class Lexicon:
    """All tables, with the phrases of both languages."""

    def __init__(self) -> None:
        read = {language: _read(f"{language}.toml") for language in LANGUAGES}
        self._read = read
        self.qualities: Mapping[str, Mapping[str, Mapping[str, float]]] = _read("qualities.toml")
        self.genres: Mapping[str, Mapping[str, Sequence[str]]] = _read("genres.toml")
        korean = read["ko"]
        self.stems = Stems(korean["stems"], korean["endings"]["words"])
        self.particles = tuple(sorted(korean["particles"]["words"], key=len, reverse=True))
        self.quality = Table(
            (phrase, quality)
            for words in (read["en"]["qualities"], korean["nouns"])
            for quality, phrases in words.items()
            for phrase in phrases
        )
        self.genre = Table(
            (phrase, name)
            for name, words in self.genres.items()
            for language in LANGUAGES
            for phrase in words.get(language, ())
        )
        self.tables: dict[str, Table[str]] = {
            f"{section}.{name}": self._joined(section, name)
            for section in ("like", "by", "negators", "bounds", "units", "years", "particles")
            for name in {key for each in read.values() for key in each.get(section, {})}
        }
        self.groups: dict[str, Table[str]] = {
            section: Table(
                (phrase, value)
                for each in read.values()
                for value, phrases in each[section].items()
                for phrase in phrases
            )
            for section in (
                *("versions", "explicit", "season", "discovery", "one_per_artist"),
                *("diverse", "languages", "intensity"),
            )
        }
        self.noise = self._joined("noise", "words")
        self.leading = frozenset(read["en"]["noise"]["leading"])
        self.numbers = Table(
            pair for each in read.values() for pair in each["numbers"]["words"].items()
        )
        self.decades = Table(
            pair for each in read.values() for pair in each["years"]["decades"].items()
        )
        self.known = self._known_words()

    def _joined(self, section: str, name: str) -> Table[str]:
        values = [each.get(section, {}).get(name, ()) for each in self._read.values()]
        return Table(
            (phrase, name)
            for phrases in values
            if not isinstance(phrases, Mapping)
            for phrase in phrases
        )

    def _known_words(self) -> frozenset[str]:
        tables: list[Table[Any]] = [
            *(self.quality, self.genre, self.noise, self.numbers, self.decades),
            *self.tables.values(),
            *self.groups.values(),
        ]
        return frozenset(self.stems.words().union(*(table.words() for table in tables)))

    def is_known(self, word: str) -> bool:
        """Check whether a word is of any table."""
        return word in self.known or self.stems.knows(word)

    def tokens(self, text: str) -> list[Token]:
        """Split a text, with particles split off Korean words."""
        return tokenise(text, self.is_known, self.particles)


@cache
def lexicon() -> Lexicon:
    """Read the words, once."""
    return Lexicon()


def _read(name: str) -> dict[str, Any]:
    path = files(__package__) / "vocabulary" / name
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def phrases_of(language: str) -> Mapping[str, Any]:
    """Read the sentences of a language, one of `LANGUAGES`."""
    return _read(f"sentences_{language}.toml")
