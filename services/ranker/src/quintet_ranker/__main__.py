"""Starts the ranker service."""

import sys
from typing import Final

from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import launch
from threadpoolctl import threadpool_limits

from quintet_ranker.settings import RankerSettings

# How long a thread that computes in Python may keep others waiting. A request asks for its turn
# hundreds of times, so beside a model that is being loaded Python's own 5 ms would add up.
_SWITCH_SECONDS: Final = 0.0005


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    with without_pandas():
        from quintet_ranker.app import build
    # Requests are ranked side by side, each on one thread, as in training. Threads of BLAS would
    # come on top, and they wait for work by spinning.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with threadpool_limits(1, user_api="blas"):
        return launch("ranker", RankerSettings, build)


if __name__ == "__main__":
    sys.exit(main())
