#!/opt/airflow/.venv/bin/python
"""The image's `airflow`: the same command, but it stops on SIGTERM, with exit code 0.

Airflow itself hears no SIGTERM while it is imported (seconds), `standalone` never does, to take the
interpreter apart at the end costs the API server five seconds of a processor, and a triggerer may
wait ten for a child that has ended.
"""

import logging
import os
import signal
import sys
import traceback
from typing import Any, Final, NoReturn

_LOOK_SECONDS: Final = 0.5


def _look_often() -> None:
    """Make the triggerer see within half a second that its child has ended.

    Airflow looks whether the child has ended when one of its sockets says something. Where the last
    of them was closed a moment before the child ended, nothing ever does, and the triggerer sleeps
    for as long as it would give the child.
    """
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    service = WatchedSubprocess._service_subprocess

    def briefly(self: Any, max_wait_time: float, *arguments: Any, **options: Any) -> int | None:
        return service(self, min(max_wait_time, _LOOK_SECONDS), *arguments, **options)

    WatchedSubprocess._service_subprocess = briefly


def _run() -> int:
    """Run the command; return its exit code, which is 0 after a stop signal."""
    try:
        if "triggerer" in sys.argv[1:2]:
            _look_often()
        from airflow.__main__ import main

        main()
    except KeyboardInterrupt:
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(code: int) -> NoReturn:
    """End this process at once: only its memory is left to release."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # Applies until a component installs its handlers, and after it has removed them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _leave(_run())
