"""Compile what is not kept yet: `python -m quintet_engine.kernel`, for installations and images.

Each module is compiled by a separate process, as many at once as there are processors.
"""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Final

from quintet_engine.kernel import compiling
from quintet_engine.kernel.warm import load_all, modules

_PACKAGE: Final = "quintet_engine.kernel"
# For one module on a machine that is busy; half a minute is usual.
_MOST_SECONDS: Final = 1_200


def main(arguments: list[str]) -> int:
    """Load or compile every kernel, and report how many had to be compiled and what is kept.

    Args:
        arguments: The module to compile alone; empty for all.

    Returns:
        0, or 1 if a module could not be compiled.
    """
    if arguments:
        module = f"{_PACKAGE}.{arguments[0]}"
        compiling.compile_only(module)
        import_module(module)
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if not compiling.is_kept():
        logging.info("compiling %d modules of kernels: about a minute", len(modules()))
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            codes = dict(zip(modules(), threads.map(_alone, modules()), strict=True))
        if failed := [name for name, code in codes.items() if code]:
            logging.error("not compiled: %s", ", ".join(failed))
            return 1
    load_all()
    compiling.note_kept()
    return 0


def _alone(module: str) -> int:
    command = (sys.executable, "-m", _PACKAGE, module)
    return subprocess.run(command, check=False, timeout=_MOST_SECONDS).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
