"""`quintet recommend`: tracks for one to five seeds, through the running gateway."""

from typing import TYPE_CHECKING, Annotated

import typer
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_contract.options import Seasonal, Variants
from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits
from quintet_text.track_ids import is_address, track_id_of

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.output import Json, print_recommendations
from quintet_command.cli.terminal import Console, print_json

if TYPE_CHECKING:
    from quintet_client import Quintet

Pairs = Annotated[list[str] | None, typer.Option(metavar="ATTRIBUTE=VALUE")]


def recommend(
    seeds: Annotated[list[str], typer.Argument(help="One to five track ids, links or song names.")],
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 20,
    target: Pairs = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", metavar="ATTRIBUTE=VALUE")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", metavar="ATTRIBUTE=VALUE")] = None,
    weight: Pairs = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only this genre; repeatable.")] = None,
    negative: Annotated[list[str] | None, typer.Option(help="A song to move away from.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A track id never to return, in no release.")
    ] = None,
    max_per_artist: Annotated[int, typer.Option(help="0 for no cap.")] = 3,
    diversity: Annotated[float, typer.Option(help="0 to 1.")] = 0.0,
    discovery: Annotated[
        float,
        typer.Option(help="From 0 (artists you named or heard first) to 1 (none of them)."),
    ] = DEFAULT_DISCOVERY,
    flow: Annotated[bool, typer.Option(help="Order by tempo and key.")] = False,
    language: Annotated[str, typer.Option(help="Of the reasons: en or ko.")] = "en",
    variants: Annotated[
        Variants, typer.Option(help="Other versions of the seeds' songs.")
    ] = Variants.EXCLUDE,
    seasonal: Annotated[
        Seasonal, typer.Option(help="Songs of a season that no seed is of.")
    ] = Seasonal.EXCLUDE,
    listener: Annotated[
        str | None, typer.Option(help="Whose memory counts; an id that names no person.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recommend tracks for one to five seeds, through the running gateway."""
    # Imported here: `--help` should not wait for the HTTP client.
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, connect

    gateway = connect()
    bounds = {f"min_{k}": v for k, v in _numbers("--min", minimum).items()}
    bounds |= {f"max_{k}": v for k, v in _numbers("--max", maximum).items()}
    call = calls.recommend(
        [_resolve(gateway, seed) for seed in seeds],
        negative_seeds=[_resolve(gateway, seed) for seed in negative or ()],
        weights=_numbers("--weight", weight),
        targets=_numbers("--target", target),
        # A mapping, so that the gateway checks the names and lists the attributes there are.
        filters={**bounds, "genres": genre or [], "excluded_track_ids": exclude or []},
        limit=limit,
        max_per_artist=max_per_artist,
        diversity=diversity,
        discovery=discovery,
        flow=flow,
        language=language,
        variants=variants.value,
        seasonal=seasonal.value,
        listener=listener,
    )
    if as_json:
        print_json(ask(gateway, call.as_json()))
    else:
        print_recommendations(ask(gateway, call), Console())


def _resolve(gateway: "Quintet", text: str) -> str:
    """Turn a seed into a track id: an id or address as it is, a name by its best match."""
    from quintet_command.cli.gateway import first_track

    if is_address(text) or fits(SPOTIFY_TRACK_PATTERN, text):
        return track_id_of(text)
    return first_track(gateway, text).id


def _numbers(option: str, pairs: list[str] | None) -> dict[str, float]:
    """Parse ATTRIBUTE=NUMBER pairs; the gateway checks names and ranges.

    Raises:
        CommandFailed: A pair has no number.
    """
    numbers = {}
    for pair in pairs or ():
        name, _, value = pair.partition("=")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise CommandFailed(
                f"{option} takes ATTRIBUTE=NUMBER, such as energy=0.8; got {pair!r}"
            ) from None
    return numbers
