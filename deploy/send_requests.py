"""Sends recommendations at a steady rate while something else happens, and counts the answers.

    send_requests.py ADDRESS RATE UNTIL [AUTHORITY]

ADDRESS is a gateway or a proxy. Each request has a separate connection, as from a separate caller,
and is sent at its time whatever becomes of those before. It ends when the file UNTIL exists and at
least 60 seconds have passed. CLIENT_ID and CLIENT_SECRET name a client with the scope `read`;
AUTHORITY is the certificate to trust. It prints one line for each kind of failure, then the
counts, and exits with 1 if a request was not answered with a list. Standard library alone.
"""

import base64
import http.client
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_LEAST_SECONDS: Final = 60.0
# A proxy has no health check, so it may not listen yet.
_START_SECONDS: Final = 60.0
# More than the gateway needs for its own answer, also for a failure.
_PATIENCE_SECONDS: Final = 30.0
_SEED_QUERIES: Final = ("love", "night", "rock", "home", "time", "dance")


@dataclass
class Counts:
    """What became of the requests.

    Attributes:
        sent: How many were sent.
        refused: How many had no list as answer, by kind.
        without: How many lists were made without a part, by part.
        seconds: Time from sending to the whole answer, of each list.
    """

    sent: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    without: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, kind: str, detail: str) -> None:
        """Count a request without a list; the first of a kind is shown in full."""
        with self._lock:
            if kind not in self.refused:
                _say(f"{time.strftime('%H:%M:%S')} refused, {kind}: {detail}")
            self.refused[kind] = self.refused.get(kind, 0) + 1

    def answer(self, parts: list[str], seconds: float) -> None:
        """Count a list."""
        with self._lock:
            self.seconds.append(seconds)
            for part in parts:
                self.without[part] = self.without.get(part, 0) + 1

    def __str__(self) -> str:
        ordered = sorted(self.seconds) or [0.0]
        return (
            f"{self.sent} requests, {sum(self.refused.values())} refused {self.refused or ''}, "
            f"{sum(self.without.values())} lists without a part {self.without or ''}; "
            f"median {ordered[len(ordered) // 2]:.2f} s, longest {ordered[-1]:.2f} s"
        )


@dataclass(frozen=True)
class Caller:
    """Sends requests to one address.

    Attributes:
        address: Scheme, host and port.
        trust: The authority of the certificate; None for HTTP.
    """

    address: urllib.parse.SplitResult
    trust: ssl.SSLContext | None

    def send(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, Any]:
        """Send one request on a new connection.

        Returns:
            The status, and the document of the answer; None if it is not JSON.

        Raises:
            OSError: There was no connection, or it ended.
            http.client.HTTPException: The answer was not HTTP, or not whole.
        """
        host, port = self.address.hostname or "", self.address.port
        connection = (
            http.client.HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
            if self.trust is None
            else http.client.HTTPSConnection(
                host, port, timeout=_PATIENCE_SECONDS, context=self.trust
            )
        )
        try:
            connection.request(method, path, body.encode() or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            is_json = "json" in (answer.getheader("content-type") or "")
            return answer.status, json.loads(content) if is_json else None
        finally:
            connection.close()

    def await_answer(self) -> None:
        """Wait until the address answers.

        Raises:
            OSError: It did not within a minute.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.send("GET", "/healthz")
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def token(self) -> str:
        """Get an access token for the client of the environment."""
        pair = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
        status, document = self.send(
            "POST",
            "/api/token",
            "grant_type=client_credentials",
            **{
                "authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
                "content-type": "application/x-www-form-urlencoded",
            },
        )
        if status != 200:
            raise SystemExit(f"error: no token: {status} {document}")
        return str(document["access_token"])

    def recommend(self, seeds: list[str], token: str, counts: Counts) -> None:
        """Ask for one list and count the answer."""
        body = json.dumps({"seeds": seeds, "limit": 10})
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        started = time.monotonic()
        try:
            status, document = self.send("POST", "/api/v1/recommendations", body, **headers)
        except (OSError, http.client.HTTPException, ValueError) as fault:
            counts.refuse(type(fault).__name__, str(fault))
            return
        if status != 200 or len(document["tracks"]) != 10:
            counts.refuse(f"status {status}", json.dumps(document)[:200])
        else:
            counts.answer(document["degraded"], time.monotonic() - started)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Send until the file exists; see the module's text."""
    address, rate, until = arguments[0], float(arguments[1]), Path(arguments[2])
    trust = ssl.create_default_context(cafile=arguments[3]) if len(arguments) > 3 else None
    caller = Caller(urllib.parse.urlsplit(address), trust)
    caller.await_answer()
    token = caller.token()
    seeds = []
    for query in _SEED_QUERIES:
        path = "/api/v1/search?limit=5&q=" + urllib.parse.quote(query)
        _, found = caller.send("GET", path, authorization=f"Bearer {token}")
        seeds += [match["track"]["id"] for match in found["tracks"]]
    counts, threads = Counts(), []
    started = due = time.monotonic()
    while not until.exists() or due - started < _LEAST_SECONDS:
        chosen = [seeds[(counts.sent + step) % len(seeds)] for step in range(3)]
        thread = threading.Thread(target=caller.recommend, args=(chosen, token, counts))
        thread.start()
        threads.append(thread)
        counts.sent += 1
        due += 1.0 / rate
        time.sleep(max(0.0, due - time.monotonic()))
    for thread in threads:
        thread.join()
    _say(str(counts))
    return 1 if counts.refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
