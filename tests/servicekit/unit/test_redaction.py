import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from quintet_servicekit.logs import call_context, configure_logs, note_answered, note_served
from quintet_text.redaction import REDACTED, redacted, redacted_text

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJwYWdlIn0.c2lnbmF0dXJlLXdpdGgtbGVuZ3Ro"
SECRET = "s3cr3t-Wert_9"
NAMES = ("password", "client_secret", "QUINTET_TOKEN", "Authorization", "api-key", "listener_key")


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://quintet:{SECRET}@db/quintet cannot be reached",
        f"Authorization: Bearer {SECRET}",
        f"retrying with basic {SECRET}",
        f"token {TOKEN} refused",
        f"GET /callback?code=1&client_secret={SECRET}&x=2",
        f'{{"client_secret": "{SECRET}", "a": 1}}',
        f"{{'password': '{SECRET}'}}",
        f"QUINTET_AIRFLOW_PASSWORD={SECRET} is wrong",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
    ],
)
def test_what_has_the_form_of_a_secret_is_not_written(text):
    written = redacted_text(text)
    assert SECRET not in written
    assert TOKEN not in written
    assert REDACTED in written


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://quintet@db/quintet cannot be reached",
        "https://example.org/a:b/c",
        "the basic order is cosine",
        "page_token is not one of this export",
        "/quintet.search.v1.SearchService/SearchTracks",
    ],
)
def test_what_only_looks_near_is_written_as_it_is(text):
    assert redacted_text(text) == text


@pytest.mark.parametrize(
    "part", ["token-", "eyJ-", "token ", "://a:", "bearer ", "-----BEGIN ", "secret=", "a_", "eyJ."]
)
def test_a_text_made_to_be_slow_is_not(part):
    text = "token" + part * (200_000 // len(part))
    started = time.process_time()
    redacted_text(text)
    assert time.process_time() - started < 2.0


@given(
    st.sampled_from(NAMES),
    st.sampled_from(["{}", "db_{}", "x.{}"]),
    st.text(st.characters(categories=["L", "N"]), min_size=8, max_size=40),
)
def test_a_field_named_after_a_secret_never_shows_it(name, form, secret):
    secret = f"<{secret}>"
    event = {"event": "x", form.format(name): secret, "inner": {"more": [{name: secret}]}}
    assert secret not in json.dumps(redacted(event), ensure_ascii=False)


@contextmanager
def logging_to(stream: io.StringIO, form: str = "json") -> Iterator[None]:
    """Logs as a service does, to a stream; after that everything is as before."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    with redirect_stderr(stream):
        configure_logs("ranker", form=form)
        try:
            yield
        finally:
            root.handlers, root.level = handlers, level
            structlog.reset_defaults()


@pytest.fixture
def stream(monkeypatch) -> io.StringIO:
    monkeypatch.setattr("quintet_servicekit.logs._SERVED", {})
    return io.StringIO()


def lines_of(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_says_which_release_serves_which_versions(stream):
    with logging_to(stream):
        note_served(model="m2", catalogue="c2")
        structlog.get_logger("a").info("hello", answer=42)
        logging.getLogger("library").warning("of a library")
    ours, theirs = lines_of(stream)
    assert ours["answer"] == 42
    for line in (ours, theirs):
        assert (line["service"], line["release"]) == ("ranker", "0.1.0")
        assert (line["model"], line["catalogue"]) == ("m2", "c2")
        assert "request_id" not in line


def test_within_a_call_lines_have_its_id_and_the_versions_that_answered_it(stream):
    with logging_to(stream):
        note_served(model="m2")
        with call_context("r1"):
            note_answered(model="m1")
            structlog.get_logger("a").info("rpc")
        structlog.get_logger("a").info("after")
    during, after = lines_of(stream)
    assert (during["request_id"], during["model"]) == ("r1", "m1")
    assert "request_id" not in after
    assert after["model"] == "m2"


def test_a_secret_in_the_text_of_a_fault_is_not_logged(stream):
    with logging_to(stream):
        try:
            raise ConnectionError(f"postgresql://quintet:{SECRET}@db/quintet refused")
        except ConnectionError as fault:
            structlog.get_logger("a").error("database away", exc_info=fault)
    (line,) = lines_of(stream)
    assert "ConnectionError" in line["exception"]
    assert SECRET not in json.dumps(line)


def test_a_terminal_gets_lines_for_people_and_a_pipe_gets_json(stream, monkeypatch):
    with logging_to(stream, "auto"):
        structlog.get_logger("b").info("to a pipe")
    assert [line["event"] for line in lines_of(stream)] == ["to a pipe"]
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    with logging_to(terminal, "auto"):
        structlog.get_logger("b").info("to a person")
    written = terminal.getvalue()
    assert "to a person" in written
    assert not written.startswith("{")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/listeners/alice/export",
        "//api//v1//listeners//alice",
        "/API/v1/LISTENERS/alice",
        "/api/v1/listeners%2Falice",
        "/api/v1/%6cisteners/alice",
        "/api/v1/%256C%2569steners%252Falice/export",
        "/api/v1\\listeners\\alice",
    ],
)
def test_the_id_of_a_listener_in_a_path_is_redacted(path):
    for text in (path, f"GET {path} HTTP/1.1", f"cannot answer '{path}'"):
        assert "alice" not in redacted_text(text)


def test_the_route_of_a_listener_and_other_paths_stay_readable():
    for text in ("/api/v1/listeners/{id}/export", "/api/v1/tracks/abc", "two listeners came"):
        assert redacted_text(text) == text
