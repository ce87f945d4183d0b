"""Options that commands for lists, radio and paths share, and what they become in a request."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from quintet_contract.options import Seasonal, Variants
from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits
from quintet_text.track_ids import is_address, track_id_of

from quintet_command.cli.failure import CommandFailed

if TYPE_CHECKING:
    from quintet_client import Quintet

Minimum = Annotated[list[str] | None, typer.Option("--min", metavar="ATTRIBUTE=VALUE")]
Maximum = Annotated[list[str] | None, typer.Option("--max", metavar="ATTRIBUTE=VALUE")]
Genres = Annotated[list[str] | None, typer.Option("--genre", help="Only this genre; repeatable.")]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="A track id never to return, in no release."),
]
Language = Annotated[str, typer.Option("--language", help="Of the reasons: en or ko.")]
OtherVersions = Annotated[
    Variants, typer.Option("--variants", help="Other versions of the seeds' songs.")
]
OfSeasons = Annotated[
    Seasonal, typer.Option("--seasonal", help="Songs of a season that no seed is of.")
]
Listener = Annotated[
    str | None,
    typer.Option("--listener", help="Whose memory counts; an id that names no person."),
]


def resolve(gateway: "Quintet", text: str) -> str:
    """Turn a seed into a track id: an id or address as it is, a name by its best match.

    Raises:
        CommandFailed: No track of the catalogue has the name, or the gateway does not answer.
    """
    from quintet_command.cli.gateway import first_track

    if is_address(text) or fits(SPOTIFY_TRACK_PATTERN, text):
        return track_id_of(text)
    return first_track(gateway, text).id


def numbers(option: str, pairs: list[str] | None) -> dict[str, float]:
    """Parse ATTRIBUTE=NUMBER pairs; the gateway checks names and ranges.

    Raises:
        CommandFailed: A pair has no number.
    """
    found = {}
    for pair in pairs or ():
        name, _, value = pair.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise CommandFailed(
                f"{option} takes ATTRIBUTE=NUMBER, such as energy=0.8; got {pair!r}"
            ) from None
    return found


def filters_of(
    minimum: list[str] | None,
    maximum: list[str] | None,
    genre: list[str] | None,
    exclude: list[str] | None,
) -> dict[str, Any]:
    """Build the filters of a request.

    They are a mapping, so that the gateway checks the names and lists the attributes there are.

    Raises:
        CommandFailed: A bound has no number.
    """
    bounds = {f"min_{name}": value for name, value in numbers("--min", minimum).items()}
    bounds |= {f"max_{name}": value for name, value in numbers("--max", maximum).items()}
    return {**bounds, "genres": genre or [], "excluded_track_ids": exclude or []}
