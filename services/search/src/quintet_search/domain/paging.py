"""Pages of results: offset, size, and the token that requests the next page."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from quintet_contract.limits import MAX_MATCHES
from quintet_servicekit.errors import InvalidInput, Reason

# 96 bits: a token of another list is never accepted by chance.
_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The paging fields of a request, unchecked."""

    page_size: int = 0
    page_token: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class PageWindow:
    """A checked page.

    Attributes:
        offset: Matches before the page.
        size: The length at most.
        scope: What its tokens are valid for: method, query, source, catalogue version.
    """

    offset: int
    size: int
    scope: tuple[str, ...]

    def token(self, total: int) -> str:
        """Build the token of the next page; empty if this page reaches `total`."""
        end = self.offset + self.size
        return make_token(end, self.scope) if end < total else ""


def window(
    request: PageRequest, *, default: int, maximum: int, scope: tuple[str, ...]
) -> PageWindow:
    """Check the paging fields of a request.

    Args:
        request: The fields as sent.
        default: The size if the request contains 0.
        maximum: Larger sizes are reduced to this.
        scope: Everything that decides the list: method, query, source, catalogue version.

    Raises:
        InvalidInput: A size or skip is outside its range, or the token is of another list.
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
            "page_token and skip cannot be combined; send one of them",
            field="page_token",
        )
    size = min(request.page_size or default, maximum)
    offset = read_token(request.page_token, scope) if request.page_token else request.skip
    return PageWindow(offset, size, scope)


def make_token(offset: int, scope: tuple[str, ...]) -> str:
    """Encode an offset into one list as a token that every process reads alike."""
    # The digest binds the token to its list; it is no secret, so no key is needed.
    content = offset.to_bytes(4, "big") + _digest(offset, scope)
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_token(token: str, scope: tuple[str, ...]) -> int:
    """Decode the offset of a token.

    Raises:
        InvalidInput: The token belongs to another list.
    """
    try:
        # Padding was stripped for use in addresses, and `-len % 4` restores it.
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    offset = int.from_bytes(content[:4], "big")
    if len(content) != 4 + _DIGEST_BYTES or content[4:] != _digest(offset, scope):
        raise InvalidInput(
            Reason.PAGE_TOKEN_INVALID,
            "page_token belongs to another query or catalogue; send no token for the first page",
            field="page_token",
        )
    return offset


def _digest(offset: int, scope: tuple[str, ...]) -> bytes:
    # U+001F cannot be typed, so two scopes never join to the same text.
    text = "\x1f".join((str(offset), *scope))
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]
