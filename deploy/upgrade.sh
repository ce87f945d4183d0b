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
present() { compose ps --all --quiet "$1"; }
# Seconds that callers need to find the new container before the old one stops.
SETTLE="${SETTLE:-2}"

publishes() { [ -n "$(docker port "$(running "$1" | head -n 1)" 2>/dev/null)" ]; }

start_beside() { # start_beside SERVICE COUNT [OPTION…]: COUNT containers; those that run stay as they are
    service=$1 wanted=$2
    shift 2
    compose up --no-build --no-deps --no-recreate --scale "$service=$wanted" "$@" "$service"
}

replace() { # replace SERVICE: its containers one after the other, the new one first
    old=$(running "$1")
    if [ -z "$old" ]; then
        echo "$1 does not run"
        return
    fi
    count=$(echo "$old" | wc -l)
    # While it loads, a container gets a tenth of the processor time of those that answer. The proxy
    # finds a new gateway or page at once, and sends requests as soon as it listens.
    case $1 in gateway | ui) share=1024 ;; *) share=102 ;; esac
    for container in $old; do
        before=$(present "$1")
        start_beside "$1" $((count + 1)) --no-start
        new=$(present "$1" | grep -vxF "$before")
        docker update --cpu-shares "$share" "$new" >/dev/null
        if ! start_beside "$1" $((count + 1)) --detach --wait; then
            docker rm --force "$new" >/dev/null
            echo "error: $1 of the new image did not get healthy and was removed; the old one still answers" >&2
            exit 1
        fi
        docker update --cpu-shares 1024 "$new" >/dev/null
        sleep "$SETTLE"
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
