#!/bin/sh
# Runs `quintet …` inside an installation, with a fresh access token of the command's own client.
set -eu
client=/run/quintet-secrets/command/client.env
if [ -s "$client" ]; then
    # shellcheck source=/dev/null
    . "$client"
    QUINTET_TOKEN=$(
        CLIENT_ID=$CLIENT_ID CLIENT_SECRET=$CLIENT_SECRET python - <<'PYTHON'
import os
import httpx

try:
    answer = httpx.post(
        os.environ["QUINTET_GATEWAY_URL"] + "/api/token",
        data={"grant_type": "client_credentials"},
        auth=(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]),
        timeout=60,
    )
    print(answer.json().get("access_token", ""))
except (httpx.HTTPError, ValueError):
    pass  # There is no gateway: the command itself says so.
PYTHON
    )
    export QUINTET_TOKEN
    unset CLIENT_ID CLIENT_SECRET
fi
# shellcheck source=deploy/registry.sh
. /app/registry.sh
exec quintet "$@"
