"""Tables and JSON that several commands print from the gateway's responses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from quintet_command.cli.terminal import Console

if TYPE_CHECKING:
    from quintet_client.models import PathTrack, RadioTrack, Recommendations, Track, Versions

Json = Annotated[bool, typer.Option("--json", help="Print the gateway's response as JSON.")]


def artist_names(track: "Track") -> str:
    """Join the names of a track's artists for one table cell."""
    return ", ".join(artist.name for artist in track.artists)


def print_recommendations(answer: "Recommendations", console: Console) -> None:
    """Print seeds and recommended tracks as tables, with the versions that produced them."""
    seeds = Table(title="Seeds", title_justify="left", box=None, pad_edge=False)
    for title in ("track", "artist", "genres"):
        seeds.add_column(title)
    for seed in answer.seeds:
        if seed.track is not None:
            seeds.add_row(seed.track.title, artist_names(seed.track), ", ".join(seed.track.genres))
    table = Table(title="Recommended", title_justify="left", box=None, pad_edge=False)
    table.add_column("#", justify="right")
    # Widths that leave room for the reasons on a terminal of 100 columns.
    table.add_column("track", max_width=34, no_wrap=True, overflow="ellipsis")
    table.add_column("artist", max_width=22, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right")
    table.add_column("why", overflow="fold")
    for item in answer.tracks:
        why = item.reasons.sentence if item.reasons else ""
        cells = (item.track.title, artist_names(item.track), f"{item.score:.3f}", why)
        table.add_row(str(item.rank), *cells)
    console.print(seeds, "", table, "", sep="\n")
    if answer.discovery.sentence:
        console.print(answer.discovery.sentence, highlight=False)
    versions, pool = answer.versions, answer.pool
    console.print(
        f"model {versions.model}, index {versions.index}, catalogue {versions.catalogue}; "
        f"{pool.initial} tracks, {pool.after_filtering} after filters, "
        f"{pool.candidates} candidates",
        highlight=False,
        style="dim",
    )


def print_sequence(
    title: str,
    tracks: "Sequence[RadioTrack] | Sequence[PathTrack]",
    versions: "Versions",
    console: Console,
) -> None:
    """Print tracks in the order to play them, each with the step from the track before."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    # Widths that fit a terminal of 80 columns; a wider one gives the room to the last column.
    table.add_column("#", justify="right", min_width=2, no_wrap=True)
    # `--like`, `--skip` and `--finish` name ids, so they are never cut.
    table.add_column("id", no_wrap=True, min_width=22)
    table.add_column("track", min_width=12, max_width=30, overflow="fold")
    table.add_column("artist", min_width=8, max_width=20, overflow="fold")
    table.add_column("step", justify="right", min_width=4, no_wrap=True)
    table.add_column("how it follows", min_width=14, overflow="fold")
    for item in tracks:
        step = item.transition
        cells = (item.track.id, item.track.title, artist_names(item.track))
        how = ("", "") if step is None else (f"{step.distance:.2f}", step.sentence)
        table.add_row(str(item.position), *cells, *how)
    console.print(table, "", sep="\n")
    console.print(
        f"model {versions.model}, catalogue {versions.catalogue}", highlight=False, style="dim"
    )
