"""Write the facts of one track as one sentence; the only place that words reasons.

A sentence has one clause for each fact, in the order of the facts. Comparisons with one seed share
a clause: alike first, then different. A clause names its seed unless the clause before did.
"""

import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any, Final, NamedTuple

from quintet_explain.facts import CLOSE_COSINE, Fact, Kind, Reference, ReferenceKind, Relation
from quintet_explain.genres import genre_name
from quintet_explain.numbers import shown
from quintet_explain.particles import with_particle

LANGUAGES: Final = ("en", "ko")
DEFAULT_LANGUAGE: Final = "en"
# References that are named by a title, in quotation marks.
_TITLED: Final = (ReferenceKind.TRACK, ReferenceKind.MEMBER, ReferenceKind.LISTENED)
# The tables of phrases by relation; `high` and `low` are joined by "and" in one part.
_ADJECTIVES: Final = {
    Relation.HIGH: "high",
    Relation.LOW: "low",
    Relation.MORE: "more",
    Relation.LESS: "less",
}
# The patterns of sentences with both values, by what a fact compares and how.
_VALUED: Final = {
    (Kind.ATTRIBUTE, Relation.HIGH): "alike",
    (Kind.ATTRIBUTE, Relation.LOW): "alike",
    (Kind.ATTRIBUTE, Relation.MORE): "more",
    (Kind.ATTRIBUTE, Relation.LESS): "less",
    (Kind.TEMPO, Relation.HIGH): "alike",
    (Kind.TEMPO, Relation.LOW): "alike",
    (Kind.TEMPO, Relation.SAME): "alike",
    (Kind.TEMPO, Relation.DOUBLE): "double",
    (Kind.TEMPO, Relation.HALF): "half",
    (Kind.KEY, Relation.SAME): "key_fits",
}
_OF_MEMORY: Final = (Kind.LIKED, Kind.PLAYED)
Phrases = Mapping[str, Any]


class Name:
    """A name in a phrase; a format such as `{seed:과/와}` appends a Korean particle.

    Args:
        word: The name as it is read.
        shown_as: How it is written, with `{name}` for the word, such as in quotation marks.
    """

    def __init__(self, word: str, shown_as: str = "{name}") -> None:
        self._word = word
        self._shown = shown_as.format(name=word)

    def __format__(self, particle: str) -> str:
        return with_particle(self._word, self._shown, particle) if particle else self._shown


def sentence_of(facts: Sequence[Fact], language: str = DEFAULT_LANGUAGE) -> str:
    """Write facts as one sentence.

    Args:
        facts: In the order in which they are stated; the first begins the sentence.
        language: One of `LANGUAGES`.
    """
    mentions = [
        (is_comparison(fact.kind), fact.reference, needs_name(fact.kind, fact.reference))
        for fact in facts
    ]
    clauses = [clause_of(facts, each.place, each.form, language) for each in outlined(mentions)]
    return joined(clauses, language)


class Clause(NamedTuple):
    """A clause of a sentence: the place of the fact that it begins with, and its form.

    The form is "known" if the clause before named the reference, and "new" if it must be named.
    """

    place: int
    form: str


def outlined(mentions: Iterable[tuple[bool, Hashable, bool]]) -> list[Clause]:
    """List the clauses of a sentence.

    Comparisons with one reference form one clause, at the place of the first.

    Args:
        mentions: Of each fact, whether it is a comparison; its reference or a number of it, None
            for none; and whether it names the reference in any case.
    """
    clauses, named = [], None
    compared: list[Hashable] = []
    for place, (is_comparison, reference, must_name) in enumerate(mentions):
        if is_comparison:
            if reference in compared:
                continue
            compared.append(reference)
        known = reference == named and not must_name
        clauses.append(Clause(place, "known" if known else "new"))
        if reference is not None:
            named = reference
    return clauses


def clause_of(facts: Sequence[Fact], place: int, form: str, language: str) -> str:
    """Write the clause that begins with a fact, in a form of `Clause`."""
    fact = facts[place]
    if is_comparison(fact.kind):
        return _comparison(facts, fact, form, language)
    return _clause(fact, form, language)


