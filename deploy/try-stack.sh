#!/bin/sh
# Brings core and mlops up with Compose and uses them as one: a model goes to the registry and every
# ranker takes it from there; a run of catalogue_refresh is asked for over Airflow's REST API. Then
# stops each service and takes all down. Works in a project of its own; nothing of yours is touched.
#   OBSERVE="prometheus grafana"   also these
#   BUILD=0                        with the images that are there
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-quintet-try}" COMPOSE_PROFILES=core,mlops,observe
export QUINTET_GATEWAY_PORT="${QUINTET_GATEWAY_PORT:-18000}" QUINTET_UI_PORT="${QUINTET_UI_PORT:-18501}"
airflow="airflow-api airflow-scheduler airflow-dag-processor airflow-triggerer"
services="postgres search profile ranker gateway ui s3 mlflow $airflow"
compose() { docker compose --env-file /dev/null "$@"; }
seconds() { echo "$(($(date +%s) - started)) s"; }
quintet() { compose run --rm --no-TTY --no-deps quintet "$@"; }
python_in() { service=$1; shift; compose exec -T "$service" python - "$@"; }
down() { compose --profile '*' down --volumes --timeout 10 >/dev/null 2>&1; }
log=$(mktemp)
trap 'down; rm -f "$log"' EXIT

if [ "${BUILD:-1}" = 1 ]; then compose build --quiet; fi
started=$(date +%s)
# shellcheck disable=SC2086  # several services
compose up --detach --no-build --quiet-pull --wait --wait-timeout 580 $services ${OBSERVE:-} 2>"$log" || {
    cat "$log" >&2
    compose ps --all >&2
    compose logs --tail 20 >&2
    exit 1
}
echo "the stack is healthy after $(seconds)"
compose ps --all --format 'table {{.Service}}\t{{.Status}}'

quintet models register
# The bundle of `setup` has no evaluation of its own for the gate to judge.
quintet models promote 1 --without-gate
started=$(date +%s)
python_in ranker <<'PYTHON'
import re, time, urllib.request

def metrics():
    with urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=5) as answer:
        return answer.read().decode()

def registered(text):
    return "quintet_registry_up 1.0" in text and re.search(r'quintet_version_info\{kind="model",.*"\} 1\.0', text)

for _ in range(200):
    if found := registered(metrics()):
        print("ranker follows the registry:", found[0])
        break
    time.sleep(0.5)
else:
    raise SystemExit("the ranker does not follow the registry")
PYTHON
quintet models list
quintet recommend "hotel california" "back in black" --limit 3

compose exec -T airflow-dag-processor airflow dags list-import-errors
python_in airflow-api <<'PYTHON'
"""Runs catalogue_refresh over the REST API with a file of one new track."""
import json, pathlib, time, urllib.request

API = "http://127.0.0.1:8080"
password = json.loads(pathlib.Path("/run/quintet-secrets/airflow/passwords.json").read_text())["admin"]

def ask(method, path, body=None, token=None):
    request = urllib.request.Request(API + path, method=method, data=body and json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)

token = ask("POST", "/auth/token", {"username": "admin", "password": password})["access_token"]
for _ in range(200):
    dags = sorted(dag["dag_id"] for dag in ask("GET", "/api/v2/dags", token=token)["dags"])
    if len(dags) >= 5:
        break
    time.sleep(1)
print("DAGs:", ", ".join(dags))
header = "track_id,name,artists,album,genre,popularity,duration_ms,explicit,danceability,energy,key,"
header += "loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,time_signature"
row = "7tryStackTrackOfOneRun,Brought In,Somebody,Somewhere,rock,50,200000,false,0.5,0.6,5,"
row += "-7.0,1,0.05,0.1,0.0,0.1,0.5,120.0,4"
file = pathlib.Path("/var/lib/quintet/try-stack.csv")
file.write_text(f"{header}\n{row}\n")
dag = "/api/v2/dags/catalogue_refresh"
ask("PATCH", dag, {"is_paused": False}, token)
started = time.monotonic()
run = ask("POST", f"{dag}/dagRuns", {"logical_date": None, "conf": {"files": [str(file)]}}, token)["dag_run_id"]
while (state := ask("GET", f"{dag}/dagRuns/{run}", token=token)["state"]) in ("queued", "running"):
    if time.monotonic() - started > 240:
        break
    time.sleep(1)
tasks = ask("GET", f"{dag}/dagRuns/{run}/taskInstances", token=token)["task_instances"]
print("catalogue_refresh:", state, "after", round(time.monotonic() - started), "s;",
      ", ".join(f"{task['task_id']} {task['state']}" for task in tasks))
raise SystemExit(state != "success")
PYTHON
quintet search "brought in somebody" | head -n 3

case " ${OBSERVE:-} " in *" prometheus "*)
    compose exec -T prometheus wget -qO- 'http://127.0.0.1:9090/api/v1/targets?state=active' >"$log"
    echo "Prometheus: $(grep -o '"health":"up"' "$log" | wc -l) targets up, $(grep -o '"health":"down"' "$log" | wc -l) down"
    compose exec -T prometheus wget -qO- http://127.0.0.1:9090/api/v1/rules >"$log"
    echo "Prometheus: $(grep -o '"type":"alerting"' "$log" | wc -l) alerts loaded" ;;
esac

# shellcheck disable=SC2086  # several services
for service in $airflow mlflow s3 ${OBSERVE:-} ui gateway ranker profile search postgres; do
    started=$(date +%s)
    container=$(compose ps --quiet "$service")
    compose stop --timeout 10 "$service" >/dev/null 2>&1
    echo "$service stopped in $(seconds), exit code $(docker inspect --format '{{.State.ExitCode}}' "$container")"
done
