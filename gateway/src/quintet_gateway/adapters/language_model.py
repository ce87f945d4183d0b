"""A language model of the operator, by OpenAI's chat completions, bounded in time and bytes."""

import asyncio
import time
from http import HTTPStatus
from typing import Any, Final

import httpx
from pydantic import BaseModel, SecretStr, ValidationError
from quintet_prompts.model import INSTRUCTIONS, SCHEMA

from quintet_gateway.adapters.upstream import DEADLINE
from quintet_gateway.prompts import ModelUnavailable

# A hundred parts take some 20 kB.
_MOST_BYTES: Final = 256 * 1024
_MOST_TOKENS: Final = 4000
_CONNECTIONS: Final = 8


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice]


class LanguageModel:
    """Asks a model for the parts of a text.

    Args:
        url: The address up to and without /chat/completions, such as http://localhost:11434/v1.
        name: The model's name at that server.
        key: The API key; none is sent if it is empty.
        seconds: Seconds that an answer may take.
        budget: Seconds that remain for the rest of the request after the answer.
    """

    def __init__(self, url: str, name: str, key: SecretStr, seconds: float, budget: float) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._name = name
        self._key = key
        self._seconds = seconds
        self._budget = budget
        self._http = httpx.AsyncClient(
            timeout=seconds,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            # The address is the operator's: no other one is asked, by a proxy or a redirect.
            trust_env=False,
            follow_redirects=False,
        )

    async def ask(self, text: str) -> str:
        """Ask for the parts of a text; the answer's JSON, unchecked.

        Raises:
            ModelUnavailable: There is no usable answer in time; the message says why.
        """
        try:
            async with asyncio.timeout(self._seconds):
                status, content = await self._send(text)
        except TimeoutError:
            raise ModelUnavailable("it did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ModelUnavailable("it is unreachable") from None
        finally:
            # The model has a separate time limit: the services get the whole budget.
            DEADLINE.set(time.monotonic() + self._budget)
        if status != HTTPStatus.OK:
            raise ModelUnavailable(f"it answered with status {status}")
        try:
            choices = _Completion.model_validate_json(content).choices
        except ValidationError:
            raise ModelUnavailable("its answer is not a chat completion") from None
        if not choices:
            raise ModelUnavailable("its answer has no choices")
        return choices[0].message.content

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, text: str) -> tuple[int, bytes]:
        headers = {}
        if key := self._key.get_secret_value():
            headers["Authorization"] = f"Bearer {key}"
        request = self._http.build_request(
            "POST", self._url, json=self._body(text), headers=headers
        )
        response = await self._http.send(request, stream=True)
        try:
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise ModelUnavailable("its answer is too large")
            return response.status_code, bytes(content)
        finally:
            await response.aclose()

    def _body(self, text: str) -> dict[str, Any]:
        return {
            "model": self._name,
            "messages": [
                {"role": "system", "content": INSTRUCTIONS},
                {"role": "user", "content": text},
            ],
            "temperature": 0,
            "max_tokens": _MOST_TOKENS,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "prompt", "strict": True, "schema": SCHEMA},
            },
        }
