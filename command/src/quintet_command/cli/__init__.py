"""The `quintet` command: parses, calls one step, prints. Rules live in the modules it calls."""

import sys
from importlib import import_module
from typing import Final

import typer
from quintet_files import keep_private
from quintet_text.printable import printable
from typer.exceptions import Abort, Exit, TyperException

from quintet_command.cli import (
    batch_recommend,
    demo,
    doctor,
    drift,
    evaluate,
    gate,
    housekeeping,
    mcp,
    path,
    prepare,
    radio,
    recommend,
    search,
    serve,
    train,
    up,
)
from quintet_command.cli.extra import for_operators, require_operator
from quintet_command.cli.progress import one_line_failures

GROUPS: Final = {
    "catalog": "The catalogue: import tracks, see what it holds.",
    "tracks": "Tracks: show what is known of one, by any of its ids.",
    "library": "Your own music: folders, media servers, beets; add, sync, remove.",
    "analyse": "Compute missing audio attributes from files.",
    "playlists": "Playlists: import them for training, make them of lists.",
    "history": "A listener's history: import it, see what is remembered.",
    "mixes": "Daily mixes for each listener, pushed to their players.",
    "models": "The registry's models: list, compare, promote, roll back.",
    "feedback": "What listeners did: export it for training, delete it.",
    "clients": "The clients that may call when QUINTET_AUTH is on.",
    "players": "Music players that ask for similar songs: add, show, remove.",
    "backup": "Everything that matters into one file, checked, and back.",
    "certificates": "Certificates for TLS between the services and for HTTPS.",
    "experiment": "Champion and challenger compared on listeners.",
}

app = typer.Typer(
    name="quintet",
    help="Quintet: pick five songs, get the next fifty.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(for_operators(up.up))
app.command("serve")(for_operators(serve.serve))
app.command("demo")(for_operators(demo.demo))
app.command("prepare")(for_operators(prepare.prepare))
app.command("doctor")(for_operators(doctor.doctor))
app.command("search")(search.search)
app.command("recommend")(recommend.recommend)
app.command("radio")(radio.radio)
app.command("path")(path.path)
app.command("batch-recommend")(for_operators(batch_recommend.batch_recommend))
app.command("mcp")(mcp.mcp)
app.command("train")(for_operators(train.train))
app.command("evaluate")(for_operators(evaluate.evaluate))
app.command("gate")(for_operators(gate.gate))
app.command("drift")(for_operators(drift.drift))
app.command("housekeeping")(for_operators(housekeeping.housekeeping))


def group(name: str) -> typer.Typer:
    """Load the commands of a group, `<name>_app` of the module `<name>`."""
    commands: typer.Typer = getattr(import_module(f"quintet_command.cli.{name}"), f"{name}_app")
    return commands


def _mount(name: str, text: str) -> None:
    """Add a group that is imported when called, so that no other command waits for it.

    Its arguments pass through unparsed, `--help` included; the group parses them itself.
    """

    def call(context: typer.Context) -> int:
        require_operator(f"quintet {name}")
        return int(
            group(name)(context.args, prog_name=f"quintet {name}", standalone_mode=False) or 0
        )

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(name, help=text, context_settings=settings, add_help_option=False)(call)


for _name, _text in GROUPS.items():
    _mount(_name, _text)


def main() -> None:
    """Run the command line; a failure prints one line and exits with code 2, never a traceback."""
    keep_private()
    try:
        with one_line_failures():
            code = app(standalone_mode=False)
    except Exit as leave:
        code = leave.exit_code
    except TyperException as failure:
        message = printable(" ".join(failure.format_message().split()))
        if message:  # empty where help was printed instead
            sys.stderr.write(f"error: {message}\n")
        code = failure.exit_code
    except (Abort, KeyboardInterrupt):
        sys.stderr.write("stopped\n")
        # 128 + SIGINT, as a shell reports it.
        code = 130
    except BrokenPipeError:
        # 128 + SIGPIPE, as a shell reports it: the reader closed the pipe, as `head` does.
        code = 141
    sys.exit(code if isinstance(code, int) else 0)
