"""One whole installation for all tests here: real processes over the embedded catalogue."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from quintet_command.ports import free_ports

from tests.needs import CHROMIUM, npm_packages, skip
from tests.needs import NODE as NODE_JS
from tests.ui.patience import WAIT_MS, WAIT_SECONDS, patient_context
from tests.ui.scripts import LABELS, Component
from tools.processes import Processes, environment_without

NODE = Path(__file__).parent / "node"
SERVICES = ("search", "profile", "ranker", "memory", "gateway")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # A test waits several times, and the first one starts all services.
            item.add_marker(pytest.mark.timeout(10 * WAIT_SECONDS))


@dataclass
class Installation:
    """Running services, each of which can be killed and started again."""

    environment: dict
    ports: dict
    processes: Processes

    @property
    def gateway(self):
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def feedback_on(self, track):
        """Returns the kinds of what is stored of a track."""
        query = "select kind from feedback_events where track_id = ?"
        path = Path(self.environment["QUINTET_HOME"]) / "quintet.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            return [kind for (kind,) in database.execute(query, (track,))]

    @property
    def page(self):
        return f"http://127.0.0.1:{self.ports['ui']}"

    def start(self, name):
        command = [sys.executable, "-m", f"quintet_{name}"]
        self.processes.start(name, command)

    def kill(self, name):
        self.processes.programs[name].kill()

    def await_answer(self, url):
        self.processes.await_answer(url, WAIT_SECONDS)


@pytest.fixture(scope="session")
def installation(tmp_path_factory, embedded_home):
    """Search, profile, ranker and gateway."""
    home = tmp_path_factory.mktemp("ui") / "home"
    names = [*SERVICES, "ui", "spotify_ui"]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    settings = {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    settings |= {"QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_BUDGET_SECONDS": "5"}
    own = environment_without("SPOTIPY_")
    environment = {**own, **settings, "QUINTET_HOME": str(home), "QUINTET_HOST": "127.0.0.1"}
    environment.pop("QUINTET_GATEWAY_URL", None)
    shutil.copytree(embedded_home, home)
    with Processes(home / "logs", environment) as processes:
        running = Installation(environment, ports, processes)
        for name in SERVICES:
            running.start(name)
        running.await_answer(f"{running.gateway}/readyz")
        yield running


@pytest.fixture(scope="session")
def songs(installation):
    """Ids of five well-known songs."""
    found = []
    for text in (
        "hotel california",
        "bohemian rhapsody",
        "back in black",
        "teen spirit",
        "everlong",
    ):
        answer = httpx.get(
            f"{installation.gateway}/api/v1/search", params={"q": text}, trust_env=False
        )
        found.append(answer.json()["tracks"][0]["track"]["id"])
    return found


@pytest.fixture(scope="session")
def served_page(installation):
    """The page in a process of its own, as `quintet up` starts it."""
    installation.start("ui")
    installation.await_answer(f"{installation.page}/_stcore/health")
    return installation.page


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window.

    Not for the whole session: Playwright keeps an event loop running for as long as it lives, and
    asynchronous tests of other rooms need their own.
    """
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if path is None:
        skip(CHROMIUM)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield browser
        browser.close()


def _note_refused(tab, text):
    """Keeps what the browser says of the page's content policy."""
    if "Content Security Policy" in text:
        tab.refused.append(text)


@pytest.fixture
def visit(chromium, served_page):
    """Opens the page in a browser of its own and watches what it asks of the network."""
    contexts = []

    def opened(
        path="/", *, locale="en-US", scheme="light", width=1280, height=900, ready="combobox"
    ):
        context = patient_context(
            chromium,
            locale=locale,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            accept_downloads=True,
        )
        contexts.append(context)
        tab = context.new_page()
        tab.foreign, tab.faults, tab.refused = [], [], []
        near = (served_page, served_page.replace("http", "ws"), "data:", "blob:")
        tab.on("request", lambda r: None if r.url.startswith(near) else tab.foreign.append(r.url))
        tab.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.on("console", lambda line: _note_refused(tab, line.text))
        tab.goto(served_page + path)
        # The first screen hands over to the page.
        tab.locator("#shell").wait_for(state="detached")
        tab.get_by_role(ready).first.wait_for()
        return tab

    yield opened
    for context in contexts:
        for tab in context.pages:
            assert tab.foreign == []
            assert tab.faults == []
            assert tab.refused == []
        context.close()


@pytest.fixture
def component(chromium):
    """Opens a script alone in a tab; returns the tab, what it sent, and how to give it data."""
    tab = chromium.new_page()

    def opened(name, html):
        tab.set_content(f'<html lang="en"><body>{html}</body></html>')
        script = Component(tab, name)
        return tab, script.sent, script.give

    yield opened
    tab.close()


@pytest.fixture
def cards(component):
    """The list and the player; returns a tab, the acts of the list, and how to give it tracks."""
    tab, sent, give_data = component("cards", "<ol class=cards></ol><div class=sound></div>")
    Component(tab, "player").give({"labels": LABELS, "handled": 0})

    def acts():
        # Each message has all acts that the page has not confirmed.
        distinct = {act["number"]: act for message in sent() for act in message}
        return list(distinct.values())

    def give(*tracks, handled=None, **more):
        newest = max((act["number"] for act in acts()), default=0)
        give_data(
            {
                "labels": LABELS, "tracks": list(tracks), "chosen": "", "stale": False,
                "list": "1", "handled": newest if handled is None else handled, **more,
            }
        )  # fmt: skip

    return tab, acts, give


@pytest.fixture
def picture(tmp_path):
    """Takes pictures; into the folder named by QUINTET_SCREENSHOTS, where there is one."""
    folder = Path(os.environ.get("QUINTET_SCREENSHOTS") or tmp_path)

    def taken(tab, name):
        # What is still drawn or faded is not what a listener looks at.
        expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        folder.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=folder / f"{name}.png", animations="disabled")

    return taken


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core, from the locked npm package."""
    npm = shutil.which("npm")
    if npm is None:
        skip(NODE_JS)
    lock = (NODE / "package-lock.json").read_bytes()
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = root / f"quintet-axe-{hashlib.sha256(lock).hexdigest()[:12]}"
    script = cache / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE / name, cache / name)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=cache, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        if done.returncode:
            skip(npm_packages("tests/ui/node", done.stderr))
    return script.read_text(encoding="utf-8")
