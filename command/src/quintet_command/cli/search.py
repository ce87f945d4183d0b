"""`quintet search`: the catalogue, through the running gateway."""

from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from quintet_command.cli.output import Json, artist_names
from quintet_command.cli.terminal import Console, print_json

if TYPE_CHECKING:
    from quintet_client.request_models import Source

_console = Console()


def search(
    text: Annotated[list[str], typer.Argument(help="What to search for.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many.")] = 10,
    source: Annotated[
        str | None, typer.Option(help="catalogue, spotify or both. Default: catalogue.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search the catalogue by title, artist and album, through the running gateway."""
    # Imported here: `--help` should not wait for the HTTP client.
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, connect

    # The gateway checks the source's name: it knows which ones it has.
    call = calls.search(" ".join(text), limit=limit, source=cast("Source | None", source))
    if as_json:
        print_json(ask(connect(), call.as_json()))
        return
    answer = ask(connect(), call)
    table = Table(box=None, pad_edge=False)
    # Users copy the id, so it is never cut.
    table.add_column("id", no_wrap=True, min_width=22)
    for title in ("track", "artist", "album", "popularity"):
        table.add_column(title, justify="right" if title == "popularity" else "left")
    for match in answer.tracks:
        track = match.track
        cells = (track.id, track.title, artist_names(track), track.album)
        table.add_row(*cells, "" if track.popularity is None else str(track.popularity))
    _console.print(table if answer.tracks else "Nothing matches.")
