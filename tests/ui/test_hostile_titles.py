"""Foreign text on the page, in a real browser: shown as it is, and never a link or a request."""

import http.server
import json
import re
import sys
import threading

import httpx
import pyarrow as pa
import pytest
from playwright.sync_api import expect
from quintet_command.ports import free_ports

from tests.slow import slow
from tests.ui.patience import WAIT_SECONDS, patient_context

HOSTILE = (
    '<a href="https://evil.example/a">win</a>',
    "<img src=https://evil.example/i.png onerror=window.intruder=1>",
    "<script>window.intruder = 1</script>",
    "<b>bold</b><br>x<sup>2</sup>",
    "[win](https://evil.example/m)",
    "![win](https://evil.example/p.png)",
    "https://evil.example/bare",
    "www.evil.example and a@evil.example",
    "$\\frac{1}{2}$ and $$x$$",
    ":smile: :material/lock: :red[hot]",
    "**bold** _it_ ~~no~~ # head",
    "`tick` ``two``",
    "$& $1 $` $'",
    "{seed} {0} %{x} %s",
    "&lt;b&gt; &amp; &#60;",
    "-> <- -- >= !=",
    "two\nlines\tand a tab",
    "\u202eturned around",
    "y" * 1000,
)
TEXTS = {
    "title",
    "name",
    "album",
    "sentence",
    "model",
    "index",
    "refused_reason",
    "refused_version",
}
EVIL = "a[href*='evil.example'], img[src*='evil.example'], iframe, object, [onerror], sup, strike"


class Rewriting(http.server.ThreadingHTTPServer):
    """Stands between page and gateway, and replaces every text by a hostile one."""

    daemon_threads = True

    def __init__(self, gateway):
        super().__init__(("127.0.0.1", 0), _Rewriter)
        self.gateway = gateway


def hostile(text):
    return HOSTILE[sum(text.encode()) % len(HOSTILE)]


