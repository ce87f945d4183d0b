"""`quintet radio`: the next tracks of a radio session, through the running gateway."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from quintet_contract.limits import DEFAULT_ARTIST_GAP, DEFAULT_RADIO_BATCH
from quintet_contract.options import Heard as RadioHeardRule
from quintet_contract.options import RadioAction, Seasonal, Variants
from quintet_files import PRIVATE_MODE, write_atomically
from quintet_text.track_ids import track_id_of

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
    resolve,
)
from quintet_command.cli.output import Json, print_sequence
from quintet_command.cli.terminal import Console, print_json

_MOST_CURSOR: Final = 1024 * 1024
"""Bytes: a longer file is no cursor; the longest of a session has some 60,000 characters."""


class Heard(StrEnum):
    """What a sequence of tracks does with those that the listener heard lately."""

    EXCLUDE = "exclude"
    ALLOW = "allow"


HeardLately = Annotated[
    Heard, typer.Option("--heard", help="Tracks that the listener heard lately.")
]
RadioHeard = Annotated[
    RadioHeardRule,
    typer.Option("--heard", help="Tracks that the listener heard lately; less: if no other fits."),
]
HeardDays = Annotated[
    int | None, typer.Option("--heard-days", help="Days that count as lately, 1 to 3650.")
]


def radio(
    seeds: Annotated[
        list[str] | None,
        typer.Argument(help="To start: one to five track ids, links or song names."),
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option(help="File that keeps the session: it is continued, or started with seeds."),
    ] = None,
    like: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A played track that was liked.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A played track that was skipped.")
    ] = None,
    finish: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A played track that was heard to its end."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 100.")] = DEFAULT_RADIO_BATCH,
    minimum: Minimum = None,
    maximum: Maximum = None,
    genre: Genres = None,
    exclude: Excluded = None,
    artist_gap: Annotated[
        int | None,
        typer.Option(
            help=f"Tracks between two that share an artist, 0 to 50 [default: {DEFAULT_ARTIST_GAP}]"
        ),
    ] = None,
    variants: OtherVersions = Variants.EXCLUDE,
    seasonal: OfSeasons = Seasonal.EXCLUDE,
    discovery: Annotated[
        float | None,
        typer.Option(
            help="0: artists you know first, 1: artists you do not know, of the last 50 tracks "
            "and these. By score alone if not set."
        ),
    ] = None,
    heard: RadioHeard = RadioHeardRule.EXCLUDE,
    heard_days: HeardDays = None,
    language: Language = "en",
    listener: Listener = None,
    as_json: Json = False,
) -> None:
    """Play tracks without an end from one to five seeds, through the running gateway.

    `--session FILE` keeps a session, so that it can be continued.
    """
    # Imported here: `--help` should not wait for the HTTP client.
    from quintet_client import RadioEvent, calls

    from quintet_command.cli.gateway import ask, connect

    gateway = connect()
    cursor = _cursor(session, seeds or [])
    acts = {RadioAction.LIKE: like, RadioAction.SKIP: skip, RadioAction.FINISH: finish}
    filters = filters_of(minimum, maximum, genre, exclude)
    call = calls.radio(
        [] if cursor else [resolve(gateway, seed) for seed in seeds or []],
        cursor=cursor,
        events=[
            RadioEvent(track_id=track_id_of(each), action=act.value)
            for act, each_of in acts.items()
            for each in each_of or ()
        ],
        limit=limit,
        discovery=discovery,
        heard=heard.value,
        heard_days=heard_days,
        language=language,
        listener=listener,
        # The gateway takes these at the start alone, so a default is not sent.
        filters=filters if any(value not in ([], None) for value in filters.values()) else None,
        artist_gap=artist_gap,
        variants="allow" if variants is Variants.ALLOW else None,
        seasonal="allow" if seasonal is Seasonal.ALLOW else None,
    )
    answer = ask(gateway, call.as_json())
    if session is not None:
        _keep(session, str(answer["cursor"]))
    if as_json:
        print_json(answer)
    else:
        _print(answer, session)


def _cursor(session: Path | None, seeds: list[str]) -> str | None:
    """Read the cursor of a session that is continued; None for one that starts.

    Raises:
        CommandFailed: There is neither a session nor a seed, or both; the file cannot be read.
    """
    try:
        cursor = _read(session) if session is not None and session.exists() else ""
    except (OSError, ValueError):
        raise CommandFailed(
            f"{session} cannot be read as a session; delete it, or name another file"
        ) from None
    if cursor and seeds:
        raise CommandFailed(
            f"{session} holds a session, which has its seeds; name no seed to continue it, "
            "or delete the file to start another"
        )
    if not cursor and not seeds:
        raise CommandFailed("name one to five seeds to start, or --session FILE to continue")
    return cursor or None


def _read(session: Path) -> str:
    if session.stat().st_size > _MOST_CURSOR:
        raise ValueError
    return session.read_text(encoding="ascii").strip()


def _keep(session: Path, cursor: str) -> None:
    """Write the session to its file.

    Raises:
        CommandFailed: The file cannot be written.
    """
    try:
        write_atomically(session, f"{cursor}\n", PRIVATE_MODE)
    except OSError as fault:
        raise CommandFailed(f"{session} cannot be written: {fault.strerror}") from None


def _print(answer: Any, session: Path | None) -> None:
    from quintet_client.models import RadioBatch

    batch, console = RadioBatch.model_validate(answer), Console()
    print_sequence("Radio", batch.tracks, batch.versions, console)
    if batch.exhausted:
        console.print("The session has ended: nothing that may be played is left.")
    elif session is not None:
        console.print(f"Continue: quintet radio --session {session}", highlight=False)
    else:
        console.print("To continue later, start with --session FILE.", highlight=False)
