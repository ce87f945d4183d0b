"""The health check of Airflow's containers: exit code 0 where the process of this one is well.

    health.py        the API server answers
    health.py JOB    a SchedulerJob, DagProcessorJob or TriggererJob of this host has a heartbeat

`airflow jobs check` asks the same, but imports all of Airflow for it: seconds of a processor, which
every container would take from the tasks every few seconds.
"""

import os
import socket
import sys
import urllib.request

_URL = "http://127.0.0.1:8080/api/v2/monitor/health"
_SECONDS = 60  # twelve heartbeats
_ALIVE = """
SELECT 1 FROM job
WHERE job_type = %s AND hostname = %s AND state = 'running'
  AND latest_heartbeat > now() - make_interval(secs => %s)
"""


def answers() -> bool:
    """Return whether the API server of this container answers within four seconds."""
    try:
        # The address is a constant, by HTTP.
        with urllib.request.urlopen(_URL, timeout=20) as answer:  # nosec B310
            return bool(answer.status == 200)
    except OSError:
        return False


def is_alive(job: str) -> bool:
    """Return whether the database holds a fresh heartbeat of a job of this host."""
    import psycopg2

    url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "", 1)
    try:
        connection = psycopg2.connect(url, connect_timeout=20)
    except psycopg2.OperationalError:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ALIVE, (job, socket.gethostname(), _SECONDS))
            return cursor.fetchone() is not None
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if (is_alive(sys.argv[1]) if sys.argv[1:] else answers()) else 1)
