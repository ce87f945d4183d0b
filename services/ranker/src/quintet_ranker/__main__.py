"""Start the ranker service."""

import sys
from typing import Final

from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import launch
from threadpoolctl import threadpool_limits

from quintet_ranker.settings import RankerSettings

# Seconds that a thread may hold the interpreter lock while others wait. A request acquires the lock
# hundreds of times; with Python's default of 5 ms, loading a model beside it would add seconds.
_SWITCH_SECONDS: Final = 0.0005


def main() -> int:
    """Serve until SIGTERM or SIGINT; exit code 2 and one line of text if a setting is wrong."""
    with without_pandas():
        from quintet_ranker.app import build
    # Each request is ranked on one thread, and several requests at once. Threads of BLAS would be
    # added to these, and they use a core even while they wait.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with threadpool_limits(1, user_api="blas"):
        return launch("ranker", RankerSettings, build)


if __name__ == "__main__":
    sys.exit(main())
