#!/bin/sh
# Starts the profile core with Compose, recommends through it, kills a ranker with SIGKILL, waits
# until it is back, and removes everything. Uses a separate project; yours is not changed.
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-quintet-try}" COMPOSE_PROFILES=core
export QUINTET_GATEWAY_PORT="${QUINTET_GATEWAY_PORT:-18000}" QUINTET_UI_PORT="${QUINTET_UI_PORT:-18501}"
# Your registry if one is set; otherwise rankers serve what `setup` published.
export QUINTET_MLFLOW_URI="${QUINTET_MLFLOW_URI-}"
compose() { docker compose --env-file /dev/null "$@"; }
seconds() { echo "$(($(date +%s) - started)) s"; }
state() { docker inspect --format "$1" "$(compose ps --all --quiet ranker)"; }
down() { compose --profile '*' down --volumes --timeout 10 >/dev/null 2>&1; }
log=$(mktemp)
trap 'down; rm -f "$log"' EXIT

started=$(date +%s)
if [ "${BUILD:-1}" = 1 ]; then
    compose build --quiet
    echo "built in $(seconds)"
fi
started=$(date +%s)
compose up --detach --no-build --quiet-pull --wait --wait-timeout 300 \
    postgres search profile ranker memory gateway ui 2>"$log" || {
    cat "$log" >&2
    compose logs --tail 20 >&2
    exit 1
}
echo "core is healthy after $(seconds)"
compose ps --all --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'

compose run --rm --no-TTY --no-deps quintet search "bohemian rhapsody" | head -n 4
compose run --rm --no-TTY --no-deps quintet recommend "hotel california" "back in black" --limit 5

killed=$(state '{{.State.Pid}}')
started=$(date +%s)
if [ "$(id -u)" = 0 ]; then kill -9 "$killed"; else sudo kill -9 "$killed"; fi
while [ "$(state '{{.State.Pid}} {{.State.Health.Status}}')" = "$killed healthy" ] ||
    [ "$(state '{{.State.Health.Status}}')" != healthy ]; do
    [ $(($(date +%s) - started)) -lt 120 ] || { echo "error: the ranker did not come back" >&2; exit 1; }
    sleep 0.5
done
echo "ranker was killed, and is healthy again after $(seconds); restarts: $(state '{{.RestartCount}}')"
compose run --rm --no-TTY --no-deps quintet recommend "everlong foo fighters" --limit 3

for service in ui gateway ranker memory profile search; do
    started=$(date +%s)
    container=$(compose ps --quiet "$service")
    compose stop --timeout 10 "$service" >/dev/null 2>&1
    echo "$service stopped in $(seconds), exit code $(docker inspect --format '{{.State.ExitCode}}' "$container")"
done
