"""# promote

Makes a model champion, and every ranker serves it within one poll (5 seconds). It is gated again
first, against the champion of this moment: paired intervals, baselines, latency, coverage,
calibration and cold tracks. A model that is stopped fails the run, and listeners never meet it.

Runs when `ranker_retrain` has a model that passed; pause this DAG to promote by hand, with
`quintet models promote` or by starting it with the parameter `model`. To promote what is champion
already changes nothing. The way back is `quintet models rollback`.
"""

import json
from datetime import timedelta

from airflow.sdk import Param, dag, task
from quintet_airflow import DEFAULTS, GATED, quintet, report_failure


@dag(
    schedule=[GATED],
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=DEFAULTS,
    doc_md=__doc__,
    on_failure_callback=report_failure,
    params={"model": Param("challenger", type="string", minLength=1, title="Model to promote")},
    tags=["quintet", "model"],
)
def promote():
    # The bundle that was judged is promoted, whatever an alias points at by then.
    @task.bash(output_processor=lambda line: json.loads(line)["bundle"])
    def gate(params=None, triggering_asset_events=None):
        events = [event for each in triggering_asset_events.values() for event in each]
        model = events[-1].extra["model"] if events else params["model"]
        return quintet("gate", model, "--json")

    # Judged a moment ago, by the task before.
    @task.bash
    def make_champion(model):
        return quintet("models", "promote", model, "--without-gate")

    make_champion(gate())


promote()
