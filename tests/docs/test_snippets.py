"""Runs every command and snippet of the documents, against an installation that `quintet up` runs.

A block may have a comment above it: `snippet: slow: reason` (runs where QUINTET_SLOW=1),
`snippet: elsewhere: path: reason` (another file runs it), `snippet: never: reason`; and for JSON
`snippet: answer: GET /path`, `snippet: schema: GET /path`, `snippet: body: POST /path`.
CONTRIBUTING.md says what each means.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from markdown_it import MarkdownIt

from tests.root import ROOT
from tests.slow import slow

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md")),
    *filter(Path.exists, [ROOT / "SECURITY.md", ROOT / "client" / "README.md"]),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NEVER = 8  # blocks that no test runs; each says why
MARK = re.compile(r"<!-- snippet: (slow|elsewhere|never|answer|body|schema): (.+?) -->", re.DOTALL)
SHELL = ("console", "sh", "bash")
RUN = (*SHELL, "python")
PASSIVE = {"text", "markdown", "html"}  # pictures and shapes; a prompt in one is refused below
START, END = "\x1e", "\x1d"


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    mark: str
    detail: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page):
    found, mark = [], ("", "")
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block" and (match := MARK.match(token.content)):
            mark = (match[1], " ".join(match[2].split()))
        elif token.type == "fence":
            language = token.info.split()[0] if token.info else ""
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(page, line, language, token.content, *mark))
            mark = ("", "")
        elif token.level == 0 and token.nesting >= 0:
            assert mark == ("", ""), f"{page}: a mark without a block below it: {mark}"
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def commands_of(block):
    """Parts a session at a prompt: each command with the output that the page shows below it."""
    if block.language != "console":
        return [(block.text, "")]
    sessions: list[tuple[list[str], list[str]]] = []
    open_ended = False
    for line in block.text.splitlines():
        if line.startswith("$ "):
            sessions.append(([line[2:]], []))
        elif open_ended:
            sessions[-1][0].append(line)
        else:
            assert sessions, f"{block.place}: output before the first prompt"
            sessions[-1][1].append(line)
            continue
        open_ended = continues("\n".join(sessions[-1][0]))
    return [("\n".join(command), "\n".join(output)) for command, output in sessions]


def continues(command):
    """Whether a line asks for another: a backslash, a quote or a here-document left open."""
    if marker := re.search(r"<<'?(\w+)'?", command):
        return not command.rstrip().endswith(f"\n{marker[1]}")
    bare = re.sub(r"#[^'\"]*$", "", command, flags=re.MULTILINE)
    return bare.rstrip().endswith("\\") or bare.count("'") % 2 == 1


def normal(text):
    """What a page promises of an output: its words; not its numbers, hashes and column widths."""
    text = re.sub(r"[0-9a-f]{12,}|\b[0-9A-Za-z]{22}\b", "#", text)
    text = re.sub(r"[-+]?\d[\d.,:]*", "#", text)
    return " ".join(text.split())


def shows(expected, output):
    """Whether an output is what the page shows, where `…` stands for anything."""
    parts = (re.escape(normal(part)) for part in expected.split("…"))
    return re.fullmatch(r"\s*" + r".*".join(parts) + r"\s*", normal(output)) is not None


class Installation:
    """A home, running services on free ports, and a shell whose variables last for a page."""

    def __init__(self, home, environment, ports):
        self.home, self.environment, self.ports = home, environment, ports

    @property
    def gateway(self):
        return f"http://127.0.0.1:{self.ports['8000']}"

    def here(self, text):
        """Turns the addresses of a page to those of this installation."""
        swap = lambda match: f"{match[1]}:{self.ports.get(match[2], match[2])}"  # noqa: E731 short
        return re.sub(r"(localhost|127\.0\.0\.1):(\d+)", swap, text)

    def run(self, block, desk):
        commands = commands_of(block)
        state = desk / ".state"
        script = [f"make() {{ command make --no-print-directory -C '{ROOT}' \"$@\"; }}"]
        script += [f"test -e '{state}' && . '{state}'"]
        for command, _ in commands:
            body = (
                f"python - <<'QUINTET_END'\n{command}\nQUINTET_END"
                if block.language == "python"
                else command
            )
            script += [
                f"printf '{START}'",
                f"{{ {self.here(body)}\n}} 2>&1",
                f"printf '{END}%d' $?",
            ]
        script += [f"declare -p | grep -v 'declare -[a-z]*r' > '{state}'"]
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=desk,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=550 if block.mark == "slow" else 90,
            check=False,
        )
        results = re.findall(f"{START}(.*?){END}(\\d+)", done.stdout, re.DOTALL)
        assert len(results) == len(commands), done.stdout + done.stderr
        for (command, expected), (output, code) in zip(commands, results, strict=True):
            told = f"{block.place}\n$ {command}\n{output}"
            fails = expected.startswith("error: ")
            assert (code != "0") == fails, f"{told}\nexit code {code}"
            if expected:
                assert shows(self.here(expected), output), f"{told}\nthe page shows\n{expected}"


def same_shape(shown, real, where):
    """Compares a page's JSON with an answer: names, nesting and kinds, not values.

    A name `…` leaves the rest of an object open; null and empty match anything.
    """
    if isinstance(shown, dict) and isinstance(real, dict) and shown and real:
        if "…" not in shown:
            assert set(shown) == set(real), where
        for name in set(shown) & set(real):
            same_shape(shown[name], real[name], f"{where}.{name}")
    elif isinstance(shown, list) and isinstance(real, list):
        for one, other in zip(shown[:1], real[:1], strict=False):
            same_shape(one, other, f"{where}[0]")
    elif shown is not None and real is not None:
        kinds = [
            float if isinstance(v, int | float) and not isinstance(v, bool) else type(v)
            for v in (shown, real)
        ]
        assert kinds[0] is kinds[1], where


def check_answer(block, installation):
    method, path, *body = block.detail.split(maxsplit=2)
    answer = httpx.request(
        method,
        installation.gateway + path,
        json=json.loads(body[0]) if body else None,
        timeout=60,
        trust_env=False,
    )
    same_shape(json.loads(block.text), answer.json(), block.place)


def check_schema(block, installation):
    document = httpx.get(f"{installation.gateway}/openapi.json", timeout=60, trust_env=False).json()
    method, path = block.detail.split()
    operation = document["paths"][path][method.lower()]
    described = operation["requestBody" if block.mark == "body" else "responses"]
    described = described if block.mark == "body" else described["200"]
    content = described["content"]["application/json"]
    schema = {**content["schema"], "components": document["components"]}
    # Imported here: it takes seconds, in each worker.
    import jsonschema

    jsonschema.validate(json.loads(block.text), schema)


@pytest.fixture(scope="module")
def installation(running_installation):
    return Installation(*running_installation)


@pytest.fixture(scope="module")
def desks(tmp_path_factory, tracks_of_ours):
    """A folder for each page, with what a reader has: the environment and files to import."""
    made: dict[Path, Path] = {}

    def desk(page):
        if page not in made:
            made[page] = tmp_path_factory.mktemp("desk")
            for name in (".venv", "tests", "tools"):
                (made[page] / name).symlink_to(ROOT / name)
            tracks_of_ours(made[page])
        return made[page]

    return desk


def with_services(block):
    """Gives a block its place as its name, and the reason where it is left out."""
    told = block.detail if block.mark == "slow" else "starts an installation"
    marks = [pytest.mark.timeout(600), slow(told)]
    return pytest.param(block, id=block.place, marks=marks)


RUNNABLE = [b for b in BLOCKS if b.language in RUN and b.mark not in ("elsewhere", "never")]
HELD = [b for b in BLOCKS if b.mark in ("answer", "body", "schema")]


@pytest.mark.parametrize("block", list(map(with_services, RUNNABLE)))
def test_what_a_page_shows_is_what_it_does(block, installation, desks):
    installation.run(block, desks(block.page))


@pytest.mark.parametrize("block", list(map(with_services, HELD)))
def test_json_of_a_page_has_the_shape_that_the_gateway_has(block, installation):
    check = check_answer if block.mark == "answer" else check_schema
    check(block, installation)


def test_every_block_is_run_read_or_has_a_reason():
    read: dict[str, Callable[[str], object]] = {
        "json": json.loads,
        "yaml": yaml.safe_load,
        "toml": tomllib.loads,
    }
    for block in BLOCKS:
        if block.language in read:
            read[block.language](block.text)
        elif block.language in PASSIVE:
            assert not re.search(r"^(\$|curl|docker|make) ", block.text, re.MULTILINE), block.place
        else:
            known = block.language in RUN or block.mark in ("elsewhere", "never")
            assert known, (
                f"{block.place}: nothing runs {block.language or 'a block without language'}"
            )


def test_reasons_are_reasons():
    for block in BLOCKS:
        if block.mark == "elsewhere":
            path = block.detail.split(":")[0].strip()
            assert (ROOT / path).exists(), f"{block.place}: {path} does not exist"
        elif block.mark in ("never", "slow"):
            assert len(block.detail.split()) > 2, block.place
    never = [block.place for block in BLOCKS if block.mark == "never"]
    assert len(never) == NEVER, never


def test_an_output_is_compared_by_its_words():
    assert shows(
        "model bootstrap-4cc78894f40b, 318 …", "model  bootstrap-0123456789ab, 7 candidates"
    )
    assert not shows("model bootstrap-4cc78894f40b", "model trained-4cc78894f40b")
    assert shows("a\n…\nb", "a\nx\ny\nb\n")
    assert not shows("a\nb", "a\nx\nb")
