"""Start search, profile, memory, ranker, gateway and library worker in one process."""

import sys
from typing import Final

import uvloop
from quintet_files import keep_private
from quintet_modelkit.import_guard import without_pandas
from quintet_servicekit.launch import Misconfigured, refuse
from quintet_servicekit.server import PortUnavailable
from quintet_servicekit.tracing import stop_tracing
from threadpoolctl import threadpool_limits

# As in the ranker: seconds that a thread may hold the interpreter lock while others wait.
_SWITCH_SECONDS: Final = 0.0005


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0; 1 if a service failed; 2 with one line on standard error if a setting is wrong or a port
        is in use.
    """
    keep_private()
    with without_pandas():
        from quintet_home.serving import serve
        from quintet_home.wiring import wired
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        installation = wired()
        # Each request is ranked on one thread: threads of BLAS would only be added to these.
        with threadpool_limits(1, user_api="blas"):
            return uvloop.run(serve(installation))
    except (Misconfigured, PortUnavailable) as fault:
        return refuse(str(fault))
    finally:
        stop_tracing()


if __name__ == "__main__":
    sys.exit(main())
