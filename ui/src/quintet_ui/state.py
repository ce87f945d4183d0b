"""What a listener wishes for: seats, tuning and what they said of the list; no Streamlit here.

A wish goes into a link and comes back from one, so everything read is checked again.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from quintet_ui.attributes import SCALES

MAX_SEATS: Final = 5
MAX_AGAINST: Final = 5
MAX_KEPT: Final = 100
"""The most tracks or artists of one kind that a wish, and so a link, remembers."""
LIMIT: Final = 50
LEAST_WEIGHT: Final = 0.25
MOST_WEIGHT: Final = 3.0
LIKE_WEIGHT: Final = 0.5
_ID: Final = re.compile(r"[\w.:-]{1,256}\Z")


@dataclass(frozen=True)
class Seat:
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
class Wish:
    """Everything that decides a list.

    Attributes:
        seats: Up to five, in the listener's order.
        targets: Values aimed at by attribute, in its own unit.
        minimum: Lower limits by attribute.
        maximum: Upper limits by attribute.
        diversity: From 0 to 1.
        liked: Tracks liked in a list.
        disliked: Tracks to move away from; the newest five count.
        skipped: Tracks not to show again.
        muted: Artists not to show again.
    """

    seats: tuple[Seat, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    diversity: float = 0.0
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether there is a seat to start from."""
        return any(not seat.against for seat in self.seats)

    @property
    def free_seats(self) -> int:
        """How many seats are empty."""
        return MAX_SEATS - len(self.seats)

    def holds(self, track_id: str) -> bool:
        """Returns whether a track has a seat."""
        return any(seat.track_id == track_id for seat in self.seats)


def with_seat(wish: Wish, track_id: str) -> Wish:
    """Returns the wish with a track on a free seat; the same where none is free or it sits."""
    if not wish.free_seats or wish.holds(track_id) or not _ID.match(track_id):
        return wish
    return replace(wish, seats=(*wish.seats, Seat(track_id)))


def with_seats(wish: Wish, seats: object) -> Wish:
    """Returns the wish with seats as the browser sent them; what is malformed is left out."""
    pieces = seats if isinstance(seats, list) else []
    made = [
        Seat(
            str(piece["id"]),
            _clamped(piece.get("weight"), LEAST_WEIGHT, MOST_WEIGHT, 1.0),
            piece.get("against") is True,
        )
        for piece in pieces
        if isinstance(piece, dict) and _ID.match(str(piece.get("id", "")))
    ]
    return replace(wish, seats=_distinct_seats(made))


def with_like(wish: Wish, track_id: str, closest: str) -> Wish:
    """Returns the wish drawn toward a liked track.

    It takes a free seat; where all are taken, the seat it is closest to weighs more. A second
    like takes the first back.

    Args:
        wish: As it is.
        track_id: The track liked.
        closest: The seat nearest to it; empty where unknown.
    """
    if track_id in wish.liked:
        liked = tuple(each for each in wish.liked if each != track_id)
        return replace(_reweighed(wish, closest, -LIKE_WEIGHT), liked=liked)
    liked = _kept(wish.liked, track_id)
    if wish.free_seats:
        return replace(with_seat(wish, track_id), liked=liked)
    return replace(_reweighed(wish, closest, LIKE_WEIGHT), liked=liked)


def with_dislike(wish: Wish, track_id: str) -> Wish:
    """Returns the wish moved away from a track, which is not shown again."""
    return replace(
        wish,
        disliked=_kept(wish.disliked, track_id),
        liked=tuple(each for each in wish.liked if each != track_id),
    )


def with_skip(wish: Wish, track_id: str) -> Wish:
    """Returns the wish without a track."""
    return replace(wish, skipped=_kept(wish.skipped, track_id))


def with_mute(wish: Wish, artist_id: str) -> Wish:
    """Returns the wish without an artist."""
    return replace(wish, muted=_kept(wish.muted, artist_id))


