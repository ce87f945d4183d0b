"""What the DAG files share: how a task runs a `quintet` command, and what a failure leaves."""

from quintet_airflow.failures import home, report_failure
from quintet_airflow.tasks import CATALOGUE, DEFAULTS, DRIFT, GATED, quintet, run_folder

__all__ = [
    "CATALOGUE",
    "DEFAULTS",
    "DRIFT",
    "GATED",
    "home",
    "quintet",
    "report_failure",
    "run_folder",
]
