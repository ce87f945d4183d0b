#!/opt/airflow/.venv/bin/python
"""The image's `airflow`: the same command, but one that stops when it is told to, with exit code 0.

Airflow itself hears no SIGTERM while it is imported (seconds), `standalone` never does, and to take
the interpreter apart at the end costs the API server five seconds of a processor.
"""

import atexit
import os
import signal
import sys

_code = 1


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)


if __name__ == "__main__":
    # The first to be registered runs last: what Airflow registers comes before.
    atexit.register(_leave)
    # Until a component sets handlers of its own, and again once it has taken them down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from airflow.__main__ import main

        main()
        _code = 0
    except KeyboardInterrupt:
        _code = 0
    except SystemExit as end:
        # As the interpreter reads it: nothing is success, a text is an error to be shown.
        _code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
