"""Remove secrets from log lines: by the name of a field, and by the form of a value."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

REDACTED: Final = "[redacted]"
_NAMES: Final = (
    "pass(?:word|wd|phrase)|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|credentials?|"
    "listener[_-]?key|hmac[_-]?key"
)
# The value of a field whose name ends like this is replaced, whatever it is.
_SECRET_FIELD: Final = re.compile(rf"(?:^|[_.-])(?:{_NAMES})s?$", re.IGNORECASE)
# Deeper values are written as text, which bounds the time spent on a value that a caller chose.
_MAX_DEPTH: Final = 6
_TIME: Final = "timestamp"
# "listeners" in a path: each letter plain or percent-encoded, once or several times over.
_LISTENERS: Final = "".join(
    rf"(?:{letter}|%(?:25)*(?:{ord(letter):02x}|{ord(letter.upper()):02x}))"
    for letter in "listeners"
)
_SLASHES: Final = r"(?:[/\\]|%(?:25)*(?:2f|5c))"
# Characters of a text in a log line. Without a limit, each request could write 64 KiB.
_MAX_TEXT: Final = 1024
# Texts up to this length are redacted once and remembered.
_MAX_SHORT: Final = 128
_MAX_TRACEBACK: Final = 32_768
_TRACEBACKS: Final = ("exception", "stack")
# All control characters but tabs and line feeds, which tracebacks consist of.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# A quick test: most values match none of it and need no replacing.
_SUSPECT: Final = re.compile(
    rf"{_LISTENERS}{_SLASHES}|://[^\s/]*@|\bbearer\b|\bbasic\b|\beyJ|-----BEGIN|{_NAMES}", re.I
)
_MARKS: Final = (":", "=", " ", "eyJ", "/", "%")
# A caller chooses some of what is logged, so each expression must run in linear time.
_FORMS: Final = (
    # scheme://user:password@host
    (re.compile(r"(://[^/\s:@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\1 {REDACTED}"),
    # A JSON Web Token anywhere in the text: three base64url parts, the first beginning with {".
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), REDACTED),
    # The id of a listener in any path, such as an access log's of a library.
    # A route's template, `{id}`, stays readable.
    (re.compile(rf"({_LISTENERS}{_SLASHES}+)(?![{{…\[])[^\s\"'/\\]+", re.I), rf"\1{REDACTED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|\Z)", re.S), REDACTED),
    # password=…, "client_secret": "…", QUINTET_TOKEN='…'
    (
        re.compile(rf"""((?:{_NAMES})["']?\s*[=:]\s*["']?)[^\s"'&,;}})]+""", re.I),
        rf"\1{REDACTED}",
    ),
)


def redacted(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Copy a log event with its secrets replaced."""
    return {name: _value(name, value, 0) for name, value in event.items()}


def redacted_text(text: str) -> str:
    """Replace what has the form of a secret in a text."""
    # Most values are a word or a number; every form above contains one of these marks.
    if not any(mark in text for mark in _MARKS) or not _SUSPECT.search(text):
        return text
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_FIELD.search(name) is not None


def _value(name: str, value: Any, depth: int) -> Any:
    if value and _names_secret(name):
        return REDACTED
    if isinstance(value, str):
        if name == _TIME:
            return value
        return _short(value) if len(value) <= _MAX_SHORT else _bounded(name, redacted_text(value))
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return {key: _value(str(key), each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [_value(name, each, depth + 1) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # The log line will contain the text of the object, so the text is searched.
    return _bounded(name, redacted_text(repr(value)))


@lru_cache(maxsize=2048)
def _short(text: str) -> str:
    """Redact a text too short to be cut; most lines repeat methods, codes and versions."""
    return _CONTROL.sub("\ufffd", redacted_text(text))


def _bounded(name: str, text: str) -> str:
    """Shorten a text and replace what a terminal would obey: callers choose paths and ids."""
    most = _MAX_TRACEBACK if name in _TRACEBACKS else _MAX_TEXT
    if len(text) > most:
        # The end of a traceback names the fault.
        kept = most // 2
        text = f"{text[:kept]}…[{len(text) - 2 * kept} characters]…{text[-kept:]}"
    return _CONTROL.sub("\ufffd", text)
