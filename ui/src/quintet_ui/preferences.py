"""A listener's preferences: seeds, tuning, and likes and dislikes; no Streamlit here.

Preferences go into a link and come back from one, so everything read is checked again.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from quintet_client import Seed, calls
from quintet_client.models import Recommendations
from quintet_client.protocol import Call
from quintet_contract.limits import DEFAULT_DISCOVERY, MAX_SEEDS

from quintet_ui.attributes import SCALES

MAX_AGAINST: Final = MAX_SEEDS
MAX_KEPT: Final = 100
"""The most tracks or artists of one kind that the preferences, and so a link, remembers."""
LIMIT: Final = 50
SEEDS_PARAMETER: Final = "seat"
"""The query parameter of seeds in links; not renamed, so that old links still work."""
SAVED_PARAMETER: Final = "save"
"""The query parameter of saved songs in links."""
ON: Final = "1"
"""The value of a switch in a link; a switch that is off is left out."""
LEVELS: Final = {"fewer": 0.5, "normal": 1.0, "many": 2.0}
"""How much a seed counts, by the name of its text."""
LEAST_WEIGHT: Final = 0.25
MOST_WEIGHT: Final = 3.0
# As the gateway accepts ids; anything else in a link is ignored.
_ID: Final = re.compile(r"[\w.:-]{1,256}\Z")


@dataclass(frozen=True)
class SeedTrack:
    """A chosen track.

    Attributes:
        track_id: The track.
        weight: Its share, from `LEAST_WEIGHT` to `MOST_WEIGHT`.
        against: Whether the list moves away from it.
    """

    track_id: str
    weight: float = 1.0
    against: bool = False


@dataclass(frozen=True)
class Preferences:
    """All inputs of a list.

    Attributes:
        seeds: Up to five, in the listener's order.
        targets: Values aimed at by attribute, in its own unit.
        minimum: Lower limits by attribute.
        maximum: Upper limits by attribute.
        diversity: From 0 to 1.
        liked: Tracks liked in a list.
        disliked: Tracks to move away from; the newest five count.
        skipped: Tracks not to show again.
        muted: Artists not to show again.
        variants: Whether other versions of the seeds' songs are shown.
        seasonal: Whether songs of a season are shown if no seed is of it.
        discovery: The dial from familiar (0) to new (1).
    """

    seeds: tuple[SeedTrack, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    diversity: float = 0.0
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    variants: bool = False
    seasonal: bool = False
    discovery: float = DEFAULT_DISCOVERY

    @property
    def is_complete(self) -> bool:
        """Whether there is a seed to start from."""
        return any(not seed.against for seed in self.seeds)

    @property
    def free_places(self) -> int:
        """How many more seeds fit."""
        return MAX_SEEDS - len(self.seeds)

    @property
    def refused(self) -> frozenset[str]:
        """The tracks and artists that no list may have."""
        return frozenset((*self.disliked, *self.skipped, *self.muted))

    @property
    def request(self) -> "Preferences":
        """What a list is asked for by: without likes, skips and the like, which rows show."""
        return replace(self, liked=(), disliked=(), skipped=(), muted=())

    def holds(self, track_id: str) -> bool:
        """Whether a track is a seed."""
        return any(seed.track_id == track_id for seed in self.seeds)


def with_seed(preferences: Preferences, track_id: str) -> Preferences:
    """Add a track as a seed; ignored if there are five, if it is one, or if its id is malformed."""
    if not preferences.free_places or preferences.holds(track_id) or not _ID.match(track_id):
        return preferences
    return replace(preferences, seeds=(*preferences.seeds, SeedTrack(track_id)))


def with_replaced(preferences: Preferences, place: int, track_id: str) -> Preferences:
    """Replace the seed at a place, from 0, by a track; ignored if it is one, or malformed."""
    if preferences.holds(track_id) or not _ID.match(track_id):
        return preferences
    seeds = list(preferences.seeds)
    seeds[place : place + 1] = [SeedTrack(track_id)]
    return replace(preferences, seeds=tuple(seeds))


def with_seeds(preferences: Preferences, seeds: object) -> Preferences:
    """Replace the seeds by those the browser sent; malformed ones are left out."""
    pieces = seeds if isinstance(seeds, list) else []
    made = [
        SeedTrack(
            str(piece["id"]),
            _clamped(piece.get("weight"), LEAST_WEIGHT, MOST_WEIGHT, 1.0),
            piece.get("against") is True,
        )
        for piece in pieces
        if isinstance(piece, dict) and _ID.match(str(piece.get("id", "")))
    ]
    return replace(preferences, seeds=_distinct_seeds(made))


def with_like(preferences: Preferences, track_id: str) -> Preferences:
    """Mark a track as liked; the memory of the listener moves the next list toward it."""
    return replace(preferences, liked=_kept(preferences.liked, track_id))


def with_dislike(preferences: Preferences, track_id: str) -> Preferences:
    """Move the preferences away from a track, which is not shown again."""
    return replace(
        preferences,
        disliked=_kept(preferences.disliked, track_id),
        liked=_without(preferences.liked, track_id),
    )


def with_skip(preferences: Preferences, track_id: str) -> Preferences:
    """Skip a track: it is not shown again."""
    return replace(preferences, skipped=_kept(preferences.skipped, track_id))


def with_mute(preferences: Preferences, artist_id: str) -> Preferences:
    """Mute an artist: none of its tracks is shown again."""
    return replace(preferences, muted=_kept(preferences.muted, artist_id))


def without_skip(preferences: Preferences, track_id: str) -> Preferences:
    """Show a skipped track again."""
    return replace(preferences, skipped=_without(preferences.skipped, track_id))


def without_dislike(preferences: Preferences, track_id: str) -> Preferences:
    """Move away from a track no longer, and show it again."""
    return replace(preferences, disliked=_without(preferences.disliked, track_id))


def without_mute(preferences: Preferences, artist_id: str) -> Preferences:
    """Show a muted artist again."""
    return replace(preferences, muted=_without(preferences.muted, artist_id))


def without_like(preferences: Preferences, track_id: str) -> Preferences:
    """Undo `with_like`."""
    return replace(preferences, liked=_without(preferences.liked, track_id))


def without_refusals(preferences: Preferences) -> Preferences:
    """Show all disliked, skipped and muted items again."""
    return replace(preferences, disliked=(), skipped=(), muted=())


def recommendation_call(
    preferences: Preferences, listener: str | None = None, limit: int = LIMIT
) -> Call[Recommendations]:
    """Build the call for a list (docs/api.md).

    Args:
        preferences: What decides the list.
        listener: The listener's random id; feedback counts for it.
        limit: Tracks, 1 to 500.
    """
    against = [_seed(seed) for seed in preferences.seeds if seed.against]
    chosen = {seed.track_id for seed in preferences.seeds}
    # The gateway takes five negative seeds; older dislikes are only excluded.
    newest = [name for name in reversed(preferences.disliked) if name not in chosen]
    against += [Seed(track_id=name) for name in newest[: MAX_AGAINST - len(against)]]
    bounds = {f"min_{name}": value for name, value in preferences.minimum.items()}
    bounds |= {f"max_{name}": value for name, value in preferences.maximum.items()}
    return calls.recommend(
        [_seed(seed) for seed in preferences.seeds if not seed.against],
        negative_seeds=against,
        targets=preferences.targets,
        filters={
            **bounds,
            "excluded_track_ids": list(
                dict.fromkeys([*preferences.skipped, *preferences.disliked])
            ),
            "excluded_artist_ids": list(preferences.muted),
        },
        limit=limit,
        diversity=preferences.diversity,
        discovery=preferences.discovery,
        variants="allow" if preferences.variants else "exclude",
        seasonal="allow" if preferences.seasonal else "exclude",
        listener=listener,
    )


def radio_seeds(preferences: Preferences) -> list[Seed]:
    """List the seeds that a radio starts from."""
    return [_seed(seed) for seed in preferences.seeds if not seed.against]


def query_of(preferences: Preferences) -> dict[str, list[str]]:
    """Encode preferences as the query of a link; defaults are left out."""
    pairs = {
        SEEDS_PARAMETER: [
            f"{'-' if s.against else ''}{s.weight:g}~{s.track_id}" for s in preferences.seeds
        ],
        "aim": _written(preferences.targets),
        "min": _written(preferences.minimum),
        "max": _written(preferences.maximum),
        "diversity": [f"{preferences.diversity:g}"] if preferences.diversity else [],
        "new": (
            [f"{preferences.discovery:g}"] if preferences.discovery != DEFAULT_DISCOVERY else []
        ),
        "variants": [ON] if preferences.variants else [],
        "seasonal": [ON] if preferences.seasonal else [],
        "liked": list(preferences.liked),
        "away": list(preferences.disliked),
        "skip": list(preferences.skipped),
        "mute": list(preferences.muted),
    }
    return {name: values for name, values in pairs.items() if values}


def preferences_of(query: Mapping[str, Sequence[str]]) -> Preferences:
    """Decode the preferences of a link; malformed parts are left out."""
    seeds = []
    for text in query.get(SEEDS_PARAMETER, ()):
        weight, _, name = text.rpartition("~")
        number = _number(weight, 1.0)
        if _ID.match(name):
            share = _clamped(abs(number), LEAST_WEIGHT, MOST_WEIGHT, 1.0)
            seeds.append(SeedTrack(name, share, weight.startswith("-")))
    minimum, maximum = _read(query.get("min", ())), _read(query.get("max", ()))
    # A lower limit above the upper one would leave no track: both are dropped.
    crossed = {name for name in minimum if minimum[name] > maximum.get(name, math.inf)}
    return Preferences(
        seeds=_distinct_seeds(seeds),
        targets=_read(query.get("aim", ())),
        minimum={name: value for name, value in minimum.items() if name not in crossed},
        maximum={name: value for name, value in maximum.items() if name not in crossed},
        diversity=_clamped(next(iter(query.get("diversity", ())), 0.0), 0.0, 1.0, 0.0),
        discovery=_clamped(
            next(iter(query.get("new", ())), DEFAULT_DISCOVERY), 0.0, 1.0, DEFAULT_DISCOVERY
        ),
        variants=ON in query.get("variants", ()),
        seasonal=ON in query.get("seasonal", ()),
        liked=_ids(query.get("liked", ())),
        disliked=_ids(query.get("away", ())),
        skipped=_ids(query.get("skip", ())),
        muted=_ids(query.get("mute", ())),
    )


def saved_of(query: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Decode the saved songs of a link; malformed ids are left out."""
    return _ids(query.get(SAVED_PARAMETER, ()))


