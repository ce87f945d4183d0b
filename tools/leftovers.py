"""End what a run of tests or of a tool has started, when the run ends in any way.

`watch()` marks this process with a variable that all processes below it inherit, and starts a
watcher in a separate session. When this process ends, also by SIGKILL, the watcher reads the
variables of all processes from `/proc` and kills those with the mark: servers that a test started,
also those that left their session or their parent. Does nothing outside of Linux.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

MARK = "RUN_OF_TESTS_OR_TOOLS"
_ROUNDS = 50
_PAUSE_SECONDS = 0.1


def watch() -> None:
    """Mark this process and start its watcher; a process that is marked already has one."""
    if MARK in os.environ or not sys.platform.startswith("linux"):
        return
    own = dict(os.environ)
    os.environ[MARK] = uuid.uuid4().hex
    # The watcher reads from this pipe: its end comes with that of this process, which alone can
    # write to it, because descriptors are not inherited.
    theirs, _ours = os.pipe()
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, os.environ[MARK]],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        env=own,
        start_new_session=True,
    ).returncode = 0  # it outlives this process, which never waits for it
    os.close(theirs)


def marked(value: str, variable: str = MARK) -> list[int]:
    """List the processes that were started with the mark of a run, or another variable's value."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            # Processes of other users, and processes that have ended meanwhile.
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def main() -> None:
    """Wait for the end of the run, then kill what is left of it."""
    sys.stdin.read()
    for _ in range(_ROUNDS):
        left = marked(sys.argv[1])
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(_PAUSE_SECONDS)  # one that was being started may have begun another


if __name__ == "__main__":
    main()
