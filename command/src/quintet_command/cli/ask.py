"""`quintet search`, `quintet recommend` and `quintet batch-recommend`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits
from quintet_training.settings import load_settings
from rich.console import Console
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.gateway import Gateway
from quintet_command.cli.progress import progress_bar

if TYPE_CHECKING:
    from quintet_training.steps import BatchReport

_console = Console()
_errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print the gateway's answer as JSON.")]
Pairs = Annotated[list[str] | None, typer.Option(metavar="ATTRIBUTE=VALUE")]


def search(
    text: Annotated[list[str], typer.Argument(help="What to search for.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many.")] = 10,
    source: Annotated[
        str | None, typer.Option(help="catalogue, spotify or both; catalogue where not named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search the catalogue by title, artist and album, through the running gateway."""
    answer = _gateway().search(" ".join(text), limit, source)
    if as_json:
        _print_json(answer)
        return
    table = Table(box=None, pad_edge=False)
    # The id is there to be copied, so it is never cut.
    table.add_column("id", no_wrap=True, min_width=22)
    for title in ("track", "artist", "album", "popularity"):
        table.add_column(title, justify="right" if title == "popularity" else "left")
    for match in answer["tracks"]:
        track = match["track"]
        cells = (track["id"], track["title"], _artists(track), track["album"])
        table.add_row(*cells, str(track["popularity"]))
    _console.print(table if answer["tracks"] else "Nothing matches.")


def recommend(
    seeds: Annotated[list[str], typer.Argument(help="One to five track ids or song names.")],
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 20,
    target: Pairs = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", metavar="ATTRIBUTE=VALUE")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", metavar="ATTRIBUTE=VALUE")] = None,
    weight: Pairs = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only this genre; repeatable.")] = None,
    negative: Annotated[list[str] | None, typer.Option(help="A song to move away from.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A track id never to return.")] = None,
    max_per_artist: Annotated[int, typer.Option(help="0 for no cap.")] = 3,
    diversity: Annotated[float, typer.Option(help="0 to 1.")] = 0.0,
    flow: Annotated[bool, typer.Option(help="Order by tempo and key.")] = False,
    as_json: Json = False,
) -> None:
    """Recommend tracks for one to five seeds, through the running gateway."""
    gateway = _gateway()
    bounds = {f"min_{k}": v for k, v in _numbers("--min", minimum).items()}
    bounds |= {f"max_{k}": v for k, v in _numbers("--max", maximum).items()}
    body = {
        "seeds": [_resolve(gateway, seed) for seed in seeds],
        "negative_seeds": [_resolve(gateway, seed) for seed in negative or ()],
        "weights": _numbers("--weight", weight),
        "targets": _numbers("--target", target),
        "filters": {**bounds, "genres": genre or [], "excluded_track_ids": exclude or []},
        "limit": limit,
        "max_per_artist": max_per_artist,
        "diversity": diversity,
        "flow": flow,
    }
    answer = gateway.recommend(body)
    if as_json:
        _print_json(answer)
    else:
        print_recommendations(answer, _console)


def batch_recommend(
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="A list a line: id, seed_tracks.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="A list a line: id, tracks.")],
    limit: Annotated[int, typer.Option(help="Tracks a line, 1 to 500.")] = 500,
    max_per_artist: Annotated[int, typer.Option(help="0 for no cap.")] = 0,
) -> None:
    """Recommend for many lists at once, with the ranking code of the service and no server."""
    # Imported here: the other commands must not wait for the engine.
    from quintet_training.steps import BatchInvalid
    from quintet_training.steps import batch_recommend as recommend_in_batch

    settings = load_settings()
    try:
        with progress_bar(_errors) as tell:
            report = recommend_in_batch(
                settings.home,
                source,
                target,
                limit,
                max_per_artist=max_per_artist,
                progress=lambda done, total: tell(done / max(total, 1), "Recommending"),
            )
    except BatchInvalid as fault:
        raise CommandFailed(str(fault)) from fault
    _print_batch(report, target)


def print_recommendations(answer: dict[str, Any], console: Console) -> None:
    """Prints seeds and recommended tracks as tables, with the versions that made them."""
    seeds = Table(title="Seeds", title_justify="left", box=None, pad_edge=False)
    for title in ("track", "artist", "genres"):
        seeds.add_column(title)
    for seed in answer["seeds"]:
        track = seed.get("track") or {}
        if track:
            seeds.add_row(track["title"], _artists(track), ", ".join(track["genres"]))
    table = Table(title="Recommended", title_justify="left", box=None, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("track", max_width=34, no_wrap=True, overflow="ellipsis")
    table.add_column("artist", max_width=22, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right")
    table.add_column("why", overflow="fold")
    for item in answer["tracks"]:
        track = item["track"]
        why = (item.get("reasons") or {}).get("sentence", "")
        table.add_row(
            str(item["rank"]), track["title"], _artists(track), f"{item['score']:.3f}", why
        )
    console.print(seeds, "", table, "", sep="\n")
    versions, pool = answer["versions"], answer["pool"]
    console.print(
        f"model {versions['model']}, index {versions['index']}, catalogue {versions['catalogue']}; "
        f"{pool['initial']} tracks, {pool['after_filtering']} after filters, "
        f"{pool['candidates']} candidates",
        highlight=False,
        style="dim",
    )


def _print_batch(report: "BatchReport", target: Path) -> None:
    _console.print(
        f"{report.lines} lines written to {target}; {report.failed} with an error, "
        f"{report.unknown_seeds} unknown seeds",
        highlight=False,
    )


def _gateway() -> Gateway:
    settings = load_settings()
    token = settings.token.get_secret_value()
    return Gateway(settings.gateway_url, 30.0, token, settings.gateway_ca)


def _resolve(gateway: Gateway, text: str) -> str:
    """Returns the id a seed names: itself where it has an id's shape, else the best match."""
    return text if fits(SPOTIFY_TRACK_PATTERN, text) else str(gateway.first_track(text)["id"])


def _numbers(option: str, pairs: list[str] | None) -> dict[str, float]:
    numbers = {}
    for pair in pairs or ():
        name, _, value = pair.partition("=")
        try:
            numbers[name] = float(value)
        except ValueError:
            raise CommandFailed(f"{option} takes ATTRIBUTE=NUMBER, such as energy=0.8") from None
    return numbers


def _artists(track: dict[str, Any]) -> str:
    return ", ".join(artist["name"] for artist in track["artists"])


def _print_json(answer: dict[str, Any]) -> None:
    _console.print_json(json.dumps(answer, ensure_ascii=False))
