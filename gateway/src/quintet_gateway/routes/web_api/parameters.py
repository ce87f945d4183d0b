"""Query parameters under `/v1`: their rules, and Spotify's messages if one is broken."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

from quintet_contract.attributes import RANGES
from quintet_contract.limits import MAX_NAME, MAX_QUERY
from quintet_contract.patterns import fits
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_text.id_patterns import BLANKS, ID_PATTERN, NAME_PATTERN, address_pattern, is_name
from quintet_text.track_ids import id_of
from starlette.datastructures import QueryParams

from quintet_gateway.validation import NAME_SCHEMA

# Spotify's documents allow 0 to 11 here: -1, an unknown key, is no value to ask for.
RANGES_ASKED: Final[Mapping[str, tuple[float, float]]] = {**RANGES, "key": (0.0, 11.0)}
"""The fourteen attributes and the closed range of a parameter's value."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}\Z")
# Spotify's decimal numbers; neither nan nor inf, and no underscores, which float() accepts.
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]{1,12}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?\Z"
)
# `from_token` is Spotify's older way to say: the market of the token's user.
_MARKET: Final = re.compile(r"([A-Za-z]{2}|from_token)\Z")
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")

Query = Mapping[str, str]


def single(query: QueryParams) -> Query:
    """Read the parameters, each with its one value.

    Raises:
        InvalidInput: One is given twice, as clients do that write a list without commas.
    """
    seen = {}
    for name, value in query.multi_items():
        if name in seen:
            raise InvalidInput(
                Reason.REQUEST_MALFORMED,
                f"invalid request: {name[:40]} is given more than once; separate values by commas",
                field=name[:40],
            )
        seen[name] = value
    return seen


def integer(query: Query, name: str, default: int, low: int, high: int) -> int:
    """Read a whole number in a closed range.

    Raises:
        InvalidInput: It is not such a number; the message names the range.
    """
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.match(text) or not low <= int(text) <= high:
        raise InvalidInput(
            Reason.LIMIT_RANGE, f"Invalid {name}: it must be {low} to {high}", field=name
        )
    return int(text)


def number(query: Query, name: str, low: float, high: float) -> float | None:
    """Read a finite number in a closed range; None if the parameter is absent.

    Raises:
        InvalidInput: It is not such a number; the message names the range.
    """
    text = query.get(name)
    if text is None:
        return None
    if not _NUMBER.match(text) or not low <= float(text) <= high:
        raise InvalidInput(
            Reason.FILTER_RANGE, f"Invalid {name}: it must be {low:g} to {high:g}", field=name
        )
    return float(text)


def flag(query: Query, name: str) -> bool:
    """Read a switch, off if the parameter is absent.

    Raises:
        InvalidInput: It is neither true nor false.
    """
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise InvalidInput(
            Reason.REQUEST_MALFORMED, f"Invalid {name}: it must be true or false", field=name
        )
    return text == "true"


def choice(query: Query, name: str, allowed: Sequence[str]) -> str:
    """Read one of some words, the first if the parameter is absent.

    Raises:
        InvalidInput: It is another word; the message names all.
    """
    text = query.get(name, allowed[0])
    if text not in allowed:
        raise InvalidInput(
            Reason.REQUEST_MALFORMED,
            f"Invalid {name}: it must be {' or '.join(allowed)}",
            field=name,
        )
    return text


def names(query: Query, name: str, at_most: int) -> list[str]:
    """Read a comma-separated list; no parts if the parameter is absent or empty.

    Raises:
        InvalidInput: A part is empty or has control characters, or there are too many.
    """
    text = query.get(name, "")
    parts = text.split(",") if text else []
    if len(parts) > at_most:
        raise InvalidInput(
            Reason.ID_COUNT, f"Too many ids requested: {name} takes up to {at_most}", field=name
        )
    if not all(map(is_name, parts)):
        raise InvalidInput(Reason.REQUEST_MALFORMED, f"invalid id in {name}", field=name)
    return [part.strip() for part in parts]


