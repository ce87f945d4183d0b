"""Write everything that lists settings, from the settings classes of every process.

`make settings` writes `.env.template`, the environment of containers in `docker-compose.yml`, and
the names in `quintet doctor`; `--check` compares instead. The site's page of settings comes from
the same functions.
"""

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings
from quintet_command.mcp_server.settings import McpSettings
from quintet_command.settings import CommandSettings
from quintet_gateway.settings import GatewaySettings
from quintet_memory.settings import MemorySettings
from quintet_players.settings import PlayersSettings
from quintet_profile.settings import ProfileSettings
from quintet_ranker.settings import RankerSettings
from quintet_search.settings import SearchSettings
from quintet_settings import Variable, variables_of
from quintet_ui.settings import Settings as PageSettings

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / ".env.template"
COMPOSE: Final = ROOT / "docker-compose.yml"
KNOWN: Final = ROOT / "command/src/quintet_command/doctor/known.py"

PROCESSES: Final[Mapping[str, type[BaseSettings]]] = {
    "search": SearchSettings,
    "profile": ProfileSettings,
    "memory": MemorySettings,
    "ranker": RankerSettings,
    "gateway": GatewaySettings,
    "page": PageSettings,
    "players": PlayersSettings,
    "command": CommandSettings,
}

READERS: Final[Mapping[str, type[BaseSettings]]] = {**PROCESSES, "mcp": McpSettings}
"""All that read settings; the MCP server has no container, so Compose has no block for it."""