def rewritten(value, key=""):
    if isinstance(value, dict):
        return {name: rewritten(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [rewritten(each, key) for each in value]
    if isinstance(value, str) and key in TEXTS:
        return hostile(value)
    if isinstance(value, str) and key == "genres":
        return hostile(value)
    if isinstance(value, str) and key in {"external_url", "preview_url", "cover_url"}:
        return "javascript:window.intruder=1"
    return value


def rewritten_map(content):
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    for name in ("title", "artist", "genre"):
        texts = [hostile(text) for text in table.column(name).to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(texts))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    return sink.getvalue().to_pybytes()


class _Rewriter(http.server.BaseHTTPRequestHandler):
    server: Rewriting

    def log_message(self, *_):
        """Nothing of a test belongs on standard error."""

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        skipped = {"host", "content-length", "accept-encoding", "if-none-match"}
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        answer = httpx.request(
            self.command,
            f"{self.server.gateway}{self.path}",
            content=body,
            headers=headers,
            trust_env=False,
            timeout=WAIT_SECONDS,
        )
        content = answer.content
        if "json" in answer.headers.get("content-type", ""):
            content = json.dumps(rewritten(answer.json())).encode()
        elif "map" in self.path:
            content = rewritten_map(content)
        self.send_response(answer.status_code)
        for name in ("content-type", "etag"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _pass_on


@pytest.fixture(scope="module")
def hostile_page(installation):
    """The page over a gateway whose every text is hostile."""
    server = Rewriting(installation.gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (port,) = free_ports(1)
    environment = {
        "QUINTET_GATEWAY_URL": f"http://127.0.0.1:{server.server_port}",
        "QUINTET_UI_PORT": str(port),
        "QUINTET_UI_GATEWAY_SECONDS": "20",
    }
    installation.processes.start("hostile_ui", [sys.executable, "-m", "quintet_ui"], environment)
    url = f"http://127.0.0.1:{port}"
    installation.await_answer(f"{url}/_stcore/health")
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def tab(request, chromium, hostile_page):
    size = {"width": 1280, "height": 1400}
    context = patient_context(chromium, locale=request.param, viewport=size)
    opened = context.new_page()
    asked, refused = [], []
    near = (hostile_page, hostile_page.replace("http", "ws"), "data:", "blob:")
    opened.on("request", lambda r: None if r.url.startswith(near) else asked.append(r.url))
    opened.on("console", lambda line: refused.append(line.text) if "Policy" in line.text else None)
    yield opened
    assert opened.locator(EVIL).all_inner_texts() == []
    assert opened.evaluate("window.intruder") is None
    assert asked == []
    assert refused == []
    context.close()


def flat(text):
    """Text as a browser lays it out: line breaks and tabs are spaces; nothing turns it around."""
    return re.sub(r"\s+", " ", text.replace("\u202e", "")).strip()


def open_list(tab, hostile_page, songs):
    tab.goto(f"{hostile_page}/?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)


SHOWN = {flat(text) for text in HOSTILE}


@slow("draws every part of the page")
@pytest.mark.parametrize("tab", ["en-US"], indirect=True)
def test_list_seeds_search_radar_and_map_show_the_text_itself(tab, hostile_page, songs):
    open_list(tab, hostile_page, songs)
    titles = {flat(text) for text in tab.locator(".card h3").all_inner_texts()}
    assert titles <= SHOWN
    assert len(titles) > len(HOSTILE) / 2
    assert {flat(t) for t in tab.locator(".slot .title").all_inner_texts()} <= SHOWN
    # No address but one of the web becomes a link.
    assert tab.locator(".card a").count() == 0
    assert tab.locator(".card audio").count() == 0
    for seed in tab.locator(".seed:not(.empty)").all():
        name = flat(seed.locator(".slot .title").inner_text())
        label = flat(seed.locator(".tool").last.get_attribute("aria-label"))
        assert name in label
    radar_shows_the_text(tab)
    tab.locator(".slot").last.click()
    tab.locator(".seed:not(.empty) .tool").last.click()
    tab.get_by_role("combobox").fill("nirvana")
    expect(tab.locator(".option").first).to_be_visible()
    assert {flat(text) for text in tab.locator(".option .title").all_inner_texts()} <= SHOWN
    map_shows_the_text(tab, hostile_page)


def radar_shows_the_text(tab):
    legend = tab.locator(".radar .legend .name")
    expect(legend).to_have_count(3)
    for index in range(3):
        tab.locator(".card").nth(index).locator(".open").click()
        tab.locator(".card").nth(index).locator(".choose").click()
        chosen = flat(tab.locator(".card").nth(index).locator("h3").inner_text())
        # A sign is shown in place of a character that reorders text.
        start = re.compile("“\ufffd?" + re.escape(chosen[:39]))
        expect(legend.nth(1)).to_have_text(start)
        assert tab.locator(".radar").locator("a, b, i, script, img").count() == 0


def map_shows_the_text(tab, hostile_page):
    tab.goto(f"{hostile_page}/explore")
    expect(tab.locator(".map .regions button").first).to_be_visible()
    drawn = tab.locator(".map .over")
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight"):
        drawn.press(key)
        drawn.press("Enter")
        expect(tab.locator(".map .card")).to_be_visible()
        inside = tab.locator(".map .card, .map .regions")
        assert inside.locator("a, img, script, em, b, i").count() == 0
        assert flat(tab.locator(".map .card strong").inner_text())
        tab.keyboard.press("Escape")


@pytest.mark.parametrize("tab", ["ko-KR"], indirect=True)
def test_the_operator_reads_the_text_itself(tab, hostile_page):
    tab.goto(f"{hostile_page}/operator")
    expect(tab.locator("table").first).to_be_visible()
    expect(tab.locator("table").nth(1)).to_be_visible()
    cells = [flat(text) for text in tab.locator("table td").all_inner_texts()]
    assert any(cell.startswith(tuple(flat(text)[:40] for text in HOSTILE)) for cell in cells)
    assert tab.locator("table img, table a, table strong, table em, .katex").count() == 0
