"""Pages: where one begins, how long it is, and the token that asks for the next."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from quintet_contract.limits import MAX_MATCHES
from quintet_servicekit.errors import InvalidInput, Reason

_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a caller asks of paging, unchecked."""

    page_size: int = 0
    page_token: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class PageWindow:
    """A checked page.

    Attributes:
        offset: Matches before it.
        size: Its greatest length.
        scope: What its tokens are bound to.
    """

    offset: int
    size: int
    scope: tuple[str, ...]

    def token(self, total: int) -> str:
        """Returns the next page's token; empty where this page reaches `total`."""
        end = self.offset + self.size
        return make_token(end, self.scope) if end < total else ""


def window(
    request: PageRequest, *, default: int, maximum: int, scope: tuple[str, ...]
) -> PageWindow:
    """Checks a request for a page.

    Args:
        request: As sent.
        default: The size where 0 is asked for.
        maximum: Larger sizes become this.
        scope: Everything that decides the list: method, query, source, catalogue version.

    Raises:
        InvalidInput: A size or skip outside its range, or a token of another list.
    """
    if request.page_size < 0:
        raise InvalidInput(
            Reason.PAGE_SIZE_RANGE,
            f"page_size must be 1 to {maximum}; got {request.page_size}",
            field="page_size",
        )
    if not 0 <= request.skip <= MAX_MATCHES:
        raise InvalidInput(
            Reason.PAGE_SIZE_RANGE,
            f"skip must be 0 to {MAX_MATCHES}; got {request.skip}",
            field="skip",
        )
    if request.page_token and request.skip:
        raise InvalidInput(
            Reason.PAGE_TOKEN_INVALID,
            "page_token and skip exclude each other; send one of them",
            field="page_token",
        )
    size = min(request.page_size or default, maximum)
    offset = read_token(request.page_token, scope) if request.page_token else request.skip
    return PageWindow(offset, size, scope)


def make_token(offset: int, scope: tuple[str, ...]) -> str:
    """Returns an opaque token for an offset into one list; the same in every process."""
    content = offset.to_bytes(4, "big") + _digest(offset, scope)
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_token(token: str, scope: tuple[str, ...]) -> int:
    """Returns the offset a token stands for.

    Raises:
        InvalidInput: It was not made for this list.
    """
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    offset = int.from_bytes(content[:4], "big")
    if len(content) != 4 + _DIGEST_BYTES or content[4:] != _digest(offset, scope):
        raise InvalidInput(
            Reason.PAGE_TOKEN_INVALID,
            "page_token was not made for this query and catalogue; begin with the first page",
            field="page_token",
        )
    return offset


def _digest(offset: int, scope: tuple[str, ...]) -> bytes:
    text = "\x1f".join((str(offset), *scope))
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]
