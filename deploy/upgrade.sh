#!/bin/sh
# Replaces the containers of Compose by those of new images, one service after the other, so that
# requests are answered meanwhile: a new container starts beside each old one, and the old one stops
# once the new one is healthy. docs/how-to/upgrade.md has what to do before and after.
#
#   deploy/upgrade.sh [SERVICE…]     all of core if no service is named
#
# The gateway is replaced in the same way if a proxy is in front of it (deploy/proxy.yml). If it
# publishes a port of this machine, a second one cannot start, and it is restarted last.
set -eu
cd "$(dirname "$0")/.."
compose() { docker compose "$@"; }
running() { compose ps --quiet "$1"; }
# Seconds that callers need to find the new container before the old one stops.
SETTLE="${SETTLE:-2}"

publishes() { [ -n "$(docker port "$(running "$1" | head -n 1)" 2>/dev/null)" ]; }

replace() { # replace SERVICE: new containers first
    old=$(running "$1")
    count=$(echo "$old" | wc -l)
    if [ -z "$old" ]; then
        echo "$1 does not run"
        return
    fi
    compose up --detach --no-build --no-deps --no-recreate --wait --scale "$1=$((2 * count))" "$1"
    sleep "$SETTLE"
    for container in $old; do
        docker stop "$container" >/dev/null
        docker rm "$container" >/dev/null
    done
    echo "$1: $count replaced"
}

restart() { # restart SERVICE: the old container stops before the new one starts
    compose up --detach --no-build --no-deps --wait "$1"
    echo "$1: restarted"
}

# Migrates the database and publishes what is missing; services of the release before go on.
if [ $# = 0 ]; then
    compose up --no-build --no-deps --exit-code-from setup setup
    set -- search profile memory ranker gateway ui
fi
for service in "$@"; do
    if publishes "$service"; then restart "$service"; else replace "$service"; fi
done
