"""`quintet models`: list, compare, promote, roll back and describe the registry's models."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from quintet_command import models
from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console
from quintet_command.settings import CommandSettings, load_settings

if TYPE_CHECKING:
    from quintet_command.models.differences import Difference

models_app = typer.Typer(
    help="The registry's models: list, compare, promote, roll back.", no_args_is_help=True
)
_console: Final = Console()
# Rows of importances, names in a line, and characters in a cell; `--json` has everything.
_SHOWN: Final = 12
_NAMED: Final = 6
_WIDE: Final = 32
Name = Annotated[
    str, typer.Argument(metavar="MODEL", help="A number, an alias, or a bundle's name.")
]


@models_app.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    metric: Annotated[
        str, typer.Option(help="Show this metric; see `--json` for all names.")
    ] = "ndcg_500.five_seeds",
) -> None:
    """List registered models, the newest first."""
    with one_line_failures():
        records = models.registered(load_settings())
    if as_json:
        typer.echo(json.dumps([_facts(record) for record in records], indent=2))
        return
    if not records:
        _say("No models are registered; `quintet models register` adds the one in use.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("model", "bundle", "aliases", "registered", "champion since", metric):
        table.add_column(title, no_wrap=True)
    for record in records:
        value = record.metrics.get(metric)
        since = record.promote_time if models.CHAMPION in record.aliases else None
        table.add_row(
            record.version,
            record.bundle,
            ", ".join(record.aliases),
            f"{record.create_time:%Y-%m-%d %H:%M}",
            "" if since is None else f"{since:%Y-%m-%d %H:%M:%S}",
            "" if value is None else f"{value:.4f}",
        )
    # Wide enough for every name, in a pipe too.
    Console(width=max(_console.width, 140)).print(table)


@models_app.command("register")
def register(
    bundle: Annotated[
        str | None, typer.Argument(help="A bundle in QUINTET_HOME/models; the one in use.")
    ] = None,
    artefacts: Annotated[
        list[Path] | None,
        typer.Option("--artefact", help="A file or folder to keep with it; repeatable."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="A JSON file of metrics to log, name to number.")
    ] = None,
    alias: Annotated[str, typer.Option(help="What it is called from now on.")] = "challenger",
) -> None:
    """Register a bundle of this machine with the metrics of its manifest."""
    with one_line_failures():
        settings = load_settings()
        files = {path.name: path for path in artefacts or ()}
        number = models.register_model(settings, bundle, models.read_metrics(metrics), files, alias)
        record = models.found(models.registry_of(settings), number)
    names = f", {', '.join(record.aliases)}" if record.aliases else ""
    _say(f"model {number}: {record.bundle}{names}")


@models_app.command("promote")
def promote(
    model: Name,
    without_gate: Annotated[
        bool, typer.Option("--without-gate", help="Promote it whatever the gate would say.")
    ] = False,
) -> None:
    """Make a model champion, where the gate lets it through; rankers serve it within one poll.

    A model that the gate stops is exit code 1 with the reasons; one that it cannot judge, such as
    one without an evaluation, is exit code 2. Neither is promoted.
    """
    with one_line_failures():
        settings = load_settings()
        if not without_gate:
            # The very version that was judged is promoted, whatever an alias points at by then.
            model = _let_through(settings, model)
        _tell(models.promote(settings, model))


@models_app.command("rollback")
def rollback(
    expected: Annotated[
        str, typer.Option("--from", help="Only if this model, by its number, is champion now.")
    ] = "",
) -> None:
    """Make the champion before this one champion again."""
    with one_line_failures():
        _tell(models.rollback(load_settings(), expected))


@models_app.command("diff")
def diff(
    left: Name,
    right: Annotated[str, typer.Argument(metavar="OTHER", help="The one to compare with it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two models: metrics, features, importances, and 100 fixed requests."""
    with one_line_failures():
        found = models.compare_models(load_settings(), left, right)
    if as_json:
        typer.echo(json.dumps(_difference_facts(found), indent=2))
        return
    _print_difference(found)


@models_app.command("card")
def card(
    model: Annotated[
        str, typer.Argument(help="A number, an alias, or a bundle's name.")
    ] = models.CHAMPION,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("docs/model-card.md"),
) -> None:
    """Write a model's card from the registry: data, metrics, limits."""
    with one_line_failures():
        record = models.write_card(load_settings(), out, model)
    _say(f"{out}: model {record.version}, {record.bundle}")


