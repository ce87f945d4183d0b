#!/bin/sh
# Creates what an installation needs before its services start; each part once.
#   setup.sh secrets   random passwords and keys, so that no default password exists
#   setup.sh home      a catalogue and a model to serve, and clients for the page and the command
# Every folder of /run/quintet-secrets is a separate volume, so a service sees only its secrets.
set -eu
umask 077
secrets=/run/quintet-secrets

random() {
    python -c 'import secrets; print(secrets.token_urlsafe(32), end="")'
}

keep() { # keep FILE: writes standard input to it, whole, unless it is there already
    if [ -s "$1" ]; then
        cat >/dev/null
    else
        cat >"$1.new"
        mv "$1.new" "$1"
    fi
}

make_client() { # make_client NAME FILE PREFIX SCOPE…: a client of the gateway, as lines of a shell
    if [ ! -s "$2" ]; then
        name=$1 file=$2 prefix=$3
        shift 3
        for scope in "$@"; do
            shift
            set -- "$@" --scope "$scope"
        done
        quintet clients create "$name" "$@" |
            sed -n -e "s/^client_id  *\(.*\)/export ${prefix}ID=\1/p" \
                -e "s/^client_secret  *\(.*\)/export ${prefix}SECRET=\1/p" |
            keep "$file"
    fi
}

case "${1:-}" in
secrets)
    random | keep "$secrets/database/password"
    # libpq reads this by PGPASSFILE: no address and no environment holds the password.
    printf 'postgres:5432:*:quintet:%s\n' "$(cat "$secrets/database/password")" |
        keep "$secrets/database/pgpass"
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
        "$(random)" "$(random)" | keep "$secrets/s3/credentials"
    key=$(sed -n 's/^aws_access_key_id = //p' "$secrets/s3/credentials")
    secret=$(sed -n 's/^aws_secret_access_key = //p' "$secrets/s3/credentials")
    printf '{"identities": [{"name": "quintet", "actions": ["Admin"],
 "credentials": [{"accessKey": "%s", "secretKey": "%s"}]}]}\n' "$key" "$secret" |
        keep "$secrets/s3/identities.json"
    random | keep "$secrets/airflow/jwt"
    printf '{"admin": "%s"}\n' "$(random)" | keep "$secrets/airflow/passwords.json"
    random | keep "$secrets/grafana/password"
    # Grafana's own user reads it, and nobody else mounts that volume.
    chmod 755 "$secrets/grafana"
    chmod 644 "$secrets/grafana/password"
    ;;
home)
    quintet prepare
    # The page shows figures to the operator and adds music, so it needs more scopes than `read`.
    make_client page "$secrets/page/client.env" QUINTET_UI_CLIENT_ read feedback library admin
    make_client players "$secrets/players/client.env" QUINTET_PLAYERS_CLIENT_ read library
    make_client command "$secrets/command/client.env" CLIENT_ read feedback
    ;;
*)
    echo "usage: setup.sh secrets | home" >&2
    exit 2
    ;;
esac
