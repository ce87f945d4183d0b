"""Measure files on request: one JSON object per line in, one per line out, in order.

The pool starts this program, sends a path, and waits for the answer with a time limit. It starts
another one if the file took too long or ended the process, so a hostile file costs that file only.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

from quintet_files import keep_private

from quintet_analysis.decoding import Limits, NotDecoded
from quintet_analysis.measuring import measure

_MOST_MEMORY: Final = 2 * 1024**3
"""Bytes of address space. NumPy's libraries take most of it; the data stay below 200 MB."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Measure the file of one request.

    Args:
        request: `path`, `ffmpeg`, `excerpt` ("" for none), and the fields of `Limits`.

    Returns:
        Either the fields of `Measured`, or `failure`: the reason in one line. `stop` says that the
        cause is not the file, so that going on has no use.
    """
    limits = Limits(request["seconds"], request["memory"], request["heard"])
    excerpt = Path(request["excerpt"]) if request["excerpt"] else None
    try:
        return asdict(measure(request["path"], request["ffmpeg"], limits, excerpt))
    except NotDecoded as fault:
        return {"failure": str(fault)}
    except MemoryError:
        return {"failure": "it needs more memory than one file may take"}
    except OSError as fault:
        # Not about the file: no disk for the excerpt, or no program to decode with.
        about = fault.filename or request["excerpt"]
        return {"failure": f"{about}: {fault.strerror or fault}", "stop": True}


def answer_requests(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one line per request until the requests end."""
    for line in requests:
        # ASCII alone: a name that is not UTF-8 travels as escaped halves of surrogate pairs.
        answers.write(json.dumps(answer(json.loads(line))).encode("ascii") + b"\n")
        answers.flush()


def give_way(nice: int) -> None:
    """Lower the priority of this process, and of its session if it leads one.

    Linux may share the processor between sessions first (`sched_autogroup_enabled`, the default of
    most distributions). Then the priority of a process counts within its session only.
    """
    lowered = os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # other systems, and kernels without groups
            Path("/proc/self/autogroup").write_text(str(lowered), encoding="ascii")


def main() -> None:
    """Give way to other programs, limit the memory of this one, then answer on standard output."""
    parser = argparse.ArgumentParser(prog="quintet_analysis.worker", description=__doc__)
    parser.add_argument("--nice", type=int, default=0, help="How far to lower the priority, 0-19.")
    give_way(parser.parse_args().nice)
    keep_private()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints must not mix with the answers
    answer_requests(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
