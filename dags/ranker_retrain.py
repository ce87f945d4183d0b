"""# ranker_retrain

Trains a new model on all playlists and all feedback:

1. **export_feedback** writes tracks that were liked, saved or added as playlists,
2. **import_feedback** imports the new ones; skipped if there are none,
3. **train** trains without serving,
4. **evaluate** measures the same recipe on held-out playlists, against every baseline,
5. **register** adds the model to the registry as challenger, with its report,
6. **gate** checks it against the champion, the baselines and the limits of docs/models.md.

A model that passes is an event of the asset `quintet://gated`, which starts `promote`. A model that
is stopped fails the run; the reasons are in the log of `gate`, and nothing else changes.

Runs every night, and after a new catalogue or drift. Each task may be repeated: each run has a
separate folder in `QUINTET_HOME/runs`, and existing playlists and models stay unchanged.
"""

import json
from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from quintet_airflow import (
    CATALOGUE,
    DEFAULTS,
    DRIFT,
    GATED,
    quintet,
    report_failure,
    run_folder,
)


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=CATALOGUE | DRIFT
    ),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    params={
        "trials": Param(8, type="integer", minimum=0, maximum=200, title="Trials of each search"),
        "threads": Param(0, type="integer", minimum=0, maximum=64, title="Threads; 0: by machine"),
        "held_out": Param(0.25, type="number", minimum=0.05, maximum=0.5, title="Share held out"),
    },
    tags=["quintet", "model"],
)
def ranker_retrain():
    @task.bash(do_xcom_push=False)
    def export_feedback(run_id=None):
        return quintet("feedback", "export", run_folder(run_id) / "feedback.jsonl")

    @task.bash(execution_timeout=timedelta(hours=1), do_xcom_push=False)
    def import_feedback(run_id=None):
        exported = run_folder(run_id) / "feedback.jsonl"
        if not exported.stat().st_size:
            raise AirflowSkipException("no listener has liked, saved or added anything yet")
        return quintet("playlists", "import", exported, "--source", "feedback")

    @task.bash(
        execution_timeout=timedelta(hours=4),
        output_processor=lambda line: json.loads(line)["version"],
        # Feedback that is not there is no reason not to train.
        trigger_rule="none_failed",
    )
    def train(params=None):
        return quintet("train", "--no-serve", "--no-register", "--json", *_budget(params))

    @task.bash(execution_timeout=timedelta(hours=8), do_xcom_push=False)
    def evaluate(run_id=None, params=None):
        folder = run_folder(run_id)
        return quintet(
            *("evaluate", "--held-out", params["held_out"], *_budget(params)),
            *("--json", folder / "report.json", "--html", folder / "report.html"),
            *("--metrics", folder / "metrics.json"),
        )

    @task.bash
    def register(model, run_id=None):
        folder = run_folder(run_id)
        return quintet(
            *("models", "register", model, "--metrics", folder / "metrics.json"),
            *("--artefact", folder / "report.json", "--artefact", folder / "report.html"),
        )

    @task.bash(outlets=[GATED], do_xcom_push=False)
    def gate(model, outlet_events=None):
        outlet_events[GATED].extra = {"model": model}
        return quintet("gate", model)

    model = train()
    export_feedback() >> import_feedback() >> model >> evaluate() >> register(model) >> gate(model)


def _budget(params):
    return ("--trials", params["trials"], "--threads", params["threads"])


ranker_retrain()
