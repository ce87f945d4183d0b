"""# daily_mixes

Makes the daily mixes of each listener with a memory: several lists, each of a cluster of what the
listener liked, with songs of new artists and without songs that were heard lately. Each mix updates
its playlist at the sources that were added with `--listener` for this listener.

The mixes of one day are always the same, so a run may be repeated: what is there already is not
written again.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task
from quintet_airflow import DEFAULTS, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("30 4 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    tags=["quintet", "listeners"],
)
def daily_mixes():
    @task.bash(execution_timeout=timedelta(hours=2))
    def make_and_push_mixes():
        return quintet("mixes", "run")

    make_and_push_mixes()


daily_mixes()
