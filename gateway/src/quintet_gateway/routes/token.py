"""`POST /api/token`: the client-credentials grant of OAuth 2.0 (RFC 6749, section 4.4)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Request, Response
from quintet_servicekit.errors import ResourceExhausted

from quintet_gateway.access import TOKEN_SECONDS, Gatekeeper
from quintet_gateway.schemas import web_api as shape

router = APIRouter(tags=["Spotify Web API"])
# Three short fields; a larger form is no credentials.
_MAX_BODY: Final = 8192
_FORM: Final = "application/x-www-form-urlencoded"
# Spotify's grants; those other than client_credentials need a user, whom Quintet does not have.
_GRANTS: Final = ("client_credentials", "authorization_code", "refresh_token")
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                    },
                }
            }
        },
    }
}


class _TokenDenied(Exception):
    """The request for a token is denied, with an error code of RFC 6749."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@router.post(
    "/api/token",
    responses={
        200: {"model": shape.Token},
        400: {"model": shape.TokenError, "description": "Refused"},
        429: {"model": shape.Error, "description": "Too many ask; see Retry-After"},
    },
    openapi_extra=_BODY,
)
async def issue_token(request: Request) -> Response:
    """Issue an access token of one hour for a client's id and secret, in a Basic header or form."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    # Token requests are limited by address: the client is not known yet.
    # The middleware counted the request, before its body was read.
    address = request.scope["quintet.address"]
    try:
        client_id, secret = await _credentials(request)
        token = await gatekeeper.issue(client_id, secret, address)
        if token is None:
            raise _TokenDenied("invalid_client", "Invalid client or client secret")
    except _TokenDenied as refused:
        return _answer(400, {"error": refused.error, "error_description": refused.description})
    except ResourceExhausted as error:
        retry_after = error.metadata.get("retry_after", "1")
        content = {"error": {"status": 429, "message": error.message}}
        return _answer(429, content, {"Retry-After": retry_after})
    return _answer(
        200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
    )


async def _credentials(request: Request) -> tuple[str, str]:
    """Read client id and secret of a request for a token.

    Raises:
        _TokenDenied: The grant or the credentials are missing or malformed.
    """
    form = await _form(request)
    grant = form.get("grant_type", "")
    if not grant:
        raise _TokenDenied("unsupported_grant_type", "grant_type parameter is missing")
    if grant not in _GRANTS:
        raise _TokenDenied(
            "unsupported_grant_type",
            "grant_type must be client_credentials, authorization_code or refresh_token",
        )
    if grant != "client_credentials":
        raise _TokenDenied("unauthorized_client", "Only client_credentials is served here")
    header = request.headers.get("authorization")
    # A header has priority over the form (RFC 6749, section 2.3.1, prefers it).
    if header is not None:
        return _basic(header)
    return form.get("client_id", ""), form.get("client_secret", "")


async def _form(request: Request) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Some clients send no content type; those that send another send no form.
    if kind and kind != _FORM:
        raise _TokenDenied("invalid_request", f"The body must be {_FORM}")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY:
            raise _TokenDenied("invalid_request", "The body is too large")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError as fault:
        raise _TokenDenied("invalid_request", "The body is not a form") from fault
    return {name: values[0] for name, values in fields.items()}


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _TokenDenied("invalid_client", "Only Basic authorization is accepted here")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as fault:
        raise _TokenDenied("invalid_client", "The Basic authorization is malformed") from fault
    # A secret may contain colons, a client id may not (RFC 7617, section 2).
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise _TokenDenied("invalid_client", "The Basic authorization is malformed")
    return client_id, secret


def _answer(
    status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    # Tokens must not stay in a cache on the way (RFC 6749, section 5.1).
    private = {"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})}
    body = orjson.dumps(content)
    return Response(body, status, headers=private, media_type="application/json; charset=utf-8")
