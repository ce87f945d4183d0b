"""`quintet tracks`: what the database knows of a track, found by any of its ids."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from quintet_store import open_engine, reading
from quintet_store.features import features_of
from quintet_store.lookup import facts_of_track, find_tracks
from quintet_store.source_items import items_of_tracks
from quintet_store.track_ids import ids_of
from quintet_training.datasets import DatasetInvalid
from rich.table import Table
from sqlalchemy import Connection

from quintet_command.cli.output import Json
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console, print_json
from quintet_command.settings import load_settings

tracks_app = typer.Typer(help="Show tracks of the database.", no_args_is_help=True)
_console = Console()


@tracks_app.callback()
def tracks() -> None:
    """Keep `show` a subcommand although it is the only one."""


@tracks_app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Track id, ISRC, MusicBrainz or Spotify id, URI or address, source:NAME:ITEM, "
            "or the path of a file.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show the tracks that an id names: names, ids, sources, and features by who measured them."""
    with one_line_failures():
        engine = open_engine(load_settings().database_url)
        try:
            with reading(engine) as connection:
                found = [_described(connection, each) for each in find_tracks(connection, name)]
        finally:
            engine.dispose()
        if not found:
            raise DatasetInvalid(
                f"no track has the id {name!r}; quintet search finds tracks by their names"
            )
    if as_json:
        print_json({"tracks": found})
        return
    for each in found:
        _console.print(_table(each))


def _described(connection: Connection, track_id: str) -> dict[str, Any]:
    """Describe a track as JSON types; of each attribute the first provenance's value counts."""
    items = items_of_tracks(connection, [track_id]).get(track_id, [])
    return {
        **facts_of_track(connection, track_id),
        "ids": [
            f"{kind}:{value}" for kind, value in ids_of(connection, [track_id]).get(track_id, [])
        ],
        "sources": [
            {
                "source": item.source,
                "item": item.item_id,
                # A path need not be UTF-8: other bytes are shown as \\xNN.
                "path": item.path.encode("utf-8", "backslashreplace").decode("utf-8"),
                "present": item.present,
            }
            for item in items
        ],
        "features": features_of(connection, [track_id]).get(track_id, {}),
    }


def _table(track: Mapping[str, Any]) -> Table:
    table = Table(show_header=False)
    rows = {name: value for name, value in track.items() if name not in ("sources", "features")}
    for name, value in rows.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        table.add_row(name, "unknown" if value is None else shown or "none")
    for item in track["sources"]:
        state = "" if item["present"] else " (absent)"
        table.add_row("source", f"{item['source']}{state}: {item['path'] or item['item']}")
    if not track["features"]:
        table.add_row("features", "not analysed")
    for provenance, values in track["features"].items():
        table.add_row(provenance, ", ".join(f"{name} {value:g}" for name, value in values.items()))
    return table
