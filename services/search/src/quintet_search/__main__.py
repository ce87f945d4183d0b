"""Starts the search service."""

import sys

from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import launch

from quintet_search.settings import SearchSettings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    with without_pandas():
        from quintet_search.app import build
    return launch("search", SearchSettings, build)


if __name__ == "__main__":
    sys.exit(main())
