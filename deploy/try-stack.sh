#!/bin/sh
# Brings core and mlops up with Compose and uses them as one: a model goes to the registry and every
# ranker takes it from there; a run of catalogue_refresh is asked for over Airflow's REST API. Then
# stops each service and removes everything. Uses a separate project; yours is not changed.
#   OBSERVE="prometheus grafana"   also these
#   CELERY=1                       with tasks on a separate worker (deploy/celery.yml)
#   BUILD=0                        with the images that are there
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-quintet-try}" COMPOSE_PROFILES=core,mlops,observe
export QUINTET_GATEWAY_PORT="${QUINTET_GATEWAY_PORT:-18000}" QUINTET_UI_PORT="${QUINTET_UI_PORT:-18501}"
airflow="airflow-api airflow-scheduler airflow-dag-processor airflow-triggerer"
# Where tasks run.
tasks=airflow-scheduler
if [ "${CELERY:-0}" = 1 ]; then
    export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.yml}:deploy/celery.yml"
    tasks=airflow-worker
    airflow="$airflow $tasks broker"
fi
services="postgres search profile ranker memory gateway ui s3 mlflow $airflow"
compose() { docker compose --env-file /dev/null "$@"; }
seconds() { echo "$(($(date +%s) - started)) s"; }
quintet() { compose run --rm --no-TTY --no-deps quintet "$@"; }
python_in() { service=$1; shift; compose exec -T "$service" python - "$@"; }
stop() {
    stopping=$(date +%s%N)
    container=$(compose ps --quiet "$1")
    # Within the time that the service has, of docker-compose.yml.
    compose stop "$1" >/dev/null 2>&1
    tenths=$((($(date +%s%N) - stopping) / 100000000))
    code=$(docker inspect --format '{{.State.ExitCode}}' "$container")
    echo "$1 stopped in $((tenths / 10)).$((tenths % 10)) s, exit code $code"
    [ "$code" = 0 ]
}
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
# The bundle of `setup` has no evaluation that the gate could judge.
quintet models promote 1 --without-gate
started=$(date +%s)
python_in ranker <<'PYTHON'
import re, time, urllib.request

def metrics():
    with urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=5) as answer:
        return answer.read().decode()

def registered(text):
    answers = re.search(r"^quintet_registry_up\{.*\} 1\.0$", text, re.MULTILINE)
    return answers and re.search(r'quintet_version_info\{kind="model",.*"\} 1\.0', text)

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
python_in airflow-api run catalogue_refresh <deploy/ask_airflow.py
quintet search "brought in somebody" | head -n 3

# A task that runs is ended with its scheduler or worker, and tried again by the next one.
run=$(python_in airflow-api start catalogue_refresh <deploy/ask_airflow.py)
stop "$tasks"
compose start --wait "$tasks" >/dev/null 2>&1
python_in airflow-api wait catalogue_refresh "$run" <deploy/ask_airflow.py
if [ "$tasks" = airflow-worker ]; then
    compose logs --no-log-prefix airflow-worker >"$log"
    echo "tasks that the worker took: $(grep -c 'execute_workload.*received' "$log"), ended well: $(grep -c 'succeeded in' "$log")"
fi

# A backup and a drill as DAGs: 200 lists of the restored model are those of this one.
python_in airflow-api run restore_drill <deploy/ask_airflow.py
compose exec -T airflow-api sh -c 'grep -rhoE "[0-9]+ of [0-9]+ lists of [^\" ]+ are the same" logs/dag_id=restore_drill' | sort -u

# A backup of all of it, a drill, and a restore in place: the same lists, the same registry.
backup() { compose run --rm --no-TTY --no-deps backup "$@"; }
backup | tee "$log"
made=$(sed -n 's/^\(\/backups\/[^:]*\):.*/\1/p' "$log")
backup drill
before=$(quintet recommend "hotel california" "back in black" --limit 5)
# shellcheck disable=SC2086  # several services
compose stop gateway ui search profile memory ranker $airflow >/dev/null 2>&1
backup restore --force "$made"
# shellcheck disable=SC2086
compose up --detach --no-build --force-recreate --wait --wait-timeout 300 $services >/dev/null 2>&1
quintet models list
[ "$(quintet recommend "hotel california" "back in black" --limit 5)" = "$before" ] ||
    { echo "error: another list after the restore" >&2; exit 1; }
echo "restored: the same list"

case " ${OBSERVE:-} " in *" prometheus "*)
    compose exec -T prometheus wget -qO- 'http://127.0.0.1:9090/api/v1/targets?state=active' >"$log"
    echo "Prometheus: $(grep -o '"health":"up"' "$log" | wc -l) targets up, $(grep -o '"health":"down"' "$log" | wc -l) down"
    compose exec -T prometheus wget -qO- http://127.0.0.1:9090/api/v1/rules >"$log"
    echo "Prometheus: $(grep -o '"type":"alerting"' "$log" | wc -l) alerts loaded" ;;
esac

for service in $airflow mlflow s3 ${OBSERVE:-} ui gateway ranker memory profile search postgres; do
    stop "$service"
done
