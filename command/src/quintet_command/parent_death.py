"""End a program when the process that started it dies, by Linux' parent-death signal.

    python -I -S parent_death.py PARENT SIGNAL PROGRAM ARGUMENT…

asks the kernel to send SIGNAL (a number) when PARENT, the id of the process that started this one,
has died in any way, SIGKILL included, and becomes PROGRAM. PARENT 0 stands for whichever process
that is. The module runs as a file, without site packages, so it costs about 15 ms.

Other systems have no such signal: there the program runs as without this module.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def bound_to_parent(
    command: Sequence[str], number: int = signal.SIGTERM, parent: int | None = None
) -> tuple[str, ...]:
    """Wrap a command so that its process gets a signal when this process dies.

    The kernel sends the signal when the thread that started the process ends, so the thread has to
    live as long as the process.

    Args:
        command: The program and its arguments.
        number: The signal.
        parent: The id of the process that will start the command; this one if None.
    """
    if not sys.platform.startswith("linux"):
        return tuple(command)
    starter = os.getpid() if parent is None else parent
    return (sys.executable, "-I", "-S", __file__, str(starter), str(int(number)), *command)


def main() -> None:
    """Become the program; end at once if the parent has died already."""
    parent, number, *command = sys.argv[1:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(number), 0, 0, 0)
        if int(parent) not in (0, os.getppid()):
            sys.exit(128 + int(number))
    # Python ignores these two, and a program inherits what is ignored.
    for each in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(each, signal.SIG_DFL)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