# What other programs read: no settings class of ours has it.
_COMPOSE: Final = (
    Variable(
        "COMPOSE_PROFILES",
        "core",
        "Parts that start: core, mlops, observe, music, players.",
    ),
    Variable(
        "QUINTET_UI_SCOPES",
        "read feedback library playlists",
        "With Compose: scopes of the page's client. Everybody who reaches the page acts with them; "
        "add admin only with a login in front of it.",
    ),
    Variable(
        "QUINTET_BACKUP_FOLDER",
        "",
        "With Compose: whole path of a folder for backups, which user 10001 may write; the volume "
        "backups if empty.",
    ),
    Variable(
        "QUINTET_CPUS",
        "0",
        "With Compose: processors that one container may use, such as 1.5; all if 0.",
    ),
    Variable(
        "QUINTET_PROXY_FOLDER",
        "",
        "With deploy/proxy.yml: folder with tls.crt, tls.key and users.htpasswd.",
    ),
    Variable(
        "QUINTET_PROXY_ADDRESS",
        "127.0.0.1:8443",
        "With deploy/proxy.yml: address and port of this machine for HTTPS.",
    ),
    Variable(
        "QUINTET_IMAGES",
        "quintet/",
        "What the names of images begin with; ghcr.io/OWNER/quintet- for those of a release.",
    ),
    Variable("QUINTET_TAG", "dev", "Tag of the images that are built and run."),
)
_TRACES: Final = (
    Variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Where traces are sent by OTLP over gRPC, such as http://HOST:4317; off if empty. Other "
        "OTEL_* variables of OpenTelemetry's SDK count too.",
    ),
    Variable("OTEL_EXPORTER_OTLP_HEADERS", "", "Headers sent along, NAME=VALUE with commas."),
    Variable("OTEL_TRACES_SAMPLER", "parentbased_always_on", "Which requests are traced."),
    Variable(
        "OTEL_TRACES_SAMPLER_ARG", "", "Argument of the sampler, such as a share from 0 to 1."
    ),
)
_STORAGE: Final = (
    Variable(
        "MLFLOW_S3_ENDPOINT_URL",
        "http://s3:8333",
        "Address of the S3 that keeps models; of Amazon's if set to nothing.",
    ),
    Variable("AWS_ACCESS_KEY_ID", "", "Access key of that S3, if it is not that of mlops."),
    Variable("AWS_SECRET_ACCESS_KEY", "", "Secret key of that S3."),
    Variable("AWS_DEFAULT_REGION", "us-east-1", "Region of that S3."),
    Variable("MLFLOW_TRACKING_USERNAME", "", "Account at a registry that requires one."),
    Variable("MLFLOW_TRACKING_PASSWORD", "", "Password of that account."),
)
_AIRFLOW: Final = (
    Variable(
        "AIRFLOW__CORE__EXECUTOR", "LocalExecutor", "LocalExecutor runs tasks beside the scheduler."
    ),
    Variable("AIRFLOW__CORE__PARALLELISM", "4", "Tasks at once."),
    Variable(
        "QUINTET_COMMAND",
        "",
        "The `quintet` command that tasks run; that on the PATH, or that of a clone, if empty.",
    ),
)
_MUSIC: Final = (
    Variable(
        "QUINTET_MUSIC_FOLDER",
        "",
        "With Compose: whole path of a folder of music, which gateway and worker see as /music.",
    ),
    Variable(
        "MUSIC_PASSWORD",
        "",
        "Password of a media server, if a source names it: env:MUSIC_PASSWORD. Without Compose, "
        "any name that begins with MUSIC_ will do.",
    ),
)
# Section by title: the beginnings of names, best first, and what else belongs there.
_SECTIONS: Final[tuple[tuple[str, tuple[str, ...], tuple[Variable, ...]], ...]] = (
    ("Compose", (), _COMPOSE),
    (
        "All processes",
        (
            "QUINTET_HOME",
            "QUINTET_HOST",
            "QUINTET_AUTH",
            "QUINTET_TLS",
            "QUINTET_DATABASE",
            "QUINTET_LISTENER",
            "QUINTET_FEEDBACK",
        ),
        _TRACES,
    ),
    ("Spotify (may stay empty)", ("SPOTIPY_",), ()),
    ("Search", ("QUINTET_SEARCH_",), ()),
    ("Profile", ("QUINTET_PROFILE_",), ()),
    ("Memory", ("QUINTET_MEMORY_",), ()),
    ("Ranker", ("QUINTET_RANKER_",), ()),
    ("Page", ("QUINTET_UI_", "QUINTET_GATEWAY_URL", "QUINTET_GATEWAY_CA", "QUINTET_TOKEN"), ()),
    ("Music players", ("QUINTET_PLAYERS",), ()),
    ("Assistants (`quintet mcp`)", ("QUINTET_MCP_",), ()),
    ("Gateway", ("QUINTET_GATEWAY_",), ()),
    ("Registry of models", ("QUINTET_MLFLOW_",), _STORAGE),
    ("Promotion of models (the `quintet` command)", ("QUINTET_GATE_",), ()),
    ("Drift (the `quintet` command)", ("QUINTET_DRIFT_",), ()),
    ("Housekeeping (the `quintet` command)", ("QUINTET_HOUSEKEEPING_",), ()),
    ("Sources of music (`quintet library`)", ("QUINTET_LIBRARY_",), _MUSIC),
    ("Analysis of audio files (`quintet analyse`)", ("QUINTET_ANALYSIS_",), ()),
    ("Airflow", ("QUINTET_AIRFLOW_",), _AIRFLOW),
)
# Containers have these from their image, from files of `setup`, or from their own lines in Compose.
_NOT_PASSED_ON: Final = re.compile(
    r"QUINTET_(HOME|HOST|AUTH|TOKEN|\w*_?PORT|(UI|PLAYERS)_CLIENT_(ID|SECRET)|PLAYERS|\w+_ADDRESS|DATABASE_URL"
    r"|GATEWAY_URL|MLFLOW_(URI|BACKEND_URL|ARTIFACTS)|AIRFLOW_DATABASE_URL)"
)
_FOR_DEVELOPERS: Final = (
    "QUINTET_DIST",
    "QUINTET_SCREENSHOTS",
    "QUINTET_SHARED_DATA",
    "QUINTET_SLOW",
)
_BEGIN: Final = "# --- environment of each process, written by `make settings` ---\n"
_END: Final = "# --- end of what `make settings` writes ---\n"
_HEAD: Final = """\
# Every setting with its meaning and default, written by `make settings`. To change one, remove
# "# " before its name. Compose reads this as `.env`; without Docker, export it before `make up`.
#
# NAME_FILE may name a file that holds the value of a secret (docs/security.md). These may have one:
{secrets}
"""
_PAGE_HEAD: Final = """# Settings

Find the meaning, the default and the allowed values of every environment variable here. Without
Docker, export a variable before `make up`; Compose reads `.env`. A process with a value that is not
allowed ends with exit code 2 and one line that names the variable.
"""


