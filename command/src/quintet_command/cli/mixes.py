"""`quintet mixes run`: daily mixes for each listener, saved and pushed to their players."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import typer
from quintet_contract.limits import DEFAULT_HEARD_DAYS
from quintet_library.pushing import KINDS, PushReport, push_list
from quintet_library.records import SourceFailed
from quintet_store import open_engine, reading, writing
from quintet_store.listeners import active_listeners
from quintet_store.saved_lists import MIX, SavedList, mix_id, save_list
from quintet_store.sources import SourceInvalid, list_sources
from quintet_training.datasets.feedback import listener_hash
from quintet_training.steps import Mix, MixMaker, MixOptions, check_options
from sqlalchemy import Engine

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.playlists.pushing import print_report
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console, json_text
from quintet_command.settings import CommandSettings, load_settings

mixes_app = typer.Typer(help="Daily mixes for each listener.", no_args_is_help=True)
_console: Final = Console()
_SHOWN_HASH: Final = 8


@dataclass
class _Result:
    """The mixes of one listener, and what became of them.

    Attributes:
        who: The id that the operator gave, or the beginning of the keyed hash.
        mixes: Of the day.
        pushes: To each target.
        failures: Pushes that failed, one line each.
    """

    who: str
    mixes: list[Mix]
    pushes: list[PushReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@mixes_app.callback()
def _group() -> None:
    """Make daily mixes for each listener."""


@mixes_app.command("run")
def run(
    listener: Annotated[
        list[str] | None,
        typer.Option(help="Only for this listener; repeatable. Default: all with a memory."),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="Push to this source, for one --listener. Default: the sources added with "
            "--listener for each.",
        ),
    ] = None,
    day: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="Of the mixes, in UTC. Default: today.")
    ] = "",
    mixes: Annotated[int, typer.Option(help="Mixes per listener, 1 to 6.")] = 4,
    tracks: Annotated[int, typer.Option(help="Tracks per mix, 5 to 500.")] = 30,
    discovery: Annotated[
        float, typer.Option(help="From 0 (artists that the listener knows first) to 1 (none).")
    ] = 0.5,
    heard_days: Annotated[
        int, typer.Option(help="Days within which a track that was heard is left out, 1 to 3650.")
    ] = DEFAULT_HEARD_DAYS,
    most_listeners: Annotated[
        int, typer.Option(min=1, max=100_000, help="Listeners of one run, the last active first.")
    ] = 1_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the mixes, and save and push nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the daily mixes of listeners, save them, and push them to their players."""
    if to and len(listener or ()) != 1:
        raise CommandFailed("--to: needs exactly one --listener, whose mixes are pushed there")
    with one_line_failures():
        settings = load_settings()
        of_day = _day(day)
        options = MixOptions(mixes, tracks, discovery, heard_days)
        check_options(options)
        engine = open_engine(settings.database_url)
        try:
            who = _listeners(settings, engine, listener, most_listeners)
            targets = _targets(engine, list(who), to)
            results = _made(settings, engine, options, who, targets, of_day, dry_run)
        finally:
            engine.dispose()
    _show(results, of_day, dry_run, as_json)
    failures = [failure for result in results for failure in result.failures]
    if failures:
        more = f" (and {len(failures) - 1} more pushes)" if len(failures) > 1 else ""
        raise CommandFailed(failures[0] + more)


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--day: must be a date, such as 2030-01-31; got {text!r}") from None


def _listeners(
    settings: CommandSettings, engine: Engine, given: list[str] | None, most: int
) -> dict[str, str]:
    """List the listeners of a run: the keyed hash, and what the operator sees of each."""
    if given:
        return {listener_hash(settings, each): each for each in given}
    with reading(engine) as connection:
        # One more than asked for shows that some are left out.
        found = active_listeners(connection, most + 1)
    if len(found) > most:
        Console(stderr=True).print(
            f"mixes are made for the {most:,} listeners who were active last; raise "
            "--most-listeners for more",
            highlight=False,
        )
    return {hashed: hashed[:_SHOWN_HASH] for hashed in found[:most]}


def _targets(
    engine: Engine, listeners: Sequence[str], to: list[str] | None
) -> dict[str, list[str]]:
    """Choose the sources of each listener: those that were given, else those that name them."""
    with reading(engine) as connection:
        sources = list_sources(connection)
    names = {source.spec.name for source in sources}
    for name in to or ():
        if name not in names:
            raise CommandFailed(f"there is no source {name!r}; quintet library list shows them")
    return {
        hashed: list(to)
        if to
        else [
            source.spec.name
            for source in sources
            if source.spec.kind in KINDS and source.spec.options.get("listener") == hashed
        ]
        for hashed in listeners
    }


def _made(
    settings: CommandSettings,
    engine: Engine,
    options: MixOptions,
    who: dict[str, str],
    targets: dict[str, list[str]],
    day: date,
    dry_run: bool,
) -> list[_Result]:
    if not who:  # a new installation may have no model yet
        return []
    with closing(MixMaker(settings, options)) as maker:
        return [
            _one(settings, engine, maker, hashed, shown, targets[hashed], day, dry_run)
            for hashed, shown in who.items()
        ]


def _one(
    settings: CommandSettings,
    engine: Engine,
    maker: MixMaker,
    hashed: str,
    shown: str,
    targets: list[str],
    day: date,
    dry_run: bool,
) -> _Result:
    """Make, save and push the mixes of one listener; a push that fails does not end the run."""
    result = _Result(shown, maker.mixes(hashed, day, targets))
    for mix in result.mixes:
        list_id = mix_id(hashed, mix.number)
        saved = SavedList(list_id, mix.name, hashed, MIX, mix.track_ids, "", "")
        if not dry_run:
            with writing(engine) as connection:
                saved = save_list(
                    connection,
                    mix.name,
                    mix.track_ids,
                    list_id=list_id,
                    listener=hashed,
                    origin=MIX,
                )
        for target in targets:
            try:
                result.pushes.append(push_list(settings, saved, target, dry_run=dry_run))
            except (SourceFailed, SourceInvalid) as fault:
                result.failures.append(str(fault))
    return result


def _show(results: Sequence[_Result], day: date, dry_run: bool, as_json: bool) -> None:
    if as_json:
        facts = {"day": day.isoformat(), "listeners": [_facts(each) for each in results]}
        typer.echo(json_text(facts, indent=2))
        return
    for result in results:
        for mix in result.mixes:
            _console.print(
                f"{result.who}: {mix.name}, {len(mix.track_ids):,} tracks, {mix.new:,} of them by "
                "artists new to the listener",
                highlight=False,
                soft_wrap=True,
            )
        for report in result.pushes:
            print_report(report)
    made = sum(len(result.mixes) for result in results)
    without = sum(not result.mixes for result in results)
    text = f"{made:,} mixes of {day.isoformat()} for {len(results) - without:,} listeners"
    text += f"; {without:,} listeners liked too little for one" if without else ""
    text += "; nothing was saved or pushed" if dry_run else ""
    _console.print(text, highlight=False, soft_wrap=True)


def _facts(result: _Result) -> dict[str, Any]:
    return {
        "listener": result.who,
        "mixes": [
            {
                **{"number": mix.number, "name": mix.name, "new": mix.new},
                "track_ids": list(mix.track_ids),
            }
            for mix in result.mixes
        ],
        "pushes": [report.facts() for report in result.pushes],
        "failures": result.failures,
    }
