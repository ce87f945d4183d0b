"""Unmodified npm libraries for Spotify's Web API, and the snippets that show how to move."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import NODE, npm_packages, skip
from tests.root import ROOT

FOLDER = Path(__file__).parent / "node"
GUIDE = ROOT / "docs" / "migrate-from-spotify.md"
SNIPPETS = re.findall(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## ).)*?^```(?P<language>python|javascript)\n(?P<code>.*?)^```",
    GUIDE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
# A script tag does this in a browser.
BROWSER = """
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
globalThis.window = globalThis;
globalThis.XMLHttpRequest = require("xhr2");
const SpotifyWebApi = require("spotify-web-api-js");
"""


@pytest.fixture(scope="session")
def modules():
    """The locked npm packages, installed once outside the repository."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        skip(NODE)
    lock = (FOLDER / "package-lock.json").read_bytes()
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = root / f"quintet-compat-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (cache / "done").exists():
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, cache / name)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=cache, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        if done.returncode:
            skip(npm_packages("tests/system/compat/node", done.stderr))
        (cache / "done").touch()
    return cache / "node_modules"


def run_node(modules, folder, code, **environment):
    (folder / "node_modules").symlink_to(modules)
    script = folder / "script.mjs"
    script.write_text(code, encoding="utf-8")
    return run(["node", "--no-deprecation", str(script)], folder, **environment)


def run(command, folder, **environment):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.node
@pytest.mark.parametrize("name", ["ts_sdk", "web_api_node", "web_api_js"])
def test_npm_library_works_unmodified(stack, token, songs, modules, tmp_path, name):
    printed = run_node(
        modules, tmp_path, (FOLDER / f"{name}.mjs").read_text(encoding="utf-8"),
        BASE=stack.base, CLIENT_ID=stack.client_id, CLIENT_SECRET=stack.client_secret,
        TOKEN=token, SONGS=",".join(songs[:6]),
    )  # fmt: skip
    assert printed.strip() == "ok"


def test_guide_shows_all_five_libraries():
    assert [title.split()[0] for title, _, _ in SNIPPETS] == [
        "spotipy", "tekore", "@spotify/web-api-ts-sdk", "spotify-web-api-node",
        "spotify-web-api-js",
    ]  # fmt: skip


def filled_in(code, stack, token):
    """Returns a snippet with this installation's address and credentials."""
    port = stack.base.rpartition(":")[2]
    return (
        code.replace("8000", port)
        .replace("YOUR_CLIENT_ID", stack.client_id)
        .replace("YOUR_CLIENT_SECRET", stack.client_secret)
        .replace("YOUR_ACCESS_TOKEN", token)
    )


@pytest.mark.parametrize(
    "code",
    [code for _, language, code in SNIPPETS if language == "python"],
    ids=["spotipy", "tekore"],
)
def test_python_snippet_prints_five_tracks(stack, token, tmp_path, code):
    command = [sys.executable, "-W", "ignore", "-c", filled_in(code, stack, token)]
    assert run(command, tmp_path).count(" - ") >= 5


@pytest.mark.node
@pytest.mark.parametrize(
    ("title", "code"), [(title, code) for title, lang, code in SNIPPETS if lang == "javascript"]
)
def test_javascript_snippet_prints_five_tracks(stack, token, modules, tmp_path, title, code):
    before = BROWSER if title.startswith("spotify-web-api-js") else ""
    printed = run_node(modules, tmp_path, before + filled_in(code, stack, token))
    assert printed.count(" - ") >= 5
