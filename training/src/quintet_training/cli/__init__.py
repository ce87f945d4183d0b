"""The `quintet` command: parses, calls one step, prints. Rules live in the modules it calls."""

import sys

import typer
from typer.exceptions import Abort, Exit, TyperException

from quintet_training.cli import ask, serve
from quintet_training.cli.catalog import catalog_app
from quintet_training.cli.clients import clients_app
from quintet_training.cli.progress import one_line_failures

app = typer.Typer(
    name="quintet",
    help="Quintet: pick five songs, get the next fifty.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(serve.up)
app.command("demo")(serve.demo)
app.command("search")(ask.search)
app.command("recommend")(ask.recommend)
app.command("batch-recommend")(ask.batch_recommend)
app.add_typer(catalog_app, name="catalog")
app.add_typer(clients_app, name="clients")


def main() -> None:
    """Runs the command line; a failure prints one line and exits with code 2, never a traceback."""
    try:
        with one_line_failures():
            code = app(standalone_mode=False)
    except Exit as leave:
        code = leave.exit_code
    except TyperException as failure:
        message = " ".join(failure.format_message().split())
        if message:  # empty where help was printed instead
            sys.stderr.write(f"error: {message}\n")
        code = failure.exit_code
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
        code = 130
    except BrokenPipeError:
        code = 141
    sys.exit(code if isinstance(code, int) else 0)
