"""Files and access tokens, as the gateway sends them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from quintet_client.models.answers import Answer


class Binary(Answer):
    """Audio or a picture, whole or a part.

    Attributes:
        status: 200, 206 for a part, 304 if it is unchanged.
        headers: Of the answer, names in lower case.
        content: Its bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = Field(repr=False)


class AccessToken(Answer):
    """An access token and the seconds that it lives."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int  # seconds
