"""The map of the catalogue: a point per song, seeds and list highlighted; a click picks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray
from quintet_client import Quintet
from quintet_client.models import CatalogueMap

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.faults import GatewayFault
from quintet_ui.figures import go
from quintet_ui.plain import chart
from quintet_ui.translations import Translations

MOST_GENRES: Final = 7
"""Genres with a separate colour; all others share one."""
FRESH_SECONDS: Final = 30.0  # a catalogue changes a few times a day at most
_MAP_PATIENCE: Final = 4
_COLOURS: Final = (
    "#6f55f0", "#c2571a", "#0f8a7e", "#b5336f", "#3a78c9", "#8a7a12", "#7b4fa3", "#8d8a99",
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """The points of one colour.

    Attributes:
        genre: Its genre; empty for all others together.
        ids: Track ids.
        names: What a point says of its song, as Plotly's markup.
        x: float32 (n,).
        y: float32 (n,).
    """

    genre: str
    ids: Sequence[str]
    names: Sequence[str]
    x: NDArray[np.float32]
    y: NDArray[np.float32]


@dataclass(frozen=True)
class TrackMap:
    """The map of one version of the catalogue.

    Attributes:
        version: Its version.
        layers: The points by colour, the biggest genre first.
        place: Layer and row of each track id.
        unplaced: How many songs have no place, because they were not analysed.
    """

    version: str
    layers: tuple[Layer, ...]
    place: Mapping[str, tuple[int, int]]
    unplaced: int = 0

    @property
    def size(self) -> int:
        """How many songs there are."""
        return len(self.place)


def read_map(version: str, content: bytes) -> TrackMap:
    """Read the map from an Arrow IPC file (docs/api.md)."""
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    placed = np.isfinite(table.column("x").to_numpy())
    unplaced = int(np.count_nonzero(~placed))
    if unplaced:
        table = table.filter(pa.array(placed))
    ids, titles, artists, genres = (
        np.asarray(table.column(name).to_pylist(), dtype=object)
        for name in ("track_id", "title", "artist", "genre")
    )
    x, y = (table.column(name).to_numpy() for name in ("x", "y"))
    # The most frequent genres get a colour each; ties keep their alphabetical order.
    found, counts = np.unique(genres[genres != ""], return_counts=True)
    biggest = list(found[np.argsort(-counts, kind="stable")][:MOST_GENRES])
    layers = []
    for genre in [*biggest, ""]:
        rows = np.flatnonzero(genres == genre if genre else ~np.isin(genres, biggest))
        if not len(rows):
            continue
        names = [
            f"{chart(titles[row])} · {chart(artists[row])}" if artists[row] else chart(titles[row])
            for row in rows
        ]
        layers.append(Layer(str(genre), ids[rows].tolist(), names, x[rows], y[rows]))
    place = {
        name: (number, row)
        for number, layer in enumerate(layers)
        for row, name in enumerate(layer.ids)
    }
    return TrackMap(version, tuple(layers), place, unplaced)


def map_figure(
    track_map: TrackMap, seeds: Sequence[str], listed: Sequence[str], texts: Translations
) -> go.Figure:
    """Plot the map with seeds and list highlighted; the genres' traces come first, in order."""
    figure = go.Figure()
    for number, layer in enumerate(track_map.layers):
        figure.add_scattergl(
            x=layer.x,
            y=layer.y,
            text=layer.names,
            name=chart(layer.genre) or texts("map.others"),
            mode="markers",
            marker={"size": 4, "opacity": 0.45, "color": _COLOURS[number % len(_COLOURS)]},
            hovertemplate="%{text}<extra></extra>",
        )
    for title, names, marker in (
        (texts("map.list"), listed, {"size": 9, "color": "#ffd166"}),
        (texts("map.seeds"), seeds, {"size": 15, "color": "#ff4d6d", "symbol": "star"}),
    ):
        figure.add_scattergl(**_lit(track_map, title, names, marker))
    figure.update_layout(
        dragmode="pan",  # a drag moves the map, instead of zooming to a rectangle
        height=560,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"},
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x"},
        # Plotly keeps zoom and position of the same version when the figure is drawn again.
        uirevision=track_map.version,
        clickmode="event+select",
    )
    return figure