def _let_through(settings: CommandSettings, model: str) -> str:
    """Judge a model by the gate; return its version if it passes, else exit with code 1."""
    from quintet_command.gate import REPORT, ReportInvalid, judge

    version = models.found(models.registry_of(settings), model).version
    try:
        verdict = judge(settings, version)
    except (ReportInvalid, models.RegistryInvalid) as fault:
        raise CommandFailed(
            f"the gate cannot judge model {version}: {fault}; register it with its {REPORT}, "
            "or say --without-gate"
        ) from fault
    if verdict.passed:
        return version
    for check in verdict.checks:
        if check.stops:
            typer.echo(f"{check.name}: {check.found}; wanted {check.wanted}", err=True)
    typer.echo(f"the gate stops model {version}; --without-gate promotes it all the same", err=True)
    raise typer.Exit(1)


def _tell(move: models.Move) -> None:
    before = f"; before it: model {move.before}" if move.before else ""
    _say(f"champion is model {move.after.version}, {move.after.bundle}{before}")


def _facts(record: models.ModelRecord) -> dict[str, object]:
    promoted = record.promote_time
    return {
        "model": record.version,
        "bundle": record.bundle,
        "sha256": record.digest,
        "kind": record.kind,
        "catalogue": record.catalogue,
        "aliases": list(record.aliases),
        "create_time": record.create_time.isoformat(),
        "promote_time": None if promoted is None else promoted.isoformat(),
        "metrics": dict(record.metrics),
        "parameters": dict(record.parameters),
    }


def _difference_facts(found: "Difference") -> dict[str, object]:
    agreement = found.agreement
    return {
        "left": _facts(found.left),
        "right": _facts(found.right),
        "metrics": {name: list(pair) for name, pair in found.facts.metrics.items()},
        "parameters": {name: list(pair) for name, pair in found.facts.parameters.items()},
        "features_added": list(found.facts.features_added),
        "features_removed": list(found.facts.features_removed),
        "importances": {name: list(pair) for name, pair in found.importances.items()},
        "lists": None
        if agreement is None
        else {
            "requests": agreement.requests,
            "overlap": {str(cut): value for cut, value in agreement.overlap.items()},
            "least_overlap": {str(cut): value for cut, value in agreement.least_overlap.items()},
            "rank_correlation": agreement.correlation,
        },
        "lists_not_compared": found.why_not,
    }


def _print_difference(found: "Difference") -> None:
    left, right = (f"{r.version} {r.bundle}" for r in (found.left, found.right))
    _say(f"{left}  →  {right}")
    metrics = [
        (name, _number(pair[0]), _number(pair[1]), _change(pair))
        for name, pair in found.facts.metrics.items()
        if not name.endswith((".lower", ".upper"))
    ]
    _print_table(("metric", "left", "right", "change"), metrics)
    shared = [
        (name, str(pair[0])[:_WIDE], str(pair[1])[:_WIDE])
        for name, pair in found.facts.parameters.items()
        if None not in pair
    ]
    _print_table(("parameter", "left", "right"), shared)
    if apart := len(found.facts.parameters) - len(shared):
        _say(f"{apart} parameters of one side alone; see --json")
    _say(f"features added: {_names(found.facts.features_added)}")
    _say(f"features removed: {_names(found.facts.features_removed)}")
    gains = [
        (name, f"{pair[0]:.1%}", f"{pair[1]:.1%}", f"{100 * (pair[1] - pair[0]):+.1f}")
        for name, pair in list(found.importances.items())[:_SHOWN]
    ]
    _print_table(("share of gain", "left", "right", "points"), gains)
    _say(_agreement_line(found))


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more or "none"


def _agreement_line(found: "Difference") -> str:
    agreement = found.agreement
    if agreement is None:
        return f"lists not compared: {found.why_not}"
    shares = ", ".join(
        f"overlap@{cut} {share:.1%} (least {agreement.least_overlap[cut]:.0%})"
        for cut, share in agreement.overlap.items()
    )
    correlation = agreement.correlation
    ranks = "unknown" if correlation is None else f"{correlation:.3f}"
    return f"{agreement.requests} fixed requests: {shares}, rank correlation {ranks}"


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    for index, title in enumerate(titles):
        table.add_column(title, no_wrap=True, justify="left" if not index else "right")
    for row in rows:
        table.add_row(*row)
    _console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _change(pair: tuple[float | None, float | None]) -> str:
    return "" if pair[0] is None or pair[1] is None else f"{pair[1] - pair[0]:+.4g}"


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