def kept_ids(ids: object) -> tuple[str, ...]:
    """Read the ids that a browser kept; malformed ones are left out."""
    return _ids(each for each in ids if isinstance(each, str)) if isinstance(ids, list) else ()


def _seed(seed: SeedTrack) -> Seed:
    return Seed(track_id=seed.track_id, weight=seed.weight)


def _distinct_seeds(seeds: Iterable[SeedTrack]) -> tuple[SeedTrack, ...]:
    distinct: dict[str, SeedTrack] = {}
    for seed in seeds:
        distinct.setdefault(seed.track_id, seed)
    return tuple(distinct.values())[:MAX_SEEDS]


def _kept(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (*(each for each in names if each != name), name)[-MAX_KEPT:]


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(each for each in names if each != name)


def _ids(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if _ID.match(text)))[-MAX_KEPT:]


def _written(values: Mapping[str, float]) -> list[str]:
    return [f"{name}~{value:g}" for name, value in values.items()]


def _read(texts: Iterable[str]) -> dict[str, float]:
    values = {}
    for text in texts:
        name, _, number = text.partition("~")
        value = _number(number, math.nan)
        scale = SCALES.get(name)
        if scale is not None and math.isfinite(value):
            low, high = scale.low * scale.factor, scale.high * scale.factor
            values[name] = min(high, max(low, value))
    return values


def _number(text: object, otherwise: float) -> float:
    try:
        return float(str(text))
    except ValueError:
        return otherwise


def _clamped(value: object, low: float, high: float, otherwise: float) -> float:
    number = _number(value, otherwise)
    return min(high, max(low, number)) if math.isfinite(number) else otherwise
