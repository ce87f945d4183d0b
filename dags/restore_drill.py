"""# restore_drill

Shows that a backup can be restored: creates one, restores it into a temporary folder and database,
counts the rows of each table, and compares 200 lists of the restored model with those of the
installation. Nothing of the installation changes. The run fails if a row is missing or a list
differs.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, task
from quintet_airflow import DEFAULTS, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("30 2 * * 0", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    params={
        "folder": Param("/backups", type="string", minLength=1, title="Folder of backups"),
        "keep": Param(7, type="integer", minimum=1, maximum=1000, title="Backups that stay"),
        "lists": Param(200, type="integer", minimum=1, maximum=10000, title="Lists to compare"),
    },
    tags=["quintet", "upkeep"],
)
def restore_drill():
    @task.bash(execution_timeout=timedelta(hours=2))
    def create_backup(params=None):
        return quintet("backup", "run", params["folder"], "--keep", params["keep"])

    @task.bash(execution_timeout=timedelta(hours=1))
    def restore_and_compare(params=None):
        return quintet("backup", "drill", params["folder"], "--lists", params["lists"])

    create_backup() >> restore_and_compare()


restore_drill()
