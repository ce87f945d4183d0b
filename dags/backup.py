"""# backup

Creates a backup of everything on the volume `backups`, verifies it, and keeps the newest seven:
database, catalogue, models, keys, the registry with its files, and Airflow's database. All services
keep working meanwhile.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, task
from quintet_airflow import DEFAULTS, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    params={
        "folder": Param("/backups", type="string", minLength=1, title="Folder of backups"),
        "keep": Param(7, type="integer", minimum=1, maximum=1000, title="Backups that stay"),
    },
    tags=["quintet", "upkeep"],
)
def backup():
    @task.bash(execution_timeout=timedelta(hours=2))
    def create_backup(params=None):
        return quintet("backup", "run", params["folder"], "--keep", params["keep"])

    create_backup()


backup()