def joined(clauses: Sequence[str], language: str) -> str:
    """Join clauses to a sentence; without any, it states that no fact stands out."""
    phrases = phrases_of(language)
    if not clauses:
        return str(phrases["none"])
    text = str(phrases["between_clauses"]).join(clauses)
    # Names stay as they are written: only a clause of ours begins with a small letter.
    return f"{text[0].upper()}{text[1:]}." if phrases["language"] == "en" else f"{text}."


def is_comparison(kind: Kind) -> bool:
    """Report whether a fact of a kind compares an attribute with that of its reference."""
    # By identity: to hash a member of an enumeration takes longer.
    return kind is Kind.ATTRIBUTE or kind is Kind.TEMPO or kind is Kind.KEY


def fact_sentence(
    fact: Fact, language: str = DEFAULT_LANGUAGE, shared: tuple[str, str] = ("", "")
) -> str:
    """Write one fact as a sentence that names its seed, with both values that it rests on.

    A comparison states both values; a likeness of sound or taste states its cosine; playlists, how
    many hold both tracks and how many the seed; a genre, how many of the track's genres are shared.

    Args:
        fact: The fact.
        language: One of `LANGUAGES`.
        shared: Of an album or an artist that a track shares with a seed track: the album of the
            track and of the seed, or the artists of both. Empty if they are not known.
    """
    pattern = _VALUED.get((fact.kind, fact.relation))
    if pattern is not None and fact.reference is not None:
        return _compared_sentence(fact, pattern, language)
    if fact.kind in {Kind.SAME_ALBUM, Kind.SAME_ARTIST} and all(shared):
        return _shared_sentence(fact, shared, language)
    text = sentence_of([fact], language)
    more = _more(fact, text[:-1], language)
    return f"{more}." if more else text


def _compared_sentence(fact: Fact, pattern: str, language: str) -> str:
    """Write a comparison with both values."""
    assert fact.reference is not None, "a comparison has a reference"
    phrases = phrases_of(language)
    value, other = shown_values(fact, language)
    if value == other:
        # Rounded to the same: a sentence that calls one of them more would read as false.
        pattern = "key_same" if fact.kind is Kind.KEY else "alike"
    name = str(phrases["attribute"][fact.attribute or str(fact.kind)])
    text = str(phrases["valued"][pattern]).format(
        attribute=f"{name[0].upper()}{name[1:]}",
        value=value,
        other=other,
        seed=_names(fact.reference, language)["seed"],
    )
    return f"{text}."


def _shared_sentence(fact: Fact, shared: tuple[str, str], language: str) -> str:
    """Write that a track shares album or artist with a seed track, with those of both."""
    assert fact.reference is not None, "only a target has no reference"
    own, other = shared
    forms = phrases_of(language)["valued"][str(fact.kind)]
    return str(forms["same" if own == other else "other"]).format(
        value=Name(own), other=Name(other), seed=_names(fact.reference, language)["seed"]
    )


def _more(fact: Fact, text: str, language: str) -> str:
    """Add the other value of what both tracks share to a sentence; empty if there is none."""
    valued = phrases_of(language)["valued"]
    if _is_likeness(fact):
        return str(valued["likeness"]).format(text=text, value=f"{fact.value:.2f}")
    # 0 comes from a ranker of an older release.
    if fact.reference is None or fact.other_value <= 0:
        return ""
    if fact.kind is Kind.GENRE:
        kind = "only" if fact.other_value == 1 else str(fact.reference.kind)
        pattern = valued["genres"][kind]
    elif fact.kind in {Kind.TOGETHER, Kind.ARTISTS_TOGETHER}:
        pattern = valued[str(fact.kind)]
    else:
        return ""
    return str(pattern).format(
        text=text,
        value=f"{fact.value:.0f}",
        other=f"{fact.other_value:.0f}",
        count=_count(fact.other_value, phrases_of(language)),
        **_names(fact.reference, language),
    )


def _is_likeness(fact: Fact) -> bool:
    """Report whether the value of a fact is a cosine, of sound or of taste."""
    if fact.kind in _OF_MEMORY:
        return fact.attribute in {"taste", "sound"}
    return fact.kind is Kind.SOUND or fact.kind is Kind.TASTE


