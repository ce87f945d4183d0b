"""The radar: attributes of list and chosen track against the profile of the seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from quintet_client.models import RankedTrack, Recommendations
from quintet_text.printable import printable

from quintet_ui.attributes import RADAR, SCALES, share
from quintet_ui.cards import features_of
from quintet_ui.plain import MOST_IN_CHART, code
from quintet_ui.translations import Translations


def profile_of(answer: Recommendations) -> dict[str, float]:
    """Read the seeds' known mean attributes; from the comparisons if there is no profile."""
    means = {name: statistic.mean for name, statistic in answer.profile.items()}
    if not means and answer.tracks:
        reasons = answer.tracks[0].reasons
        compared = reasons.comparisons if reasons else []
        means = {item.attribute: item.seeds_mean for item in compared}
    return {name: mean for name, mean in means.items() if mean is not None}


def mean_of(tracks: Sequence[RankedTrack]) -> dict[str, float]:
    """Average the attributes of a list over the tracks of which they are known."""
    rows = [features_of(track) for track in tracks]
    known = {name: [row[name] for row in rows if name in row] for name in RADAR}
    return {name: fmean(values) for name, values in known.items() if values}


def radar_data(shapes: Mapping[str, Mapping[str, float]], texts: Translations) -> dict[str, Any]:
    """Describe named shapes for `radar_box`; an unknown attribute has no share, and leaves a gap.

    Args:
        shapes: Raw attributes by name, by the title of the shape.
        texts: The texts.
    """
    return {
        "labels": {"heading": texts("radar.heading")},
        "axes": [texts(f"attribute.{name}") for name in RADAR],
        "shapes": [
            {
                "title": printable(title, MOST_IN_CHART),
                "points": [
                    {
                        "share": share(name, values[name]) if name in values else None,
                        "text": _told(name, values, texts),
                    }
                    for name in RADAR
                ],
            }
            for title, values in shapes.items()
        ],
    }


def radar_rows(
    shapes: Mapping[str, Mapping[str, float]], texts: Translations
) -> list[dict[str, str]]:
    """Write the radar as the rows of a table, for people who cannot see it."""
    return [
        {
            texts("radar.attribute"): texts(f"attribute.{name}"),
            **{code(title): _told(name, values, texts) for title, values in shapes.items()},
        }
        for name in RADAR
    ]


def _told(name: str, values: Mapping[str, float], texts: Translations) -> str:
    """Format a value, or say that nobody analysed it."""
    return shown(name, values[name]) if name in values else texts("radar.unknown")


def shown(name: str, value: float) -> str:
    """Format a value in the attribute's unit."""
    return f"{value:.0f}" if SCALES[name].step >= 1 else f"{value:.2f}"
