"""The gateway as the command line sees it."""

import ssl
from collections.abc import Mapping
from typing import Any

import httpx
from quintet_settings import SettingsInvalid, load

from quintet_command.cli.failure import CommandFailed
from quintet_command.connection import ConnectionSettings


class Gateway:
    """A small client of `/api/v1`; each failure is one line for a person.

    Args:
        address: Base address, such as `http://127.0.0.1:8000`.
        timeout: Seconds allowed for one call.
        token: Access token, where the gateway asks for one.
        authorities: File with the authorities trusted for it; the system's where empty.
    """

    def __init__(
        self, address: str, timeout: float, token: str = "", authorities: str = ""
    ) -> None:
        self._address = address
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Proxies of the environment have no business on the way to one's own gateway.
        self._client = httpx.Client(
            base_url=address,
            timeout=timeout,
            headers=headers,
            trust_env=False,
            verify=ssl.create_default_context(cafile=authorities) if authorities else True,
        )

    def is_ready(self) -> bool:
        """Check whether all services are SERVING."""
        return not self.not_ready()

    def not_ready(self) -> list[str]:
        """Return the names of what is not SERVING yet; the gateway itself among them."""
        try:
            return list(self._client.get("/readyz").json()["not_ready"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return ["gateway", "search", "profile", "ranker"]

    def search(self, text: str, limit: int, source: str | None = None) -> dict[str, Any]:
        """Return the answer of `GET /api/v1/search`."""
        params = {"q": text, "limit": str(limit)} | ({"source": source} if source else {})
        return self._call("GET", "/api/v1/search", params=params)

    def first_track(self, text: str) -> dict[str, Any]:
        """Return the best recommendable match for a text.

        Raises:
            CommandFailed: Nothing in the catalogue matches.
        """
        for match in self.search(text, 10)["tracks"]:
            if match["recommendable"]:
                return dict(match["track"])
        raise CommandFailed(f"no track of the catalogue matches {text!r}")

    def recommend(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of `POST /api/v1/recommendations`."""
        return self._call("POST", "/api/v1/recommendations", json=dict(body))

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **arguments)
        except httpx.TimeoutException as fault:
            raise CommandFailed(f"the gateway at {self._address} did not answer in time") from fault
        except httpx.HTTPError as fault:
            raise CommandFailed(
                f"no gateway answers at {self._address}; start one with `quintet up`, "
                "or name another with QUINTET_GATEWAY_URL"
            ) from fault
        if response.is_error:
            raise CommandFailed(_message_of(response))
        return dict(response.json())


def _message_of(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered {response.status_code}"


def connect(timeout: float = 30.0) -> Gateway:
    """Make a client of the gateway that the settings name.

    Args:
        timeout: Seconds allowed for one call.

    Raises:
        CommandFailed: A setting is invalid.
    """
    try:
        settings = load(ConnectionSettings)
    except SettingsInvalid as fault:
        raise CommandFailed(str(fault)) from fault
    token = settings.token.get_secret_value()
    return Gateway(settings.gateway_url, timeout, token, settings.gateway_ca)
