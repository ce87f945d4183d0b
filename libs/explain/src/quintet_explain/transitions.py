"""How one track follows another: facts that can be heard or looked up, and one sentence of them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from quintet_explain.numbers import shown
from quintet_explain.particles import with_particle
from quintet_explain.sentences import DEFAULT_LANGUAGE, phrases_of


class StepKind(StrEnum):
    """What a fact about two tracks in a row is about."""

    TEMPO = "tempo"
    """From one tempo to the other, in beats per minute."""
    KEY = "key"
    """The same key and mode, or neighbours on the circle of fifths; as pitch classes."""
    ENERGY = "energy"
    ARTIST = "artist"
    """Both are by the artist `name`."""
    GENRE = "genre"
    """Both are of the genre `name`."""
    TASTE = "taste"
    """Listeners who like one like the other; `value` is the cosine in the taste space."""


class StepRelation(StrEnum):
    """How the value of a track relates to that of the track before."""

    SAME = "same"
    """As written: tempo in whole beats, key and mode; energy within 0.25 standard deviations."""
    FITS = "fits"
    """Keys one step apart on the circle of fifths, or a key and its relative."""
    HIGHER = "higher"
    LOWER = "lower"
    A_LITTLE_HIGHER = "a_little_higher"
    """By less than 0.75 standard deviations."""
    A_LITTLE_LOWER = "a_little_lower"
    BOTH = "both"
    """True of both tracks: artist, genre, taste."""


class StepFact(NamedTuple):
    """One fact about a track and the track before it.

    Attributes:
        kind: What it is about.
        relation: How `value` relates to `value_before`.
        value_before: Of the track before, in the attribute's unit; 0 for names.
        value: Of the track.
        mode_before: 1 for major, 0 for minor; for keys.
        mode: Likewise.
        name: The artist or the genre.
    """

    kind: StepKind
    relation: StepRelation
    value_before: float = 0.0
    value: float = 0.0
    mode_before: float = 0.0
    mode: float = 0.0
    name: str = ""


def transition_sentence(facts: Sequence[StepFact], language: str = DEFAULT_LANGUAGE) -> str:
    """Write facts about two tracks in a row as one sentence, in their order.

    Args:
        facts: May be empty.
        language: One of `LANGUAGES`.
    """
    phrases = phrases_of(language)
    step = phrases["transition"]
    if not facts:
        return str(step["none"])
    text = str(step["between"]).join(_clause(fact, phrases) for fact in facts)
    return f"{text[0].upper()}{text[1:]}."


def _clause(fact: StepFact, phrases: Mapping[str, Any]) -> str:
    units = phrases["unit"]
    form = str(phrases["transition"][fact.kind.value][fact.relation.value])
    if fact.kind is StepKind.TEMPO:
        before, after = f"{fact.value_before:.0f}", shown("tempo", fact.value, units)
    else:
        before, after = (
            phrases["transition"]["key"]["name"].format(
                note=shown("key", key, units), mode=shown("mode", mode, units)
            )
            for key, mode in (
                (fact.value_before, fact.mode_before),
                (fact.value, fact.mode),
            )
        )
    return form.format(before=before, after=after, name=_Named(fact.name))


class _Named(str):
    """A name; a format such as `{name:이/가}` appends a Korean particle."""

    def __format__(self, particle: str) -> str:
        return with_particle(self, self, particle) if particle else str(self)
