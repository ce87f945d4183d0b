"""Real servers for tests: supysonic and beets, as `make library-servers` installs them."""

import math
import os
import struct
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.audio_files import tag
from tests.known_secrets import known
from tests.needs import LIBRARY_SERVERS, needs
from tests.root import ROOT

SERVERS = ROOT / ".library-servers" / "bin"
installed = needs(LIBRARY_SERVERS, (SERVERS / "beet").exists())
USER, PASSWORD = "ann", known("a password of supysonic")


def wav(path: Path, seconds: float, hertz: float, **fields: str | list[str]) -> Path:
    """Writes a tone; supysonic and beets count whole seconds, so that short ones have no length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 8000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        samples = (
            9000 * math.sin(2 * math.pi * hertz * n / rate) for n in range(int(rate * seconds))
        )
        file.writeframes(b"".join(struct.pack("<h", int(sample)) for sample in samples))
    if fields:
        tag(path, **fields)
    return path


@contextmanager
def supysonic(music: Path, state: Path) -> Iterator[str]:
    """Runs a supysonic with one folder and one user, and gives its address."""
    state.mkdir()
    program = ROOT / "tests" / "fakes" / "run_supysonic.py"
    server = subprocess.Popen(
        [SERVERS / "python", program, music, state, USER, PASSWORD],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)
        if server.stdout is not None:
            server.stdout.close()


def beet(folder: Path, *arguments: str) -> None:
    """Runs a command of beets, whose configuration and library are in a folder."""
    subprocess.run(
        [SERVERS / "beet", *arguments],
        env={**os.environ, "BEETSDIR": str(folder)},
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
