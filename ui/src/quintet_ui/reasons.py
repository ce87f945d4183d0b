"""Why a track is recommended, in the listener's language, from the facts that the gateway sends."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from quintet_client import models
from quintet_client.models import Comparison, RankedTrack, Reasons
from quintet_explain import (
    CLOSE_COSINE,
    Fact,
    Kind,
    Name,
    Reference,
    ReferenceKind,
    Relation,
    genre_name,
)
from quintet_explain import sentence_of as sentence_in
from quintet_text.versions import read_title

from quintet_ui.attributes import SCALES, said
from quintet_ui.feature_names import feature_name
from quintet_ui.translations import Translations

_NAMED: Final = frozenset({Kind.SAME_ARTIST, Kind.GENRE})
_TRACKS: Final = frozenset({ReferenceKind.TRACK, ReferenceKind.MEMBER})
_UNLIKE: Final = frozenset({Relation.MORE, Relation.LESS})
MOST_BARS: Final = 5  # as many as fit on a card
# A chip that fits more than this share of the rows does not distinguish them.
_COMMON: Final = 0.25


def sentence_of(ranked: RankedTrack, texts: Translations) -> str:
    """Write a track's facts as one sentence; empty if the list has no reasons.

    The answer may be older than the chosen language, so the sentence is written here again, by the
    code that the ranker uses.
    """
    reasons = ranked.reasons
    if reasons is None:
        return ""
    facts = facts_of(reasons)
    return reasons.sentence if facts is None else sentence_in(facts, texts.language)


def facts_of(reasons: Reasons) -> list[Fact] | None:
    """Read the facts; None if a newer gateway sent a kind that this page has no words for."""
    try:
        return [_fact(fact) for fact in reasons.facts]
    except ValueError:
        return None


def chips_of(tracks: Sequence[RankedTrack], texts: Translations) -> dict[str, str]:
    """Write a fact of each track in a few words.

    It is the fact that mattered most, but for one that fits more than a quarter of the tracks,
    such as a genre that all of them share: there the next fact that says what is alike, if any.

    Args:
        tracks: A whole list.
        texts: The texts.

    Returns:
        Track id to words, empty for a track without facts.
    """
    chips = {ranked.track.id: _chips(ranked, texts) for ranked in tracks}
    fitting = Counter(chip for each in chips.values() for chip in set(each))
    most = max(1, int(len(tracks) * _COMMON))
    return {
        track_id: next((chip for chip in each if fitting[chip] <= most), each[0] if each else "")
        for track_id, each in chips.items()
    }


def _chips(ranked: RankedTrack, texts: Translations) -> list[str]:
    """Write the fact that mattered most, and the others that say what is alike, in a few words."""
    facts = () if ranked.reasons is None else ranked.reasons.facts
    chosen = (fact for place, fact in enumerate(facts) if not place or fact.relation not in _UNLIKE)
    return [chip for chip in (_chip(fact, texts) for fact in chosen) if chip]


def _chip(fact: models.Fact, texts: Translations) -> str:
    """Write a fact in a few words; empty if there are none for its kind.

    A fact about sound names the seed that it is about, so that the words are true of that seed.
    """
    seed = "" if fact.reference is None else _short(fact.reference)
    # Of a fact about an artist or a genre the name is what both tracks share.
    name = fact.name if fact.kind in _NAMED else seed
    if fact.kind == Kind.GENRE:
        name = genre_name(name, texts.language)
    pattern = texts.get(f"chip.{_pattern(fact)}")
    if not pattern or not (name or fact.kind == Kind.TARGET):
        return ""
    attribute = texts.get(f"attribute.{fact.attribute}") or fact.attribute
    value = said(fact.attribute, fact.value, texts) if fact.attribute in SCALES else ""
    return pattern.format(name=Name(name), attribute=attribute, value=value)


def _short(reference: models.FactReference) -> str:
    """Shorten a track's title: a remaster or another edition is the same recording of the song."""
    if reference.kind not in _TRACKS:
        return reference.name
    title = read_title(reference.name)
    return reference.name if title.versions else title.song


def _pattern(fact: models.Fact) -> str:
    """Choose the words of a chip: two facts of one kind may state the opposite."""
    if fact.kind == Kind.SOUND and fact.value < CLOSE_COSINE:
        return "nearest_in_sound"
    if fact.relation in {Relation.MORE, Relation.LESS, Relation.DOUBLE, Relation.HALF}:
        return f"{fact.kind}_{fact.relation}"
    return fact.kind


def _fact(fact: models.Fact) -> Fact:
    """Read a fact.

    Raises:
        ValueError: Its kind or relation is unknown.
    """
    reference = fact.reference
    return Fact(
        Kind(fact.kind),
        None
        if reference is None
        else Reference(
            reference.seed,
            ReferenceKind(reference.kind),
            reference.id,
            reference.name,
            reference.artist,
        ),
        fact.weight,
        fact.attribute,
        Relation(fact.relation),
        fact.value,
        fact.other_value,
        fact.name,
    )


def bars_of(ranked: RankedTrack, texts: Translations) -> list[dict[str, object]]:
    """List the contributions to a track's score, strongest first, as shares of the strongest."""
    reasons = ranked.reasons
    if reasons is None:
        return []
    if not reasons.contributions:
        return _similarity_bars(reasons.comparisons, texts)
    # Features of one name measure one thing: together they are one bar.
    shares: dict[str, float] = {}
    for item in reasons.contributions:
        name = feature_name(item.feature, texts)
        shares[name] = shares.get(name, 0.0) + (item.contribution or 0.0)
    strongest = sorted(shares.items(), key=lambda share: -abs(share[1]))[:MOST_BARS]
    # 1 avoids a division by zero if all contributions are 0.
    most = max((abs(share) for _, share in strongest), default=0.0) or 1.0
    return [_bar(name, share, most) for name, share in strongest if share]


def _similarity_bars(
    comparisons: Sequence[Comparison], texts: Translations
) -> list[dict[str, object]]:
    """List the attributes that make a track similar, for lists ranked without a booster."""
    ordered = sorted(comparisons, key=lambda item: -abs(item.similarity_share))[:MOST_BARS]
    most = max((abs(item.similarity_share) for item in ordered), default=0.0) or 1.0
    return [
        _bar(texts(f"attribute.{item.attribute}"), item.similarity_share, most)
        for item in ordered
        if item.similarity_share
    ]


def _bar(name: str, value: float, most: float) -> dict[str, object]:
    return {
        "name": name,
        "share": round(abs(value) / most, 4),
        "sign": "up" if value >= 0 else "down",
        "text": f"{value:+.2f}",
    }
