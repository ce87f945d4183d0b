"""`quintet path`: tracks that lead from one song to another, through the running gateway."""

from typing import Annotated

import typer
from quintet_contract.limits import DEFAULT_PATH, DEFAULT_PATH_PER_ARTIST
from quintet_contract.options import Seasonal, Variants

from quintet_command.cli.list_options import (
    Excluded,
    Genres,
    Language,
    Listener,
    Maximum,
    Minimum,
    OfSeasons,
    OtherVersions,
    filters_of,
    resolve,
)
from quintet_command.cli.output import Json, print_sequence
from quintet_command.cli.radio import Heard, HeardDays, HeardLately
from quintet_command.cli.terminal import Console, print_json


def path(
    start: Annotated[str, typer.Argument(help="The first song: its id, link or name.")],
    end: Annotated[str, typer.Argument(help="The last song: its id, link or name.")],
    length: Annotated[
        int, typer.Option(help="Tracks, both ends included, 3 to 50.")
    ] = DEFAULT_PATH,
    minimum: Minimum = None,
    maximum: Maximum = None,
    genre: Genres = None,
    exclude: Excluded = None,
    max_per_artist: Annotated[
        int, typer.Option(help="Tracks per artist between the ends; 0 for no cap.")
    ] = DEFAULT_PATH_PER_ARTIST,
    variants: OtherVersions = Variants.EXCLUDE,
    seasonal: OfSeasons = Seasonal.EXCLUDE,
    heard: HeardLately = Heard.EXCLUDE,
    heard_days: HeardDays = None,
    language: Language = "en",
    listener: Listener = None,
    as_json: Json = False,
) -> None:
    """Lead from one song to another in small steps, through the running gateway."""
    # Imported here: `--help` should not wait for the HTTP client.
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, connect

    gateway = connect()
    call = calls.path(
        resolve(gateway, start),
        resolve(gateway, end),
        length=length,
        filters=filters_of(minimum, maximum, genre, exclude),
        max_per_artist=max_per_artist,
        variants=variants.value,
        seasonal=seasonal.value,
        heard=heard.value,
        heard_days=heard_days,
        language=language,
        listener=listener,
    )
    if as_json:
        print_json(ask(gateway, call.as_json()))
        return
    answer, console = ask(gateway, call), Console()
    print_sequence("Path", answer.tracks, answer.versions, console)
    console.print(
        f"Steps from 0 (alike) to 1: greatest {answer.greatest_step:.2f}, "
        f"mean {answer.mean_step:.2f}.",
        highlight=False,
    )
