"""# housekeeping

Deletes feedback past its retention (`QUINTET_FEEDBACK_RETENTION_DAYS`), and removes models,
catalogues, search indices and files of old runs that nothing uses. What is in use, what an alias
of the registry names and the newest few of each kind stay; the registry keeps every version.

What is gone already is no fault, so a run may be repeated.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task
from quintet_airflow import DEFAULTS, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("0 5 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    tags=["quintet", "upkeep"],
)
def housekeeping():
    @task.bash(execution_timeout=timedelta(hours=1))
    def prune_feedback():
        return quintet("feedback", "prune")

    @task.bash
    def remove_old_versions():
        return quintet("housekeeping")

    prune_feedback() >> remove_old_versions()


housekeeping()
