"""The answer of OpenSubsonic around a method's content, as JSON or XML."""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson
from starlette.responses import Response

from quintet_players.faults import PlayerFault

PROTOCOL: Final = "1.16.1"
_NAMESPACE: Final = "http://subsonic.org/restapi"
# What XML 1.0 cannot contain, not even as a reference.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(content: Mapping[str, Any] | PlayerFault, form: str) -> Response:
    """Write an answer, always with HTTP status 200, as the protocol wants it.

    Args:
        content: Of a method; or the failure.
        form: `json` or `xml`.
    """
    failed = isinstance(content, PlayerFault)
    body: dict[str, Any] = {
        "status": "failed" if failed else "ok",
        "version": PROTOCOL,
        "type": "quintet",
        "serverVersion": version("quintet-players"),
        "openSubsonic": True,
    }
    if isinstance(content, PlayerFault):
        body["error"] = {"code": content.code, "message": content.message}
    else:
        body |= content
    if form == "json":
        return Response(orjson.dumps({"subsonic-response": body}), 200, None, "application/json")
    root = _element(Element("subsonic-response", {"xmlns": _NAMESPACE}), body)
    text = b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="utf-8")
    return Response(text, 200, None, "text/xml; charset=utf-8")


def _element(element: Element, content: Mapping[str, Any]) -> Element:
    """Fill an element: objects and lists of objects become elements, all else attributes."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            _element(SubElement(element, name), value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for each in value:
                child = SubElement(element, name)
                if isinstance(each, Mapping):
                    _element(child, each)
                else:
                    child.text = _text(each)
        else:
            element.set(name, _text(value))
    return element


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NOT_XML.sub("\ufffd", str(value))
