"""Write the facts of one track as one sentence; the only place that words reasons.

A sentence has one clause for each fact, in the order of the facts. Comparisons with one seed share
a clause: alike first, then different. A clause names its seed unless the clause before did.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from quintet_explain.facts import CLOSE_COSINE, Fact, Kind, Reference, ReferenceKind, Relation
from quintet_explain.numbers import shown
from quintet_explain.particles import with_particle

LANGUAGES: Final = ("en", "ko")
DEFAULT_LANGUAGE: Final = "en"
COMPARISONS: Final = frozenset((Kind.ATTRIBUTE, Kind.TEMPO, Kind.KEY))
"""The kinds of fact that share one clause."""
# References that are named by a title, in quotation marks.
_TITLED: Final = (ReferenceKind.TRACK, ReferenceKind.MEMBER, ReferenceKind.LISTENED)
# The tables of phrases by relation; `high` and `low` are joined by "and" in one part.
_ADJECTIVES: Final = {
    Relation.HIGH: "high",
    Relation.LOW: "low",
    Relation.MORE: "more",
    Relation.LESS: "less",
}
Phrases = Mapping[str, Any]


class _Name:
    """A name in a phrase; a format such as `{seed:과/와}` appends a Korean particle."""

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
    phrases = phrases_of(language)
    if not facts:
        return str(phrases["none"])
    clauses = []
    named: Reference | None = None
    for group in _grouped(facts):
        reference = group[0].reference
        is_known = reference == named and not _needs_name(group[0])
        clauses.append(_clause(group, "known" if is_known else "new", phrases))
        named = reference or named
    text = str(phrases["between_clauses"]).join(clauses)
    # Names stay as they are written: only a clause of ours begins with a small letter.
    return f"{text[0].upper()}{text[1:]}." if phrases["language"] == "en" else f"{text}."


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


def _grouped(facts: Sequence[Fact]) -> Iterator[list[Fact]]:
    """Split facts into clauses: comparisons with one reference form one, at the first's place."""
    seen: set[Reference | None] = set()
    for fact in facts:
        if fact.kind not in COMPARISONS:
            yield [fact]
        elif fact.reference not in seen:
            seen.add(fact.reference)
            yield [
                other
                for other in facts
                if other.kind in COMPARISONS and other.reference == fact.reference
            ]


def _needs_name(fact: Fact) -> bool:
    """Report whether a clause names its seed in any case: "it" cannot stand for an average."""
    is_average = fact.reference is not None and fact.reference.kind in (
        ReferenceKind.ARTIST,
        ReferenceKind.GENRE,
    )
    return is_average and fact.kind in (*COMPARISONS, Kind.SOUND)


def _clause(group: list[Fact], form: str, phrases: Phrases) -> str:
    first = group[0]
    if first.kind in COMPARISONS:
        return _comparison(group, form, phrases)
    if first.kind is Kind.TARGET:
        return str(phrases["target"]["fit"]).format(
            attribute=_Name(phrases["attribute"][first.attribute]),
            value=shown(first.attribute, first.value, phrases["unit"]),
            target=shown(first.attribute, first.other_value, phrases["unit"]),
        )
    assert first.reference is not None, "only a target has no reference"
    by_kind = phrases[first.kind.value]
    if first.kind is Kind.SOUND:
        key = "near" if first.value >= CLOSE_COSINE else "far"
    elif first.kind in (Kind.LIKED, Kind.PLAYED):
        key = first.attribute
    else:
        key = first.reference.kind.value
    return str(by_kind[key][form]).format(
        **_names(first.reference, phrases["language"]),
        name=_Name(first.name),
        count=_count(first, phrases),
    )


@lru_cache(maxsize=1024)
def _names(reference: Reference, language: str) -> dict[str, _Name]:
    """Give the names of a reference, which the tracks of a list share."""
    phrases = phrases_of(language)
    return {
        "seed": _Name(reference.name, phrases["seed"][reference.kind.value])
        if reference.kind in _TITLED
        # The particle follows "average" here, so the whole label is the word.
        else _Name(phrases["seed"][reference.kind.value].format(name=reference.name)),
        "plain": _Name(reference.name),
        "artist": _Name(reference.artist),
    }


def _count(fact: Fact, phrases: Phrases) -> str:
    count = f"{fact.value:.0f}"
    return str(phrases["count"]["one" if count == "1" else "many"]).format(count=count)


def _comparison(group: list[Fact], form: str, phrases: Phrases) -> str:
    """Write comparisons with one reference: what is alike, then what differs."""
    reference = group[0].reference
    assert reference is not None, "a comparison has a reference"
    names = _names(reference, phrases["language"])
    alike: list[str] = []
    words = _words(group, (Relation.HIGH, Relation.LOW), phrases)
    if words:
        alike.append(_filled(phrases["alike"], form, names, words))
    for fact in group:
        if fact.relation in (Relation.SAME, Relation.DOUBLE, Relation.HALF):
            # The first part has named the seed already.
            part_form = "known" if alike else form
            alike.append(
                _filled(phrases[fact.kind.value][fact.relation.value], part_form, names, "")
            )
    text = str(phrases["between_parts"]).join(alike)
    words = _words(group, (Relation.MORE, Relation.LESS), phrases)
    if not words:
        return text
    different = _filled(phrases["different"], "known" if alike else form, names, words)
    return f"{text}{phrases['but']}{different}" if alike else different


def _filled(forms: Mapping[str, str], form: str, names: Mapping[str, _Name], words: str) -> str:
    return forms[form].format(**names, words=words)


def _words(group: list[Fact], relations: Sequence[Relation], phrases: Phrases) -> str:
    """Join the adjectives of these relations; empty if there are none."""
    forms = [
        phrases[_ADJECTIVES[fact.relation]][fact.attribute]
        for fact in group
        if fact.relation in relations
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
