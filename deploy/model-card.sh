#!/usr/bin/env bash
# Trains on a folder with tracks.parquet and playlists.parquet, in a separate home and registry,
# promotes it where the gate lets it through, and writes its card. Usage: model-card.sh DATA HOME CARD [KIND]
set -euo pipefail
data=$1 card=$3
mkdir -p "$2/mlflow"
home=$(cd "$2" && pwd)
port=$(python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export QUINTET_HOME=$home QUINTET_DATABASE_URL='' QUINTET_MLFLOW_URI=http://127.0.0.1:$port

MLFLOW_BACKEND_STORE_URI=sqlite:///$home/mlflow/mlflow.db MLFLOW_ARTIFACTS_DESTINATION=$home/mlflow/artifacts \
  python -m quintet_command.registry_server 127.0.0.1 "$port" > "$home/mlflow.log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true' EXIT
until python -c "import httpx; httpx.get('$QUINTET_MLFLOW_URI/health', trust_env=False).raise_for_status()" 2> "$home/waiting.log"; do
  kill -0 $server 2> /dev/null || { tail -3 "$home/mlflow.log" >&2; trap - EXIT; exit 1; }
  sleep 0.5
done
# As `make eval` does: the folder `kinds`, if there is one, has more tracks and playlists of other kinds.
more=()
[ ! -f "$data/kinds/playlists.parquet" ] || more=("$data/kinds/tracks.parquet")
quintet catalog import "$data/tracks.parquet" "${more[@]}"
quintet playlists import "$data/playlists.parquet" --kind "${4:-genre}"
[ ! -f "$data/kinds/playlists.parquet" ] || quintet playlists import "$data/kinds/playlists.parquet"
# What an earlier run has done already is not done again.
model=$(quintet train --no-register --json | tail -1 | python -c 'import json, sys; print(json.load(sys.stdin)["version"])')
[ -s "$home/report.json" ] ||
  quintet evaluate --json "$home/report.json" --html "$home/report.html" --metrics "$home/metrics.json"
quintet models register "$model" --metrics "$home/metrics.json" \
  --artefact "$home/report.json" --artefact "$home/report.html"
quintet models promote "$model"
quintet models card --out "$card"
