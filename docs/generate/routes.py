"""The HTTP reference, from the OpenAPI document that the gateway serves."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from quintet_gateway.app import build
from quintet_gateway.settings import GatewaySettings

Json = dict[str, Any]

_HEAD: Final = """# HTTP reference

This page lists every HTTP route with its parameters and bodies. It is generated from the gateway's
OpenAPI document, [openapi.json](openapi.json), which a running gateway serves at `/openapi.json`
and shows at `/docs`. Every route can also answer with an [error](../errors.md).
[The HTTP API](../api.md) and [the Web API](../web-api.md) explain the routes.
"""


@cache
def document() -> Json:
    """Build the OpenAPI document of a gateway with default settings."""
    found: Json = build(GatewaySettings(home=Path("/nonexistent"))).openapi()
    return found


def document_as_json() -> str:
    """Write the document for download from the site."""
    return json.dumps(document(), ensure_ascii=False, indent=1)


def page() -> str:
    """Write the reference as Markdown: one section per route, then the shape of every body."""
    lines = [_HEAD]
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            lines += _operation(method.upper(), path, operation)
    lines.append("## Shapes\n")
    for name, schema in document()["components"]["schemas"].items():
        lines += _shape(name, schema)
    return "\n".join(lines)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"## `{method} {path}`\n\n{operation.get('description', operation['summary'])}\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | |\n| --- | --- | --- | --- |"
        for one in parameters:
            wanted = " **Required.**" if one.get("required") else ""
            text = _one_line(one.get("description", "")) + wanted
            yield f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {text} |"
        yield ""
    if body := operation.get("requestBody"):
        yield f"Takes {_content(body)}.\n"
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield f"Answers {status} with {_content(answer)}.\n"
    if failing := [status for status in operation["responses"] if not status.startswith("2")]:
        yield f"Errors: {', '.join(failing)}.\n"


def _content(described: Json) -> str:
    parts = []
    for kind, content in described.get("content", {}).items():
        schema = content.get("schema")
        parts.append(f"{_type(schema)} as `{kind}`" if schema else f"`{kind}`")
    return ", or ".join(parts) or "no body"


def _shape(name: str, schema: Json) -> Iterator[str]:
    yield f"### {_title(name)} {{#{_anchor(name)}}}\n\n{_one_line(schema.get('description', ''))}\n"
    if "enum" in schema:
        yield f"One of {_choices(schema['enum'])}.\n"
    if fields := schema.get("properties"):
        yield "| field | type | |\n| --- | --- | --- |"
        for field, described in fields.items():
            wanted = " **Required.**" if field in schema.get("required", ()) else ""
            text = _one_line(described.get("description", "")) + wanted
            yield f"| `{field}` | {_type(described)} | {text} |"
        yield ""


def _type(schema: Json) -> str:
    """Return a schema in a few words, with its range and default."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{_title(name)}](#{_anchor(name)})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[several]))
    if "enum" in schema:
        return _choices(schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    return _plain(schema) + _range(schema) + _default(schema)


def _plain(schema: Json) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    return str(kind)


def _range(schema: Json) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    return (
        f", {low} to {high}"
        if None not in (low, high)
        else f", from {low}"
        if high is None
        else f", to {high}"
    )


def _default(schema: Json) -> str:
    return (
        f", default `{json.dumps(schema['default'])}`" if schema.get("default") is not None else ""
    )


def _choices(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _title(name: str) -> str:
    return name.rsplit("__", 1)[-1]


def _anchor(name: str) -> str:
    return name.replace("__", "-").lower()


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
