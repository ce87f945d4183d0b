"""Bad inputs over real sockets: malformed HTTP/1.1 and HTTP/2, bodies, and clients that dawdle."""

import contextlib
import random
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import Sequence

from tools.fuzz.targets import spoiled
from tools.installation import Installation

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = struct.pack(">I", 0)[1:] + b"\x04\x00" + struct.pack(">I", 0)


class Wire:
    """Sends to the gateway and to the services of an installation."""

    def __init__(self, running: Installation, chance: random.Random) -> None:
        self._running = running
        self._chance = chance
        self._token = running.token().encode()
        self.codes: Counter[str] = Counter()
        self.unanswered = 0
        self.slowest = 0.0
        near = running.home / "tls" / "gateway"
        self._mutual = running.trusted
        self._mutual.load_cert_chain(near / "tls.crt", near / "tls.key")
        self._mutual.set_alpn_protocols(["h2"])

    def bodies(self, count: int) -> None:
        """Spoiled bodies and paths over connections that stay open where the gateway lets them."""
        secure: ssl.SSLSocket | None = None
        for _ in range(count):
            secure = secure or self._https()
            started = time.monotonic()
            status = self._exchange(secure, self._request())
            self.slowest = max(self.slowest, time.monotonic() - started)
            self.unanswered += status == "silent"
            self.codes[status] += 1
            if not status.startswith(("2", "4")) or status == "400":
                secure.close()
                secure = None
        if secure is not None:
            secure.close()

    def heads(self, count: int) -> None:
        """Send requests that are hardly HTTP."""
        for _ in range(count):
            with self._https() as secure:
                request = spoiled(self._request(), self._chance)
                # A head that never ends gets no answer; one that does gets it soon.
                self.codes[self._exchange(secure, request, 0.15)] += 1

    def frames(self, count: int) -> None:
        """Frames of HTTP/2 that break its rules, sent to each service with a good certificate."""
        ports = [
            self._running.ports[name] for name in ("search", "profile", "ranker", "memory", "grpc")
        ]
        for number in range(count):
            frames = b"".join(self._frame() for _ in range(self._chance.randint(1, 6)))
            with (
                contextlib.suppress(OSError),
                self._raw(ports[number % len(ports)], self._mutual) as secure,
            ):
                secure.sendall(_PREFACE + _SETTINGS + frames)
                secure.settimeout(0.02)
                secure.recv(4096)
            self.codes["frames"] += 1

    def dawdlers(self, count: int, seconds: float) -> int:
        """Return how many clients that send a byte a second are still connected at the end."""
        slow = [self._https() for _ in range(count)]
        for each in slow:
            each.sendall(b"POST /api/v1/recommendations HTTP/1.1\r\nhost: x\r\n")
        until = time.monotonic() + seconds
        while slow and time.monotonic() < until:
            slow = [each for each in slow if self._is_alive(each)]
            time.sleep(1)
        left = len(slow)
        for each in slow:
            each.close()
        self.codes["dawdlers"] += count
        return left

    def _is_alive(self, secure: ssl.SSLSocket) -> bool:
        try:
            secure.sendall(b"x")
            secure.settimeout(0.001)
            return bool(secure.recv(1))
        except TimeoutError:
            return True
        except OSError:
            secure.close()
            return False

    def _request(self) -> bytes:
        sound, path = self._chance.choice(_REQUESTS)
        body = spoiled(sound, self._chance)
        if self._chance.random() < 0.2:
            path += self._chance.choice(_PATHS)
        head = (
            b"POST " if sound else b"GET ",
            path,
            b" HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n",
            b"authorization: Bearer " + self._token + b"\r\n",
            b"content-length: %d\r\n\r\n" % len(body),
        )
        return b"".join(head) + body

    def _frame(self) -> bytes:
        kind, flags = self._chance.randrange(12), self._chance.randrange(256)
        payload = self._chance.randbytes(self._chance.randint(0, 64))
        size = len(payload) if self._chance.random() < 0.7 else self._chance.randrange(1 << 24)
        stream = self._chance.choice((0, 1, 2, 3, 0x7FFFFFFF, 0xFFFFFFFF))
        return (
            struct.pack(">I", size)[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload
        )

    def _https(self) -> ssl.SSLSocket:
        return self._raw(self._running.ports["gateway"], self._running.trusted)

    def _raw(self, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        return context.wrap_socket(raw, server_hostname="localhost")

    def _exchange(self, secure: ssl.SSLSocket, request: bytes, seconds: float = 10.0) -> str:
        """Return the status of the answer; "closed" or "silent" without an answer."""
        try:
            secure.sendall(request)
            secure.settimeout(seconds)
            answer = secure.recv(65_536)
            head, _, rest = answer.partition(b"\r\n\r\n")
            size = _stated(head.split(b"\r\n"))
            while len(rest) < size:
                more = secure.recv(65_536)
                if not more:
                    break
                rest += more
        except TimeoutError:
            return "silent"
        except OSError:
            return "closed"
        return answer[9:12].decode("ascii", "replace") or "closed"


def _stated(lines: Sequence[bytes]) -> int:
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


_REQUESTS = (
    (b'{"seeds":["6rqhFgbbKwnb9MLmUQDhG6"],"limit":5}', b"/api/v1/recommendations"),
    (b'{"track_ids":["a"],"limit":5}', b"/recommend_ranked"),
    (b'{"seeds":["6rqhFgbbKwnb9MLmUQDhG6"],"limit":5}', b"/api/v1/radio"),
    (b'{"start":"6rqhFgbbKwnb9MLmUQDhG6","end":"a","length":5}', b"/api/v1/path"),
    (
        b'{"event_id":"e","recommendation_id":"r","track_id":"t","event":"like"}',
        b"/api/v1/feedback",
    ),
    (b"", b"/api/v1/search?q=love"),
    (b"", b"/v1/recommendations?seed_genres=rock&limit=3"),
    (b"", b"/v1/search?type=track&q=a"),
)
_PATHS = (
    b"&limit=-1",
    b"%00",
    b"%ff%fe",
    b"/../../etc/passwd",
    b"?q=%F0%9F",
    b"&page_token=AAAA",
    b"'--",
)
