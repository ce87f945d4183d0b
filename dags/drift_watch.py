"""# drift_watch

Compares what listeners were shown lately with the lists that the model in use gives to the
playlists it was trained on: population stability index and Kolmogorov-Smirnov distance of scores
and features, and of the mix of genres. Where something has drifted, the asset `quintet://drift`
has a new event and `ranker_retrain` follows; otherwise the task is skipped.

Changes nothing but its own last report, so it may run at any time.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task
from quintet_airflow import DEFAULTS, DRIFT, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("30 */6 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    tags=["quintet", "watch"],
)
def drift_watch():
    # Like grep: 0 where drift was found, 1 where it was not.
    @task.bash(outlets=[DRIFT], skip_on_exit_code=1)
    def look_for_drift():
        return quintet("drift", "--json")

    look_for_drift()


drift_watch()
