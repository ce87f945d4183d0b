"""Starts the ranker service."""

import sys

from quintet_servicekit.launch import launch

from quintet_ranker.app import build
from quintet_ranker.settings import Settings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    return launch("ranker", Settings, build)


if __name__ == "__main__":
    sys.exit(main())
