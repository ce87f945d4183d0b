"""Notice that folders of music change, without walking them again and again."""

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from watchfiles import Change, watch

# Milliseconds without a change after which the loop looks whether it should stop.
_TIMEOUT_MS: Final = 500


def changed_folders(
    roots: Mapping[str, Path], stop: threading.Event | None = None
) -> Iterator[set[str]]:
    """Wait for changes of files below folders, and name the folders that changed.

    All folders come first, once the watching has begun, so that no change is missed between a sync
    and the watching. Changes during a sync are named after it. Changes within 1.6 seconds count
    together, so that copying an album is one change or two. The kernel reports changes of local
    disks; for network storage, WATCHFILES_FORCE_POLLING=1 makes watchfiles look by itself.

    Args:
        roots: Name to folder.
        stop: Ends the waiting when it is set.
    """
    places = {name: os.path.realpath(path) for name, path in roots.items()}
    watching = watch(
        *set(places.values()),
        stop_event=stop,
        watch_filter=_matters,
        rust_timeout=_TIMEOUT_MS,
        yield_on_timeout=True,
    )
    # What it yields first, changes or not, shows that it has begun.
    if next(watching, None) is not None:
        yield set(places)
    for changes in watching:
        paths = [path for _, path in changes]
        changed = {
            name
            for name, place in places.items()
            if any(path == place or path.startswith(place + os.sep) for path in paths)
        }
        if changed:
            yield changed


def _matters(change: Change, path: str) -> bool:
    """Pass over hidden files, such as those that programs write before they rename them."""
    del change
    return not os.path.basename(path).startswith(".")
