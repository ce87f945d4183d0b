"""`quintet recommend`: tracks for one to five seeds or a wish in words, through the gateway."""

from typing import Annotated

import typer
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_contract.options import Seasonal, Variants

from quintet_command.cli.failure import CommandFailed
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
    numbers,
    resolve,
)
from quintet_command.cli.output import Json, print_recommendations
from quintet_command.cli.prompt import recommend_by_words, reject_other_options
from quintet_command.cli.terminal import Console, print_json

Pairs = Annotated[list[str] | None, typer.Option(metavar="ATTRIBUTE=VALUE")]


def recommend(
    seeds: Annotated[
        list[str] | None, typer.Argument(help="One to five track ids, links or song names.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="A wish in words instead of seeds, in English or Korean."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="The id of a part of the prompt to leave out; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 20,
    target: Pairs = None,
    minimum: Minimum = None,
    maximum: Maximum = None,
    weight: Pairs = None,
    genre: Genres = None,
    negative: Annotated[list[str] | None, typer.Option(help="A song to move away from.")] = None,
    exclude: Excluded = None,
    max_per_artist: Annotated[int, typer.Option(help="0 for no cap.")] = 3,
    diversity: Annotated[float, typer.Option(help="0 to 1.")] = 0.0,
    discovery: Annotated[
        float,
        typer.Option(help="From 0 (artists you named or heard first) to 1 (none of them)."),
    ] = DEFAULT_DISCOVERY,
    flow: Annotated[bool, typer.Option(help="Order by tempo and key.")] = False,
    language: Language = "en",
    variants: OtherVersions = Variants.EXCLUDE,
    seasonal: OfSeasons = Seasonal.EXCLUDE,
    listener: Listener = None,
    as_json: Json = False,
) -> None:
    """Recommend tracks for one to five seeds or a wish in words, through the running gateway."""
    if prompt is not None:
        reject_other_options(
            {
                "the seeds": (seeds or None, None),
                "--target": (target, None),
                "--min": (minimum, None),
                "--max": (maximum, None),
                "--weight": (weight, None),
                "--genre": (genre, None),
                "--negative": (negative, None),
                "--exclude": (exclude, None),
                "--max-per-artist": (max_per_artist, 3),
                "--diversity": (diversity, 0.0),
                "--discovery": (discovery, DEFAULT_DISCOVERY),
                "--flow": (flow, False),
                "--variants": (variants, Variants.EXCLUDE),
                "--seasonal": (seasonal, Seasonal.EXCLUDE),
            }
        )
        recommend_by_words(
            prompt,
            without or [],
            limit=limit,
            language=language,
            listener=listener,
            as_json=as_json,
        )
        return
    if not seeds or without:
        raise CommandFailed("name one to five seeds, or use --prompt, which --without belongs to")
    # Imported here: `--help` should not wait for the HTTP client.
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, connect

    gateway = connect()
    call = calls.recommend(
        [resolve(gateway, seed) for seed in seeds],
        negative_seeds=[resolve(gateway, seed) for seed in negative or ()],
        weights=numbers("--weight", weight),
        targets=numbers("--target", target),
        filters=filters_of(minimum, maximum, genre, exclude),
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
