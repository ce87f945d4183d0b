"""Starts the ranker service."""

import sys

from quintet_servicekit.launch import launch
from threadpoolctl import threadpool_limits

from quintet_ranker.app import build
from quintet_ranker.settings import Settings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    # Requests are ranked side by side, each on one thread, as in training. Threads of BLAS would
    # come on top, and they wait for work by spinning.
    with threadpool_limits(1, user_api="blas"):
        return launch("ranker", Settings, build)


if __name__ == "__main__":
    sys.exit(main())
