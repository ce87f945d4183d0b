"""Why a track is in the list: its facts one by one, how alike it is, and how it fits the tuning."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from quintet_client.models import RankedTrack, Recommendations, Track
from quintet_explain import Fact, Kind, fact_sentence

from quintet_ui.attributes import SCALES, said, share
from quintet_ui.plain import ordered
from quintet_ui.preferences import Preferences
from quintet_ui.presets import preset_of
from quintet_ui.reasons import bars_of, facts_of
from quintet_ui.tracks import byline
from quintet_ui.translations import Translations

_SOUND: Final = ((0.8, "very_close"), (0.5, "close"), (0.0, "some"), (-1.0, "far"))
"""The least cosine of a word for the likeness of sound; 0.5 as in the reasons' sentences."""


def why_data(
    ranked: RankedTrack, answer: Recommendations, preferences: Preferences, texts: Translations
) -> dict[str, Any]:
    """Build what a row shows when it is opened."""
    values = _values(ranked)
    return {
        "facts": [ordered(text) for text in _sentences(ranked, answer, texts)],
        "likeness": likeness(ranked, [used.track for used in answer.seeds if used.track], texts),
        "fit": fit(values, preferences, texts),
        "bars": bars_of(ranked, texts),
    }


def _sentences(ranked: RankedTrack, answer: Recommendations, texts: Translations) -> list[str]:
    """Write one sentence for each fact; the ranker's sentence if a kind of fact is unknown."""
    if ranked.reasons is None:
        return []
    facts = facts_of(ranked.reasons)
    if facts is None:
        return [ranked.reasons.sentence]
    seeds = {used.track.id: used.track for used in answer.seeds if used.track}
    return [
        fact_sentence(fact, texts.language, _shared(fact, ranked.track, seeds)) for fact in facts
    ]


def _shared(fact: Fact, track: Track, seeds: Mapping[str, Track]) -> tuple[str, str]:
    """Name album or artists of a track and of the seed that a fact is about; empty if unknown."""
    seed = seeds.get(fact.reference.id) if fact.reference is not None else None
    if seed is None:
        return "", ""
    if fact.kind is Kind.SAME_ALBUM:
        return track.album, seed.album
    return byline(track), byline(seed)


def likeness(
    ranked: RankedTrack, seeds: Sequence[Track], texts: Translations
) -> list[dict[str, Any]]:
    """Compare a track with the seeds by artist, genre and sound: a name, words and a share.

    Args:
        ranked: The track.
        seeds: The tracks that the list started from.
        texts: The texts.

    Returns:
        One entry for each of the three that is known; `share` is from 0 to 1.
    """
    track = ranked.track
    bars = [
        _counted(
            "artist", {a.id for a in track.artists}, [{a.id for a in s.artists} for s in seeds]
        ),
        _counted("genre", set(track.genres), [set(s.genres) for s in seeds]),
    ]
    entries = [
        {
            "name": texts(f"why.{name}"),
            "text": texts(f"why.{name}_shared", count=count, all=total)
            if count
            else texts(f"why.{name}_none"),
            "share": count / total,
        }
        for name, count, total in filter(None, bars)
    ]
    if ranked.similarity is not None:
        word = next((w for least, w in _SOUND if ranked.similarity >= least), "far")
        text = texts(f"why.sound_{word}", value=f"{ranked.similarity:.2f}")
        cosine = min(1.0, max(0.0, ranked.similarity))
        entries.append({"name": texts("why.sound"), "text": text, "share": round(cosine, 4)})
    return entries


def _counted(name: str, own: set[str], seeds: Sequence[set[str]]) -> tuple[str, int, int] | None:
    """Count the seeds that share something; None if it is not known of the track, or of no seed."""
    known = [each for each in seeds if each]
    return (name, sum(bool(own & each) for each in known), len(known)) if own and known else None


def fit(
    values: Mapping[str, float], preferences: Preferences, texts: Translations
) -> dict[str, Any] | None:
    """State how a track fits the tuning: each value beside the target or limit; None without any.

    Args:
        values: The track's attributes, in their units.
        preferences: With targets and limits.
        texts: The texts.

    Returns:
        A name (the preset's, or of the listener's own settings), one text for each target and
        limit, and `share`: 1 minus the mean distance to the targets, in parts of their scales.
    """
    wishes = {
        "aim": preferences.targets,
        "least": preferences.minimum,
        "most": preferences.maximum,
    }
    lines = [
        texts(
            f"why.{kind}",
            name=texts(f"attribute.{name}"),
            value=said(name, values[name], texts),
            wanted=said(name, wanted, texts),
        )
        for kind, each in wishes.items()
        for name, wanted in each.items()
        if name in values
    ]
    if not lines:
        return None
    preset = preset_of(preferences)
    gaps = [
        abs(share(name, values[name]) - share(name, wanted))
        for name, wanted in preferences.targets.items()
        if name in values
    ]
    return {
        "name": texts("why.fit", name=texts(f"preset.{preset}") if preset else texts("why.tuning")),
        "lines": lines,
        "share": round(1 - sum(gaps) / len(gaps), 4) if gaps else 1.0,
    }


def _values(ranked: RankedTrack) -> dict[str, float]:
    """Read the attributes of a track that the page can name."""
    compared = ranked.reasons.comparisons if ranked.reasons else ()
    values = {item.attribute: item.value for item in compared if item.value is not None}
    facts = {"popularity": ranked.track.popularity, "duration_ms": ranked.track.duration_ms or None}
    values |= {name: float(value) for name, value in facts.items() if value is not None}
    return {name: value for name, value in values.items() if name in SCALES}