def settings() -> dict[str, Variable]:
    """Collect every variable by name; the class that describes a variable owns it."""
    found: dict[str, Variable] = {}
    for process in READERS.values():
        for variable in variables_of(process):
            known = found.get(variable.name)
            if known is None or not known.meaning:
                found[variable.name] = variable
            elif variable.default != known.default:
                raise ValueError(f"{variable.name} has two defaults")
    if missing := [name for name, variable in found.items() if not variable.meaning]:
        raise ValueError(f"no settings class describes {', '.join(missing)}")
    return found


def sections() -> Iterator[tuple[str, list[Variable]]]:
    """Give each section's title and variables."""
    left = settings()
    for title, beginnings, others in sorted(_SECTIONS, key=lambda section: section[0] == "Gateway"):
        names = [name for name in left if name.startswith(beginnings)] if beginnings else []
        yield title, [*(left.pop(name) for name in names), *others]
    if left:
        raise ValueError(f"no section holds {', '.join(left)}")


def template() -> str:
    """Write `.env.template`."""
    names = ", ".join(sorted(name for name, each in settings().items() if each.secret))
    lines = [
        _HEAD.format(secrets=textwrap.fill(names, 99, initial_indent="# ", subsequent_indent="# "))
    ]
    for title, variables in sections():
        lines.append(f"# --- {title} ".ljust(99, "-"))
        for each in variables:
            text = each.meaning + (f" ({each.allowed})" if each.allowed else "")
            lines.append(textwrap.fill(text, 99, initial_indent="# ", subsequent_indent="# "))
            # Compose starts nothing without profiles, so this one is set.
            shown = "" if each.name == "COMPOSE_PROFILES" else "# "
            lines.append(f"{shown}{each.name}={each.default}")
        lines.append("")
    return "\n".join(lines)


def compose(text: str) -> str:
    """Write the environment of each process between the markers of `docker-compose.yml`."""
    blocks = []
    for process, kind in PROCESSES.items():
        blocks.append(f"x-{process}-settings: &{process}-settings")
        blocks += [
            f"  {variable.name}:"
            for variable in variables_of(kind)
            if not _NOT_PASSED_ON.fullmatch(variable.name)
            # The command's container has no file of authorities: it calls the gateway by HTTP.
            and not (process == "command" and variable.name.startswith("QUINTET_GATEWAY_"))
        ]
        blocks.append("")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n".join(blocks) + _END + after


def known() -> str:
    """Write the module of names that `quintet doctor` compares the environment with."""
    every = {each.name for _, variables in sections() for each in variables}
    groups = (
        ("SETTINGS", {name for name in every if name.startswith("QUINTET_")}, ""),
        (
            "SECRETS",
            {name for name, each in settings().items() if each.secret},
            '"""Settings that NAME_FILE may give as a file."""\n',
        ),
        ("FOR_DEVELOPERS", set(_FOR_DEVELOPERS), '"""Variables of tests and the Makefile."""\n'),
    )
    text = '"""Names of all settings, for `quintet doctor`; written by `make settings`."""\n\n'
    text += "from typing import Final\n\n"
    for name, names, meaning in groups:
        rows = "".join(f'        "{each}",\n' for each in sorted(names))
        text += f"{name}: Final = frozenset(\n    (\n{rows}    )\n)\n{meaning}"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(KNOWN), "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout


def page() -> str:
    """Write the site's page of settings as Markdown, one table for each section."""
    lines = [_PAGE_HEAD]
    for title, variables in sections():
        lines.append(
            f"## {title}\n\n| variable | default | allowed | meaning |\n| --- | --- | --- | --- |"
        )
        for each in variables:
            default = f"`{each.default}`" if each.default else "empty"
            lines.append(f"| `{each.name}` | {default} | {each.allowed} | {each.meaning} |")
        lines.append("")
    return "\n".join(lines)


def files() -> dict[Path, str]:
    """Give the content of every file that lists settings."""
    return {
        TEMPLATE: template(),
        COMPOSE: compose(COMPOSE.read_text(encoding="utf-8")),
        KNOWN: known(),
    }


def main() -> int:
    """Write the files; with `--check`, return 1 and name those that differ."""
    wrong = [
        path
        for path, content in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    if "--check" in sys.argv[1:]:
        for path in wrong:
            sys.stderr.write(
                f"{path.relative_to(ROOT)} differs from the settings; `make settings`\n"
            )
        return 1 if wrong else 0
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
