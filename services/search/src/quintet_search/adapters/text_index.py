"""Full-text index on tantivy: fields of a document, queries, and the order of matches.

Documents are added in order of popularity, by one thread into one segment, and every score is a sum
of constants. So equal scores are ordered by popularity, then by id, and the same query on the same
catalogue always gives the same list. The constants form tiers:

    8  the query is a whole title, or the whole name of an artist
    4  a title or an artist's name begins with the query
    2  all words are in the title, or all in the artists' names
    1  the last word is a complete word, not only a prefix of one

If fewer than `FEW` documents match, those with one typo per word follow. If there are none of these
either, two typos are allowed in long words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tantivy
from tantivy import Occur, Query

from quintet_search.adapters.text_analysis import beginning, is_unspaced, run_of, whole, words
from quintet_search.domain.query import FieldFilter, ParsedQuery

FEW: Final = 10
"""With fewer exact matches, those with typos are added."""
MAX_WORDS: Final = 24
"""Further words of a query are ignored; a text of 256 characters hardly has more."""
# Address space that tantivy reserves; with less, it would split millions of rows into segments.
_HEAP_BYTES: Final = 1_000_000_000
# The length of a word, in characters, from which one typo and two typos are allowed.
_ONE_TYPO, _TWO_TYPOS = 4, 8


@dataclass(frozen=True)
class Layout:
    """The fields of one kind of document.

    Attributes:
        parts: Fields that score higher if one of them contains all words.
        filters: The field of each query filter.
    """

    parts: tuple[str, ...]
    filters: Mapping[str, str]


TRACKS: Final = Layout(
    ("title", "artist"),
    {"artist": "artist", "album": "album", "track": "title", "genre": "genre", "isrc": "isrc"},
)
ARTISTS: Final = Layout((), {"artist": "text", "genre": "genre"})
_RAW: Final = ("genre", "isrc")


def schema_of(layout: Layout) -> tantivy.Schema:
    """Build the schema: `text`, `whole`, the fields of the layout, `year` and `row`."""
    builder = tantivy.SchemaBuilder()
    named = dict.fromkeys(("text", *layout.parts, *layout.filters.values()))
    for name in named:
        tokenizer = "raw" if name in _RAW else "whitespace"
        # Terms come from `text_analysis`, split by spaces. "basic" stores no frequencies and
        # positions: scores are constants.
        builder.add_text_field(name, tokenizer_name=tokenizer, index_option="basic")
    builder.add_text_field("whole", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("year", indexed=True, fast=True)
    builder.add_integer_field("row", fast=True)
    return builder.build()


def write_index(folder: Path, layout: Layout, documents: Iterable[Mapping[str, object]]) -> None:
    """Write an index into a new folder, with documents in the given order."""
    folder.mkdir()
    index = tantivy.Index(schema_of(layout), path=str(folder), reuse=False)
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for document in documents:
        writer.add_document(tantivy.Document(**document))
    writer.commit()
    writer.wait_merging_threads()
    for lock in folder.glob("*.lock"):
        # Leftovers of the writer; a published index is only read.
        lock.unlink()


class TextIndex:
    """An index opened for searching; several threads may search at once.

    Args:
        folder: A folder written by `write_index`.
        layout: The layout it was written with.

    Raises:
        ValueError: tantivy cannot read it.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        index = tantivy.Index.open(str(folder))
        # The files never change, so nothing is polled.
        index.config_reader("manual")
        self._schema = index.schema
        self._searcher = index.searcher()
        self._layout = layout

    @property
    def size(self) -> int:
        """The number of documents."""
        return int(self._searcher.num_docs)

    def find(
        self, query: ParsedQuery, offset: int, size: int
    ) -> tuple[list[tuple[int, float]], int]:
        """Find rows and their scores from an offset on, and the number of all matches."""
        wanted, texts = self._conditions(query), words(query.text)[:MAX_WORDS]
        if query.text and not texts:
            return [], 0
        filtered = self._filters(query)
        exact = self._exact(wanted, whole(query.text), texts, filtered)
        hits, total = self._hits(exact, offset, max(size, FEW))
        if total >= FEW or not wanted:
            return hits[:size], total
        if offset:
            # Fuzzy matches include the exact ones, which must be known from the first on to be
            # skipped.
            hits, _ = self._hits(exact, 0, FEW)
        known = {row for row, _ in hits}
        text, reach = whole(query.text), offset + size + FEW
        more, total = self._hits(self._fuzzy(wanted, text, filtered, 1), 0, reach)
        if not total:
            more, total = self._hits(self._fuzzy(wanted, text, filtered, 2), 0, reach)
        # Matches with typos follow all exact ones, in the order of their scores.
        hits = [(row, 1.0 + score) for row, score in hits]
        hits += [(row, score / 100.0) for row, score in more if row not in known]
        return hits[offset : offset + size], total

    def named(self, text: str, size: int, title_words: Sequence[str] = ()) -> list[int]:
        """List rows whose whole name is a text, the most popular first.

        Args:
            text: As `whole` returns it.
            size: How many at most.
            title_words: Words that a title must contain too.
        """
        clauses = [(Occur.Must, self._term("whole", text))]
        clauses += [(Occur.Must, self._term("title", word)) for word in title_words]
        return self._rows(Query.boolean_query(clauses), size)

    def similar(self, text: str, size: int) -> list[int]:
        """List rows whose whole name is a text but for a typo or two, the fewest typos first."""
        for typos in range(1, typos_of(text) + 1):
            if rows := self._rows(self._typo("whole", text, typos, prefix=False), size):
                return rows
        return []

    def beginning_with(self, text: str, size: int) -> list[int]:
        """List rows whose whole name begins with a text, the most popular first."""
        return self._rows(self._prefix("whole", text), size)

    def similar_words(self, field: str, texts: Sequence[str], size: int) -> list[int]:
        """List rows of which a field contains each of some words, or one with a typo."""
        clauses = [
            (
                Occur.Must,
                self._typo(field, text, 1, prefix=False)
                if typos_of(text)
                else self._term(field, text),
            )
            for text in texts[:MAX_WORDS]
        ]
        return self._rows(Query.boolean_query(clauses), size) if clauses else []

    def _rows(self, query: Query, size: int) -> list[int]:
        return [row for row, _ in self._hits(_constant(query, 1.0), 0, size)[0]]

    def _hits(self, query: Query, offset: int, size: int) -> tuple[list[tuple[int, float]], int]:
        result = self._searcher.search(query, limit=max(1, size), offset=offset)
        addresses = [address for _, address in result.hits]
        rows = self._searcher.fast_field_values("row", addresses) if addresses else []
        pairs = [(int(row or 0), float(hit[0])) for row, hit in zip(rows, result.hits, strict=True)]
        return pairs, int(result.count)  # type: ignore[attr-defined]  # the stub lacks it

    def _conditions(self, query: ParsedQuery) -> list["_Word"]:
        """List the words that must match, each with its field."""
        conditions: list[_Word] = []
        for part in query.filters:
            field = self._layout.filters.get(part.field)
            if field is not None and field not in _RAW:
                conditions += _in_field(field, part)
        texts = words(query.text)[:MAX_WORDS]
        conditions += [
            _Word("text", text, place == len(texts) - 1 or is_unspaced(text), True)
            for place, text in enumerate(texts)
        ]
        return conditions

    def _filters(self, query: ParsedQuery) -> list[Query]:
        """Build the conditions that allow no typos: genre, ISRC and years."""
        found: list[Query] = []
        for part in query.filters:
            field = self._layout.filters.get(part.field)
            if field in _RAW:
                value = whole(part.value) if field == "genre" else isrc_of(part.value)
                found.append(Query.term_query(self._schema, field, value, "basic"))
        if query.years is not None and self._layout is TRACKS:
            kind = tantivy.FieldType.Integer
            found.append(Query.range_query(self._schema, "year", kind, *query.years))
        return found

    def _exact(
        self, wanted: Sequence["_Word"], text: str, texts: Sequence[str], filtered: Sequence[Query]
    ) -> Query:
        clauses = [(Occur.Must, _constant(self._plain(word, word.field), 0.0)) for word in wanted]
        clauses += [(Occur.Must, _constant(query, 0.0)) for query in filtered]
        if not clauses:
            return Query.all_query()
        if texts:
            clauses += [
                (Occur.Should, _constant(self._term("whole", text), 8.0)),
                (Occur.Should, _constant(self._prefix("whole", text), 4.0)),
            ]
            free = [word for word in wanted if word.field == "text"]
            together = []
            for field in self._layout.parts:
                every = [(Occur.Must, self._plain(word, field)) for word in free]
                together.append((Occur.Should, Query.boolean_query(every)))
            if together:
                clauses.append((Occur.Should, _constant(Query.boolean_query(together), 2.0)))
            clauses.append((Occur.Should, _constant(self._term("text", texts[-1]), 1.0)))
        return Query.boolean_query(clauses)

    def _fuzzy(
        self, wanted: Sequence["_Word"], text: str, filtered: Sequence[Query], most: int
    ) -> Query:
        clauses = [(Occur.Must, self._tolerant(word, most)) for word in wanted]
        clauses += [(Occur.Must, _constant(query, 0.0)) for query in filtered]
        if typos := typos_of(text):
            similar = self._typo("whole", text, typos, prefix=True)
            clauses.append((Occur.Should, _constant(similar, 8.0)))
        return Query.boolean_query(clauses)

    def _tolerant(self, word: "_Word", most: int) -> Query:
        """Build a query that scores 3 for the word itself, 2 with one typo, 1 with two."""
        plain = _constant(self._plain(word, word.field), 3.0)
        most = min(most, typos_of(word.text)) if word.tolerant else 0
        if not most:
            return plain
        others = [
            _constant(self._typo(word.field, word.text, count, prefix=word.begins), 3.0 - count)
            for count in range(1, most + 1)
        ]
        # The best alternative counts, not their sum: a longer word must not score more.
        return Query.disjunction_max_query([plain, *others])

    def _plain(self, word: "_Word", field: str) -> Query:
        if is_unspaced(word.text):
            return self._prefix(field, run_of(word.text))
        return (self._prefix if word.begins else self._term)(field, word.text)

    def _term(self, field: str, text: str) -> Query:
        return Query.term_query(self._schema, field, text, "basic")

    def _prefix(self, field: str, text: str) -> Query:
        # One lookup instead of a visit to thousands of words.
        if (short := beginning(text)) is not None:
            return self._term(field, short)
        return Query.regex_query(self._schema, field, re.escape(text) + ".*")

    def _typo(self, field: str, text: str, distance: int, *, prefix: bool) -> Query:
        # True: two swapped letters count as one typo.
        return Query.fuzzy_term_query(self._schema, field, text, distance, True, prefix)


@dataclass(frozen=True, slots=True)
class _Word:
    """A word that must match.

    Attributes:
        field: The field to search.
        text: The word.
        begins: Whether a prefix is enough, because the word may be unfinished.
        tolerant: Whether typos are allowed.
    """

    field: str
    text: str
    begins: bool
    tolerant: bool


def _in_field(field: str, part: FieldFilter) -> list[_Word]:
    texts = words(part.value)[:MAX_WORDS]
    return [
        _Word(field, text, not part.quoted and place == len(texts) - 1, not part.quoted)
        for place, text in enumerate(texts)
    ]


def typos_of(text: str) -> int:
    """Choose the typos allowed in a word: 1 from four letters on, 2 from eight on."""
    return 2 if len(text) >= _TWO_TYPOS else 1 if len(text) >= _ONE_TYPO else 0


def isrc_of(value: str) -> str:
    """Normalise an ISRC to capitals and digits, as it is indexed."""
    return "".join(char for char in value.upper() if char.isalnum())


def _constant(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)
