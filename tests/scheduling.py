"""Which worker runs which test: all tests of a folder that starts services run on one of them.

pytest-xdist's `loadfile` gives files to workers, so each worker would start the services of such a
folder for itself: seconds of processor time each. Long folders come first and unit tests last, so
that no worker waits long for another at the end.
"""

from typing import Any, Final

import pytest

SERVED: Final = (
    "tests/ui/",
    "tests/system/compat/",
    "tests/system/registry/",
    "tests/players/",
    "tests/home/",
    "tests/system/observe/",
)
"""Folders whose tests share services, the longest first."""


def scope_of(nodeid: str) -> str:
    """Name what is given to a worker as a whole: a folder of `SERVED`, or else a file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in SERVED if file.startswith(folder)), file)


def place_of(nodeid: str) -> int:
    """Place a test in the order of a run: folders with services, other files, unit tests."""
    scope = scope_of(nodeid)
    if scope in SERVED:
        return SERVED.index(scope)
    return len(SERVED) + ("/unit/" in scope)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_of(item.nodeid))


class WithWorkers:
    """The part of this plugin that needs pytest-xdist; registered where it is installed."""

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler.loadscope import (  # type: ignore[import-untyped]
            LoadScopeScheduling,
        )

        class ByServices(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                return scope_of(nodeid)

        # xdist would start with the files that have most tests, which are not the longest.
        config.option.loadscopereorder = False
        return ByServices(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(WithWorkers())
