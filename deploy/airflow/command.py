#!/opt/airflow/.venv/bin/python
"""The image's `airflow`: the same command, but one that stops when it is told to, with exit code 0.

Airflow itself hears no SIGTERM while it is imported (seconds), `standalone` never does, to take the
interpreter apart at the end costs the API server five seconds of a processor, and a triggerer may
wait ten for a child that has ended.
"""

import atexit
import os
import signal
import sys
from typing import Any, Final

_LOOK_SECONDS: Final = 0.5
_code = 1


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)


def _look_often() -> None:
    """Makes the triggerer see within half a second that its child has ended.

    Airflow looks whether the child has ended when one of its sockets says something. Where the last
    of them was closed a moment before the child ended, nothing ever does, and the triggerer sleeps
    for as long as it would give the child.
    """
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    service = WatchedSubprocess._service_subprocess

    def briefly(self: Any, max_wait_time: float, *arguments: Any, **options: Any) -> int | None:
        return service(self, min(max_wait_time, _LOOK_SECONDS), *arguments, **options)

    WatchedSubprocess._service_subprocess = briefly


if __name__ == "__main__":
    # The first to be registered runs last: what Airflow registers comes before.
    atexit.register(_leave)
    # Until a component sets handlers of its own, and again once it has taken them down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if "triggerer" in sys.argv[1:2]:
            _look_often()
        from airflow.__main__ import main

        main()
        _code = 0
    except KeyboardInterrupt:
        _code = 0
    except SystemExit as end:
        # As the interpreter reads it: nothing is success, a text is an error to be shown.
        _code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
