"""The radar: attributes of list and chosen track against the profile of the seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from quintet_client.models import RankedTrack, Recommendations

from quintet_ui.attributes import RADAR, SCALES, share
from quintet_ui.cards import features_of
from quintet_ui.figures import go
from quintet_ui.plain import chart, code
from quintet_ui.translations import Translations

_COLOURS: Final = ("#6f55f0", "#c2571a", "#0f8a7e")
_DASHES: Final = ("solid", "dash", "dot")


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


def radar_figure(shapes: Mapping[str, Mapping[str, float]], texts: Translations) -> go.Figure:
    """Plot named shapes, each with raw attributes by name; unknown ones leave a gap."""
    names = [texts(f"attribute.{name}") for name in RADAR]
    figure = go.Figure()
    for place, (title, values) in enumerate(shapes.items()):
        radii = [share(name, values[name]) if name in values else None for name in RADAR]
        told = [_told(name, values, texts) for name in RADAR]
        # The first point comes again at the end, which closes the shape.
        figure.add_scatterpolar(
            r=[*radii, radii[0]],
            theta=[*names, names[0]],
            text=[*told, told[0]],
            name=chart(title),
            fill="toself" if place == 0 else "none",
            opacity=0.85,
            line={"color": _COLOURS[place], "dash": _DASHES[place], "width": 2},
            hovertemplate="%{theta}: %{text}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        polar={
            "bgcolor": "rgba(0,0,0,0)",
            "radialaxis": {"range": [0, 1], "showticklabels": False},
        },
        legend={"orientation": "h", "y": -0.12},
        margin={"l": 64, "r": 64, "t": 30, "b": 30},
        height=380,
    )
    return figure


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