def without_refusals(wish: Wish) -> Wish:
    """Returns the wish with everything shown again that was refused."""
    return replace(wish, disliked=(), skipped=(), muted=())


def body_of(wish: Wish, limit: int = LIMIT) -> dict[str, Any]:
    """Returns the request for recommendations (docs/api.md)."""
    against = [_seed(seat) for seat in wish.seats if seat.against]
    seated = {seat.track_id for seat in wish.seats}
    newest = [name for name in reversed(wish.disliked) if name not in seated]
    against += [{"track_id": name} for name in newest[: MAX_AGAINST - len(against)]]
    bounds = {f"min_{name}": value for name, value in wish.minimum.items()}
    bounds |= {f"max_{name}": value for name, value in wish.maximum.items()}
    return {
        "seeds": [_seed(seat) for seat in wish.seats if not seat.against],
        "negative_seeds": against,
        "targets": dict(wish.targets),
        "filters": {
            **bounds,
            "excluded_track_ids": list(dict.fromkeys([*wish.skipped, *wish.disliked])),
            "excluded_artist_ids": list(wish.muted),
        },
        "limit": limit,
        "diversity": wish.diversity,
    }


def query_of(wish: Wish) -> dict[str, list[str]]:
    """Returns a wish as the query of a link; what is as it was at first is left out."""
    pairs = {
        "seat": [f"{'-' if s.against else ''}{s.weight:g}~{s.track_id}" for s in wish.seats],
        "aim": _written(wish.targets),
        "min": _written(wish.minimum),
        "max": _written(wish.maximum),
        "diversity": [f"{wish.diversity:g}"] if wish.diversity else [],
        "liked": list(wish.liked),
        "away": list(wish.disliked),
        "skip": list(wish.skipped),
        "mute": list(wish.muted),
    }
    return {name: values for name, values in pairs.items() if values}


def wish_of(query: Mapping[str, Sequence[str]]) -> Wish:
    """Returns the wish of a link; whatever cannot be read is passed over."""
    seats = []
    for text in query.get("seat", ()):
        weight, _, name = text.rpartition("~")
        number = _number(weight, 1.0)
        if _ID.match(name):
            share = _clamped(abs(number), LEAST_WEIGHT, MOST_WEIGHT, 1.0)
            seats.append(Seat(name, share, weight.startswith("-")))
    minimum, maximum = _read(query.get("min", ())), _read(query.get("max", ()))
    crossed = {name for name in minimum if minimum[name] > maximum.get(name, math.inf)}
    return Wish(
        seats=_distinct_seats(seats),
        targets=_read(query.get("aim", ())),
        minimum={name: value for name, value in minimum.items() if name not in crossed},
        maximum={name: value for name, value in maximum.items() if name not in crossed},
        diversity=_clamped(next(iter(query.get("diversity", ())), 0.0), 0.0, 1.0, 0.0),
        liked=_ids(query.get("liked", ())),
        disliked=_ids(query.get("away", ())),
        skipped=_ids(query.get("skip", ())),
        muted=_ids(query.get("mute", ())),
    )


def _seed(seat: Seat) -> dict[str, Any]:
    return {"track_id": seat.track_id, "weight": seat.weight}


def _distinct_seats(seats: Iterable[Seat]) -> tuple[Seat, ...]:
    distinct: dict[str, Seat] = {}
    for seat in seats:
        distinct.setdefault(seat.track_id, seat)
    return tuple(distinct.values())[:MAX_SEATS]


def _reweighed(wish: Wish, track_id: str, change: float) -> Wish:
    return replace(
        wish,
        seats=tuple(
            replace(seat, weight=min(MOST_WEIGHT, max(LEAST_WEIGHT, seat.weight + change)))
            if seat.track_id == track_id and not seat.against
            else seat
            for seat in wish.seats
        ),
    )


def _kept(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return (*(each for each in names if each != name), name)[-MAX_KEPT:]


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