def genres(query: Query, name: str, at_most: int) -> list[str]:
    """Read a comma-separated list of genres.

    Raises:
        InvalidInput: One is no name or too long, or there are too many.
    """
    found = names(query, name, at_most)
    if any(len(each) > MAX_NAME for each in found):
        raise InvalidInput(Reason.REQUEST_MALFORMED, f"invalid genre in {name}", field=name)
    return found


def ids(query: Query, name: str, at_most: int, kind: str = "track") -> list[str]:
    """Read a comma-separated list of ids; a URI or web address of their kind counts as its id.

    Raises:
        InvalidInput: One is empty, far too long or has characters that no id has, or there are
            too many.
    """
    found = [id_of(kind, part) for part in names(query, name, at_most)]
    if not all(fits(ID_PATTERN, each) for each in found):
        raise InvalidInput(Reason.REQUEST_MALFORMED, f"invalid id in {name}", field=name)
    return found


def required_ids(query: Query, at_most: int, kind: str = "track") -> list[str]:
    """Read the parameter `ids`, which must have at least one.

    Raises:
        InvalidInput: There is none, one is malformed, or there are too many.
    """
    found = ids(query, "ids", at_most, kind)
    if not found:
        raise InvalidInput(Reason.ID_COUNT, "Missing required field: ids", field="ids")
    return found


def market(query: Query) -> bool:
    """Read whether a market is named; the catalogue is the same in all markets.

    Raises:
        InvalidInput: It is not an ISO 3166-1 alpha-2 code.
    """
    text = query.get("market")
    if text is None:
        return False
    if not _MARKET.match(text):
        raise InvalidInput(Reason.REQUEST_MALFORMED, "Invalid market code", field="market")
    return True


def search_text(query: Query) -> str:
    """Read `q`, and decode it once more if the client encoded it twice, as some do.

    Raises:
        InvalidInput: It is missing or too long.
    """
    text = query.get("q", "")
    # Only a text made of escapes is one: "100% pure" and "50%25 off" stay as they are typed.
    if _ENCODED.search(text) and " " not in text:
        text = unquote_plus(text)
    text = text.strip()
    if not text:
        raise InvalidInput(Reason.QUERY_LENGTH, "No search query", field="q")
    if len(text) > MAX_QUERY:
        raise InvalidInput(
            Reason.QUERY_LENGTH,
            f"Query exceeds maximum length of {MAX_QUERY} characters",
            field="q",
        )
    return text


def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Describe a query parameter for OpenAPI, since the routes read parameters by themselves."""
    required = schema.pop("required", False)
    # A list is one text, separated by commas.
    form = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return {
        **form,
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    }


def id_list(at_most: int, kind: str = "track", at_least: int = 1) -> dict[str, Any]:
    """Build the schema of a list of ids, of which each may be a URI or web address of its kind."""
    one = rf"^[{BLANKS}]*(?:{ID_PATTERN[1:-1]}|{address_pattern(kind)})[{BLANKS}]*$"
    items = {"type": "string", "pattern": one}
    return {"type": "array", "items": items, "minItems": at_least, "maxItems": at_most}


MARKET: Final = parameter(
    "market",
    "An ISO 3166-1 alpha-2 country code; accepted, and the same catalogue is served.",
    type="string",
    pattern="^[A-Z]{2}$",
)


def genre_list(at_most: int) -> dict[str, Any]:
    """Build the schema of a list of genres."""
    one = NAME_SCHEMA | {"type": "string", "pattern": NAME_PATTERN.replace("[^", "[^,")}
    return {"type": "array", "items": one, "minItems": 1, "maxItems": at_most}


def ids_parameter(at_most: int, kind: str = "track") -> dict[str, Any]:
    """Describe the parameter `ids` for OpenAPI."""
    text = f"Up to {at_most} ids, URIs or web addresses, separated by commas."
    return parameter("ids", text, required=True, **id_list(at_most, kind))
