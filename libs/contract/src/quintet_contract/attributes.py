"""The fourteen audio attributes: name, unit and range, for every process and every file.

The published client cannot import this package; tests/contract compares its fields, the protos, the
OpenAPI document and the page with these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Attribute:
    """One attribute of a track that a caller may filter by, aim at or weigh.

    Attributes:
        name: As in JSON, in files and in the database.
        minimum: Smallest value allowed, in `unit`.
        maximum: Largest value allowed, in `unit`.
        unit: Unit of every value; "1" for a share or a probability.
        meaning: What a value says about a track.
        whole: Whether a track's value is a whole number. Means and targets need not be.
    """

    name: str
    minimum: float
    maximum: float
    unit: str
    meaning: str
    whole: bool = False


# The order is fixed: it is the column order of a snapshot's `features.npy`, and the Attribute enum
# of the protos numbers the attributes from 1 in this order.
TABLE: Final = (
    Attribute("acousticness", 0.0, 1.0, "1", "probability that the track is acoustic"),
    Attribute("danceability", 0.0, 1.0, "1", "suitability for dancing"),
    # One day: longer files are broken, and float64 holds every millisecond of it exactly.
    Attribute("duration_ms", 0.0, 86_400_000.0, "ms", "length"),
    Attribute("energy", 0.0, 1.0, "1", "perceived intensity"),
    Attribute("instrumentalness", 0.0, 1.0, "1", "probability that nobody sings"),
    # Spotify writes -1 where no key was detected.
    Attribute("key", -1.0, 11.0, "semitone", "pitch class, 0 is C; -1 is unknown", whole=True),
    Attribute("liveness", 0.0, 1.0, "1", "probability that an audience was present"),
    # Above 0 for clipped masters; digital silence of 16 bits is -96.
    Attribute("loudness", -100.0, 20.0, "dB", "overall loudness"),
    Attribute("mode", 0.0, 1.0, "1", "1 is major, 0 is minor", whole=True),
    Attribute("popularity", 0.0, 100.0, "%", "how much the track is played now"),
    Attribute("speechiness", 0.0, 1.0, "1", "share of spoken words"),
    # 0 where no beat was detected.
    Attribute("tempo", 0.0, 1000.0, "beats/min", "estimated tempo"),
    Attribute("time_signature", 0.0, 11.0, "beats/bar", "beats in a bar; 0 is unknown", whole=True),
    Attribute("valence", 0.0, 1.0, "1", "musical positiveness"),
)

ATTRIBUTES: Final = tuple(each.name for each in TABLE)
"""The names, in the order of `TABLE`."""

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    each.name: (each.minimum, each.maximum) for each in TABLE
}
"""The closed range of each attribute, in its own unit."""

WHOLE: Final = tuple(each.name for each in TABLE if each.whole)
"""Attributes whose value of a track is a whole number."""

AUDIO_FEATURES: Final = tuple(name for name in ATTRIBUTES if name != "popularity")
"""Attributes that are measured on the audio: all that a profile can weigh. Popularity is not."""

MEASURED: Final = tuple(name for name in AUDIO_FEATURES if name != "duration_ms")
"""Attributes that somebody must analyse the audio for; each may be missing. Every track has a
duration."""

NULLABLE: Final = tuple(name for name in ATTRIBUTES if name != "duration_ms")
"""Attributes that a track may lack, each on its own: null in files, database and JSON, NaN in
arrays; never 0."""
