"""Hands connections on, slower than they came: `python -m tools.chaos.proxy STATE PORT:PORT …`.

Each pair is where it listens and where it connects to, on this machine. STATE is a file that holds
how many seconds what callers send is kept back; it is read ten times a second.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

CHUNK = 65_536


class Delay:
    """Seconds that what callers send is kept back."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.seconds = 0.0

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                self.seconds = float(self._state.read_text(encoding="utf-8"))
            await asyncio.sleep(0.1)


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Delay | None
) -> None:
    """Copy one direction; what waits for its time is in a queue, so nothing waits twice."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

    async def send() -> None:
        while True:
            due, chunk = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(chunk)
            await writer.drain()
            if not chunk:
                return

    sender = asyncio.create_task(send())
    try:
        while chunk := await reader.read(CHUNK):
            await queue.put((loop.time() + (delay.seconds if delay else 0.0), chunk))
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await sender
        writer.close()


async def serve(port: int, target: int, delay: Delay) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward, answers = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(pump(reader, answers, delay)),
            asyncio.create_task(pump(onward, writer, None)),
        ]
        with contextlib.suppress(OSError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for side in (writer, answers):
            side.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    await server.serve_forever()


async def main(state: str, *pairs: str) -> None:
    delay = Delay(Path(state))
    ports = [[int(port) for port in pair.split(":")] for pair in pairs]
    await asyncio.gather(delay.follow(), *(serve(near, far, delay) for near, far in ports))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
