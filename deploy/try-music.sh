#!/bin/sh
# Starts core and the worker of own music with Compose, adds a folder with one song as the page does,
# waits until it is synced, analysed and found, plays its beginning, and removes everything. Uses a
# separate project; yours is not changed.
#   BUILD=0   with the images that are there
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME="${COMPOSE_PROJECT_NAME:-quintet-try}" COMPOSE_PROFILES=core,music
export QUINTET_GATEWAY_PORT="${QUINTET_GATEWAY_PORT:-18000}" QUINTET_UI_PORT="${QUINTET_UI_PORT:-18501}"
export QUINTET_MLFLOW_URI=""
QUINTET_MUSIC_FOLDER=$(mktemp -d)
export QUINTET_MUSIC_FOLDER
compose() { docker compose --env-file /dev/null "$@"; }
log=$(mktemp)
trap 'compose --profile "*" down --volumes --timeout 10 >/dev/null 2>&1; rm -rf "$log" "$QUINTET_MUSIC_FOLDER"' EXIT

if [ "${BUILD:-1}" = 1 ]; then compose build --quiet; fi
# Twelve seconds of clicks: no free music is part of this repository.
docker run --rm --interactive --network none "quintet/analysis:${QUINTET_TAG:-dev}" python - \
    >"$QUINTET_MUSIC_FOLDER/Quokka - Zebra Crossing.wav" <<'PYTHON'
import io, sys, wave
import numpy as np

time = np.arange(12 * 16_000)
clicks = np.sin(time / 16_000 * 2 * np.pi * 880) * np.exp(-(time % 8_000) / 800)
with wave.open(whole := io.BytesIO(), "wb") as file:
    file.setparams((1, 2, 16_000, 0, "NONE", ""))
    file.writeframes((20_000 * clicks).astype("<i2").tobytes())
sys.stdout.buffer.write(whole.getvalue())
PYTHON
chmod -R a+rX "$QUINTET_MUSIC_FOLDER"

compose up --detach --no-build --quiet-pull --wait --wait-timeout 300 \
    postgres search profile ranker memory gateway ui library 2>"$log" || {
    cat "$log" >&2
    compose logs --tail 20 >&2
    exit 1
}
echo "core and the worker are healthy"
compose exec --no-TTY ui python - <<'PYTHON'
import os, re, sys, time
from pathlib import Path
from quintet_client import Quintet

lines = Path("/run/quintet-secrets/page/client.env").read_text()
page = dict(re.findall(r"^export QUINTET_UI_(\w+)=(.*)$", lines, re.MULTILINE))
address = os.environ["QUINTET_GATEWAY_URL"]
own = {"client_id": page["CLIENT_ID"], "client_secret": page["CLIENT_SECRET"]}
with Quintet(address, **own, timeout=30.0) as quintet:
    quintet.add_source("mine", "folder", "/music", play_allowed=True)
    for _ in range(300):
        time.sleep(1)
        requests = quintet.library().requests
        if any(each.state == "failed" for each in requests):
            break
        if sum(each.state == "done" for each in requests) == 3:
            break
    for each in reversed(requests):
        print(each.action, each.state, each.message)
    if sum(each.state == "done" for each in requests) != 3:
        sys.exit("error: the folder was not added, synced and analysed")
    for _ in range(60):
        found = quintet.search("zebra crossing quokka").tracks
        if found and found[0].track.title == "Zebra Crossing":
            break
        time.sleep(1)
    else:
        sys.exit("error: the song is not found")
    part = quintet.audio(found[0].track.id, "bytes=0-43")
    print("found and played:", found[0].track.title, part.content[:4])
PYTHON
container=$(compose ps --quiet library)
compose stop --timeout 20 library >/dev/null 2>&1
echo "library stopped, exit code $(docker inspect --format '{{.State.ExitCode}}' "$container")"