def shown_values(fact: Fact, language: str) -> tuple[str, str]:
    """Write both values of a comparison, the track's first, as a listener reads them."""
    units = phrases_of(language)["unit"]
    attribute = fact.attribute or str(fact.kind)
    return shown(attribute, fact.value, units), shown(attribute, fact.other_value, units)


@cache
def phrases_of(language: str) -> Phrases:
    """Read the phrases of a language, one of `LANGUAGES`."""
    path = files(__package__) / "phrases" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def novelty_sentence(
    new: int,
    total: int,
    language: str = DEFAULT_LANGUAGE,
    *,
    from_memory: bool = False,
    lacks_new: bool = False,
    lacks_known: bool = False,
) -> str:
    """State how much of a list is by artists that the listener does not know; empty for no track.

    Args:
        new: Tracks without a known artist.
        total: Tracks of the list.
        language: One of `LANGUAGES`.
        from_memory: Whether the listener's memory counts; otherwise the seeds' artists are known.
        lacks_new: Whether known artists filled places that were meant for new ones.
        lacks_known: Whether new artists filled places that were meant for known ones.
    """
    if not total:
        return ""
    phrases = phrases_of(language)["novelty"]
    counted = phrases["from_memory" if from_memory else "from_seeds"]
    parts = [counted.format(new=new, all=total)]
    parts += [phrases["lacks_new"]] if lacks_new else []
    parts += [phrases["lacks_known"]] if lacks_known else []
    return " ".join(parts)


def needs_name(kind: Kind, reference: Reference | None) -> bool:
    """Report whether a clause names its seed in any case: "it" cannot stand for an average."""
    if reference is None or not (kind is Kind.SOUND or is_comparison(kind)):
        return False
    return reference.kind is ReferenceKind.ARTIST or reference.kind is ReferenceKind.GENRE


def _clause(fact: Fact, form: str, language: str) -> str:
    """Write the clause of a fact that is no comparison."""
    if fact.kind is Kind.TARGET:
        return _target(fact, phrases_of(language))
    reference = fact.reference
    assert reference is not None, "only a target has no reference"
    if fact.kind is Kind.SOUND:
        key = "near" if fact.value >= CLOSE_COSINE else "far"
    elif fact.kind is Kind.LIKED or fact.kind is Kind.PLAYED:
        key = fact.attribute
    else:
        key = str(reference.kind)
    template = _template(language, (str(fact.kind), key), form, *reference)
    if not template.has_gaps:
        return template.text
    name = genre_name(fact.name, language) if fact.kind is Kind.GENRE else fact.name
    return template.text.format(name=Name(name), count=_count(fact.value, phrases_of(language)))


def _target(fact: Fact, phrases: Phrases) -> str:
    return str(phrases["target"]["fit"]).format(
        attribute=Name(phrases["attribute"][fact.attribute]),
        value=shown(fact.attribute, fact.value, phrases["unit"]),
        target=shown(fact.attribute, fact.other_value, phrases["unit"]),
    )


class _Template(NamedTuple):
    """A phrase about one reference, with gaps for what differs between tracks.

    Attributes:
        text: For `str.format` if it has gaps, else as it is.
        has_gaps: Whether it has.
    """

    text: str
    has_gaps: bool


@lru_cache(maxsize=4096)
def _template(
    language: str, keys: tuple[str, ...], form: str, seed: int, kind: str, *texts: str
) -> _Template:
    """Fill what the facts of a list share, which are about few references, into a phrase.

    Args:
        language: The language.
        keys: Where the phrase is in the table of phrases.
        form: "new" or "known".
        seed: The reference's field, as `kind`; plain values are hashed faster than a reference.
        kind: Likewise.
        texts: Its other fields.
    """
    reference = Reference(seed, ReferenceKind(kind), *texts)
    forms: Any = phrases_of(language)
    for key in keys:
        forms = forms[key]
    names = _names(reference, language)
    parts, has_gaps = [], False
    for literal, field, particle, _ in Formatter().parse(forms[form]):
        parts.append(literal)
        if field in names:
            parts.append(format(names[field], particle or ""))
        elif field is not None:
            has_gaps = True
            parts.append((field, particle))
    if not has_gaps:
        return _Template("".join(map(str, parts)), False)
    return _Template("".join(map(_for_format, parts)), True)