def _lit(
    track_map: TrackMap, title: str, names: Sequence[str], marker: dict[str, Any]
) -> dict[str, Any]:
    places = [track_map.place[name] for name in names if name in track_map.place]
    layers = track_map.layers
    return {
        "x": np.array([layers[layer].x[row] for layer, row in places], dtype=np.float32),
        "y": np.array([layers[layer].y[row] for layer, row in places], dtype=np.float32),
        "text": [layers[layer].names[row] for layer, row in places],
        "name": title,
        "mode": "markers",
        "marker": {**marker, "line": {"width": 1, "color": "#1d1a2b"}},
        "hovertemplate": "%{text}<extra></extra>",
    }


class MapCache:
    """The newest map, for all sessions; checked for changes when it is half a minute old."""

    def __init__(self) -> None:
        self._track_map: TrackMap | None = None
        self._asked = 0.0

    def newest(self, fetch: Callable[[str], CatalogueMap | None]) -> TrackMap:
        """Get the newest map, downloading it at most every half minute.

        Args:
            fetch: Downloads the map, unless its version is still the one given.

        Raises:
            QuintetError: The gateway did not answer with one.
        """
        known = self._track_map
        if known is not None and time.monotonic() - self._asked < FRESH_SECONDS:
            return known
        found = fetch(known.version if known else "")
        self._asked = time.monotonic()
        if found is not None:
            known = self._track_map = read_map(found.etag, found.content)
        if known is None:
            raise RuntimeError("a gateway said that a map we never had is still the newest")
        return known


def _download(gateway: Quintet) -> Callable[[str], CatalogueMap | None]:
    # 100,000 songs are some 5 MB: more than one list, so it may take longer than one.
    seconds = _MAP_PATIENCE * session.settings().gateway_seconds
    return gateway.with_options(timeout=seconds).catalogue_map


@st.cache_resource(show_spinner=False)
def _cache() -> MapCache:
    return MapCache()


@st.fragment
def map_section() -> None:
    """Show the map if the listener switched it on."""
    texts = session.texts()
    st.header(texts("map.heading"))
    if not st.toggle(texts("map.show"), key="map_shown", help=texts("map.help")):
        return
    try:
        with st.spinner(texts("map.loading")):
            track_map = session.ask(lambda to: _cache().newest(_download(to)))
    except GatewayFault as fault:
        show_fault(fault, texts)
        return
    st.caption(texts("map.caption", count=f"{track_map.size:,}"))
    if track_map.unplaced:
        st.caption(texts("map.unplaced", count=f"{track_map.unplaced:,}"))
    seeds = [seed.track_id for seed in session.preferences().seeds]
    answer = st.session_state.get("answer") if session.preferences().is_complete else None
    listed = [ranked.track.id for ranked in answer[1].tracks] if answer else []
    st.plotly_chart(
        map_figure(track_map, seeds, listed, texts),
        config={"scrollZoom": True, "displaylogo": False},
        key="map",
        on_select=_pointed,
        selection_mode="points",
    )
    if st.session_state.pop("pointed", False):
        st.rerun()


def _pointed() -> None:
    """Add the song of the clicked point as a seed."""
    points = st.session_state.map.selection.points
    try:
        track_map = session.ask(lambda to: _cache().newest(_download(to)))
    except GatewayFault:
        return  # the map's own section shows why, when it is drawn next
    track_id = pointed_track(track_map, points)
    if not track_id:
        return
    st.session_state.pointed = session.pick(track_id)


def pointed_track(track_map: TrackMap, points: Sequence[Mapping[str, Any]]) -> str:
    """Find the track of the first selected point of a genre's trace; empty if there is none."""
    for point in points:
        layer, row = int(point.get("curve_number", -1)), int(point.get("point_index", -1))
        if 0 <= layer < len(track_map.layers) and 0 <= row < len(track_map.layers[layer].ids):
            return track_map.layers[layer].ids[row]
    return ""
