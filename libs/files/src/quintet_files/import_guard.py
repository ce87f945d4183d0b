"""Keep packages out of a process that other programs of the same environment need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Make everything imported meanwhile find no such packages.

    Libraries import optional packages wherever they are installed. After this block, the packages
    can be imported as usual.
    """
    absent = _Absent(packages)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


class _Absent(MetaPathFinder):
    """An import hook that reports packages as not installed."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Reject the packages, and leave every other module to the usual finders."""
        if name in self._packages:
            raise ModuleNotFoundError(f"{name} is not imported by a service", name=name)
