"""Page tokens: where the next page of a list begins, as text that callers pass back."""

import base64
import json

from quintet_servicekit.errors import InvalidInput, Reason
from quintet_text.id_patterns import is_storable


def write_token(first: str, second: str) -> str:
    """Write the two values of the last row shown, by which the list is ordered."""
    return base64.urlsafe_b64encode(json.dumps([first, second]).encode()).decode()


def read_token(text: str) -> tuple[str, str] | None:
    """Read what `write_token` wrote; None for an empty text, which asks for the first page.

    Raises:
        InvalidInput: The text is no such token.
    """
    if not text:
        return None
    try:
        first, second = json.loads(base64.urlsafe_b64decode(text.encode()))
        if isinstance(first, str) and isinstance(second, str) and is_storable(first + second):
            return first, second
    except (ValueError, TypeError):
        pass  # the same answer as for a token of another shape
    raise InvalidInput(
        Reason.PAGE_TOKEN_INVALID,
        "page_token must be the next_page_token of an earlier page, or empty.",
        field="page_token",
    )