def _for_format(part: str | tuple[str, str | None]) -> str:
    """Write text, or a gap, as `str.format` reads it."""
    if isinstance(part, str):
        return part.replace("{", "{{").replace("}", "}}")
    field, particle = part
    return f"{{{field}:{particle}}}" if particle else f"{{{field}}}"


def _names(reference: Reference, language: str) -> dict[str, Name]:
    """Give the names of a reference."""
    phrases = phrases_of(language)
    is_genre = reference.kind is ReferenceKind.GENRE
    name = genre_name(reference.name, language) if is_genre else reference.name
    return {
        "seed": Name(name, phrases["seed"][reference.kind.value])
        if reference.kind in _TITLED
        # The particle follows "average" here, so the whole label is the word.
        else Name(phrases["seed"][reference.kind.value].format(name=name)),
        "plain": Name(name),
        "artist": Name(reference.artist),
    }


def _count(value: float, phrases: Phrases) -> str:
    count = f"{value:.0f}"
    return str(phrases["count"]["one" if count == "1" else "many"]).format(count=count)


def _comparison(facts: Sequence[Fact], first: Fact, form: str, language: str) -> str:
    """Write all comparisons with the reference of the first: what is alike, then what differs."""
    reference = first.reference
    assert reference is not None, "a comparison has a reference"
    stated = tuple(
        [
            (str(fact.kind), fact.attribute, str(fact.relation))
            for fact in facts
            if fact.relation is not Relation.NONE and fact.reference == reference
        ]
    )
    alike, same, different = _compared(language, stated)
    parts: list[str] = []
    if alike:
        parts.append(_filled(language, ("alike",), form, reference, alike))
    for keys in same:
        # The first part has named the seed already.
        parts.append(_filled(language, keys, "known" if parts else form, reference, ""))
    phrases = phrases_of(language)
    text = str(phrases["between_parts"]).join(parts)
    if not different:
        return text
    rest = _filled(language, ("different",), "known" if parts else form, reference, different)
    return f"{text}{phrases['but']}{rest}" if parts else rest


def _filled(
    language: str, keys: tuple[str, ...], form: str, reference: Reference, words: str
) -> str:
    template = _template(language, keys, form, *reference)
    return template.text.format(words=words) if template.has_gaps else template.text


@lru_cache(maxsize=4096)
def _compared(
    language: str, stated: tuple[tuple[str, str, str], ...]
) -> tuple[str, tuple[tuple[str, str], ...], str]:
    """Word comparisons: what is alike, where the phrases of equal ones are, and what differs.

    Args:
        language: The language.
        stated: Kind, attribute and relation of each.
    """
    equal = (Relation.SAME, Relation.DOUBLE, Relation.HALF)
    return (
        _words(stated, (Relation.HIGH, Relation.LOW), language),
        tuple((kind, relation) for kind, _, relation in stated if relation in equal),
        _words(stated, (Relation.MORE, Relation.LESS), language),
    )


def _words(
    stated: Sequence[tuple[str, str, str]], relations: Sequence[Relation], language: str
) -> str:
    """Join the adjectives of these relations; empty if there are none."""
    phrases = phrases_of(language)
    forms = [
        phrases[_ADJECTIVES[Relation(relation)]][attribute]
        for _, attribute, relation in stated
        if relation in relations
    ]
    if not forms:
        return ""
    before = [each[0] for each in forms[:-1]]
    last = forms[-1][-1]
    if not before:
        return str(last)
    return f"{str(phrases['and_more']).join(before)}{phrases['and_last']}{last}"


@cache
def wordable(relation: Relation) -> frozenset[str]:
    """List the attributes that have a word in this relation, such as energy for more of it."""
    if relation not in _ADJECTIVES:
        return frozenset()
    return frozenset(phrases_of(DEFAULT_LANGUAGE)[_ADJECTIVES[relation]])
