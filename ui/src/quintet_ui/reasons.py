"""Why a track is recommended, in the listener's language, from the gateway's numbers."""

import re
from collections.abc import Sequence
from typing import Final

from quintet_client.models import Comparison, RankedTrack, Track

from quintet_ui.feature_names import feature_name
from quintet_ui.translations import Translations

CLOSE: Final = 0.5
"""At or above this cosine a track is close to a seed; below, the seed is only the nearest one."""
MOST_BARS: Final = 5  # as many as fit on a card
_SAME_TEMPO: Final = 0.08  # share of the tempo
_PLAYLISTS: Final = r"in (?:a playlist|(?P<count>\d+) playlists) with"
# The ranker writes these clauses in English; both languages read them from its sentence.
_TOLD: Final = (
    (re.compile(rf"[:,] {_PLAYLISTS} '(?P<seed>.+)'\.\Z"), "why.playlists"),
    (re.compile(rf"[:,] (?P<name>[^,:]+) is {_PLAYLISTS} (?P<other>.+)\.\Z"), "why.artists"),
    (re.compile(r"[:,] near '(?P<seed>.+)' in listeners' taste\.\Z"), "why.taste"),
)
# Differences worth naming, and those too small to hear, in each attribute's own unit: about 3/4
# and 1/4 of a standard deviation over catalogues of popular music.
_STEPS: Final = {
    "energy": (0.15, 0.05),
    "acousticness": (0.22, 0.07),
    "danceability": (0.12, 0.04),
    "valence": (0.18, 0.06),
    "instrumentalness": (0.25, 0.0),
    "speechiness": (0.1, 0.0),
    "liveness": (0.15, 0.0),
}


def sentence_of(ranked: RankedTrack, seeds: Sequence[Track], texts: Translations) -> str:
    """Write one sentence; in English it is the ranker's own.

    Args:
        ranked: A recommended track.
        seeds: The seed tracks.
        texts: The texts.
    """
    reasons = ranked.reasons
    if reasons is None:
        return ""
    if texts.language == "en" and reasons.sentence:
        return reasons.sentence
    closest = reasons.closest_seed
    name = closest.title or texts("why.average")
    key = "why.close" if closest.similarity >= CLOSE else "why.nearest"
    clauses = [
        *_compared(reasons.comparisons, texts),
        *_related(ranked.track, seeds, reasons.sentence, texts),
    ]
    return texts(key, seed=name, clauses=", ".join(clauses or [texts("why.overall")]))


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


def _compared(comparisons: Sequence[Comparison], texts: Translations) -> list[str]:
    """List similar attributes first, then the strongest difference."""
    same: list[str] = []
    different: list[tuple[float, str]] = []
    for item in comparisons:
        name, gap = item.attribute, item.value - item.seeds_mean
        if name == "tempo" and abs(gap) <= _SAME_TEMPO * abs(item.seeds_mean):
            same.insert(0, texts("why.same.tempo"))
        elif name in _STEPS:
            worth, alike = _STEPS[name]
            if abs(gap) >= worth:
                side = "more" if gap > 0 else "less"
                different.append((-abs(gap) / worth, texts(f"why.{side}.{name}")))
            elif abs(gap) <= alike:
                same.append(texts(f"why.same.{name}"))
    return same[: 1 if different else 2] + [text for _, text in sorted(different)[:1]]


def _related(track: Track, seeds: Sequence[Track], sentence: str, texts: Translations) -> list[str]:
    """Find at most one fact that links a track to the seeds.

    Album and artist come first, then what playlists say, then genre, as in the ranker's sentence.
    """
    if track.album_id and any(track.album_id == seed.album_id for seed in seeds):
        return [texts("why.album")]
    theirs = {artist.id for seed in seeds for artist in seed.artists}
    for artist in track.artists:
        if artist.id in theirs:
            return [texts("why.artist", name=artist.name)]
    told = _told_by_playlists(sentence, texts)
    if told:
        return [told]
    genres = {genre for seed in seeds for genre in seed.genres}
    return [texts("why.genre", name=genre) for genre in track.genres if genre in genres][:1]


def _told_by_playlists(sentence: str, texts: Translations) -> str:
    """Translate the playlist clause; only the ranker's sentence has it, always at its end."""
    for pattern, key in _TOLD:
        match = pattern.search(sentence)
        if match is not None:
            facts = match.groupdict()
            return texts(key, **{**facts, "count": facts.get("count") or "1"})
    return ""
