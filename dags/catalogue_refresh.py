"""# catalogue_refresh

Brings new tracks in: every CSV and Parquet file of `QUINTET_HOME/incoming`, or those of the
parameter `files`. One import validates the rows, keeps bad ones apart, merges duplicates, indexes
and publishes; search and ranker take the catalogue up by themselves. A file that was imported
before changes nothing, so a run may be repeated.

Afterwards the asset `quintet://catalogue` has a new event, and `ranker_retrain` follows. Without
files the run is skipped, and nothing follows.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from quintet_airflow import CATALOGUE, DEFAULTS, home, quintet, report_failure


@dag(
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    params={"files": Param([], type="array", items={"type": "string"}, title="Files to import")},
    tags=["quintet", "catalogue"],
)
def catalogue_refresh():
    @task.bash(execution_timeout=timedelta(hours=2), do_xcom_push=False)
    def import_tracks(params=None):
        files = params["files"] or sorted(
            str(path)
            for path in (home() / "incoming").glob("*")
            if path.suffix.lower() in (".csv", ".parquet")
        )
        if not files:
            raise AirflowSkipException("there is nothing to import")
        return quintet("catalog", "import", *files)

    @task.bash(outlets=[CATALOGUE])
    def show_catalogue():
        return quintet("catalog", "info", "--json")

    import_tracks() >> show_catalogue()


catalogue_refresh()
