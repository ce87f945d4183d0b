"""The page's server says what a browser may load, and a real browser holds to it."""

import re

import httpx
import pytest
from quintet_ui.headers import content_policy


def policy_of(answer):
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize("path", ["/", "/operator", "/_stcore/health", "/nothing/here.js"])
def test_every_answer_has_the_headers(served_page, path):
    answer = httpx.get(f"{served_page}{path}", trust_env=False)
    policy = policy_of(answer)
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"]
    assert "http" not in policy["script-src"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_each_inline_script_of_the_index_is_named_by_its_hash(served_page):
    index = httpx.get(served_page, trust_env=False).text
    scripts = re.findall(r"<script>", index)
    assert scripts
    assert policy_of(httpx.get(served_page, trust_env=False))["script-src"].count(
        "'sha256-"
    ) == len(scripts)


def test_another_inline_script_has_another_hash():
    first, second = (content_policy(f"<script>{text}</script>") for text in ("a()", "b()"))
    assert first != second


def test_the_browser_runs_no_script_and_reaches_no_address_that_the_page_does_not_have(visit):
    tab = visit()
    assert tab.refused == []
    ran = tab.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.intruder = true";
            document.body.append(script);
            return window.intruder === true;
        }"""
    )
    assert ran is False
    sent = tab.evaluate("() => fetch('http://127.0.0.1:9/leak').then(() => true, () => false)")
    assert sent is False
    assert any("script-src" in line for line in tab.refused)
    assert any("connect-src" in line for line in tab.refused)
    tab.refused.clear()
    # A preview may load from another server by HTTPS alone.
    play = """(address) => new Promise((done) => {
        const audio = new Audio();
        audio.onerror = () => done(true);
        audio.src = address;
    })"""
    tab.evaluate(play, "https://127.0.0.1:9/preview.mp3")
    assert tab.refused == []
    tab.evaluate(play, "http://127.0.0.1:9/preview.mp3")
    assert any("media-src" in line for line in tab.refused)
    assert "https://127.0.0.1:9/preview.mp3" in tab.foreign
    tab.refused.clear()
    tab.foreign.clear()
