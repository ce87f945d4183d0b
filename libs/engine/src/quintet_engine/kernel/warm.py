"""Loads every kernel, so that no request waits for a compiler."""

import logging
import time
from importlib import import_module
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
_THIS: Final = Path(__file__)


def modules() -> list[str]:
    """List the modules of this folder that hold compiled functions, the largest first."""
    paths = sorted(_THIS.parent.glob("*.py"), key=lambda path: (-path.stat().st_size, path.name))
    return [path.stem for path in paths if "\n@compiled(" in path.read_text(encoding="utf-8")]


def load_all() -> int:
    """Load all kept code, compile what is missing, and return how many functions were compiled.

    It takes half a second if all code is kept, and some ten seconds if none is.
    """
    from quintet_engine.kernel import compiling

    began, before = time.perf_counter(), len(compiling.compiled_anew)
    for name in modules():
        import_module(f"{__package__}.{name}")
    count = len(compiling.compiled_anew) - before
    folder = compiling.kept_folder()
    size = sum(each.stat().st_size for each in folder.glob("*.nb?")) if folder.is_dir() else 0
    _log.info(
        "kernels for %s: loaded in %.1f s, %d compiled by this process; %.1f MB kept in %s",
        *(compiling.config.CPU_NAME, time.perf_counter() - began, count, size / 1e6, folder),
    )
    return count
