#!/bin/sh
# Starts core with Compose behind a proxy, and replaces the ranker, then all of core, by new images with
# deploy/upgrade.sh, while requests are sent: none may be refused. Uses a separate project; yours is not
# changed.
#   RATE=5      requests a second
#   PROXY=0     without a proxy: the gateway is restarted, so its requests are refused meanwhile
#   BUILD=0     with the images that are there
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-quintet-try}" COMPOSE_PROFILES=core
export QUINTET_GATEWAY_PORT="${QUINTET_GATEWAY_PORT:-18000}" QUINTET_UI_PORT="${QUINTET_UI_PORT:-18501}"
export QUINTET_MLFLOW_URI="${QUINTET_MLFLOW_URI-}" COMPOSE_ENV_FILES=/dev/null
images="search profile memory ranker gateway ui command"
first="${QUINTET_TAG:-dev}"
folder=$(mktemp -d)
proxy=""
address=http://127.0.0.1:$QUINTET_GATEWAY_PORT
if [ "${PROXY:-1}" = 1 ]; then
    export QUINTET_PROXY_FOLDER="$folder" QUINTET_PROXY_ADDRESS="${QUINTET_PROXY_ADDRESS:-127.0.0.1:18443}"
    export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.yml:deploy/proxy.yml}"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
    printf 'me:%s\n' "$(openssl passwd -6 "$(openssl rand -hex 12)")" >"$folder/users.htpasswd"
    # nginx' own user reads them, as mktemp gives the folder to this one alone.
    chmod 755 "$folder"
    chmod 644 "$folder/users.htpasswd"
    address=https://localhost:${QUINTET_PROXY_ADDRESS##*:}
    proxy=proxy
fi
down() {
    docker compose --profile '*' down --volumes --timeout 10 >/dev/null 2>&1
    rm -rf "$folder"
    for name in $images; do docker image rm "quintet/$name:$first-next" >/dev/null 2>&1 || :; done
}
trap down EXIT

if [ "${BUILD:-1}" = 1 ]; then docker compose build --quiet; fi
# The same content with a label: other images for Compose, as those of a new release.
for name in $images; do
    printf 'FROM quintet/%s:%s\nLABEL trial=next\n' "$name" "$first" |
        DOCKER_BUILDKIT=0 docker build --quiet --tag "quintet/$name:$first-next" - >/dev/null
done

# shellcheck disable=SC2086  # a list of words
docker compose up --detach --no-build --quiet-pull --wait --wait-timeout 580 \
    postgres search profile ranker memory gateway ui $proxy >"$folder/up.log" 2>&1 || {
    cat "$folder/up.log" >&2
    docker compose logs --tail 20 >&2
    exit 1
}
docker compose run --rm --no-TTY --no-deps quintet clients create load --scope read >"$folder/client" 2>/dev/null
CLIENT_ID=$(sed -n 's/^client_id  *//p' "$folder/client")
CLIENT_SECRET=$(sed -n 's/^client_secret  *//p' "$folder/client")
export CLIENT_ID CLIENT_SECRET

refused=0
during() { # during NAME COMMAND…: runs it while requests are sent
    name=$1
    shift
    started=$(date +%s)
    rm -f "$folder/ended"
    ( "$@" >"$folder/during.log" 2>&1 || touch "$folder/failed"; touch "$folder/ended" ) &
    echo "$name:"
    python3 deploy/send_requests.py "$address" "${RATE:-5}" "$folder/ended" ${proxy:+"$folder/tls.crt"} || refused=1
    while [ ! -e "$folder/ended" ]; do sleep 1; done
    [ ! -e "$folder/failed" ] || { cat "$folder/during.log" >&2; exit 1; }
    grep -E 'replaced|restarted' "$folder/during.log" || :
    echo "$(($(date +%s) - started)) s"
}
during "no change" true
export QUINTET_TAG="$first-next"
during "a new ranker" deploy/upgrade.sh ranker
during "all of core" deploy/upgrade.sh
for name in search profile memory ranker gateway ui; do
    for container in $(docker compose ps --quiet "$name"); do
        [ "$(docker inspect --format '{{.Config.Image}}' "$container")" = "quintet/$name:$QUINTET_TAG" ] ||
            { echo "error: $name still has the old image" >&2; exit 1; }
    done
done
exit "$refused"
