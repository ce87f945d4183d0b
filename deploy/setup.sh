#!/bin/sh
# What an installation needs before its services start; each part is made once and then left alone.
#   setup.sh secrets   random passwords, into /run/quintet-secrets (no default password exists)
#   setup.sh home      a catalogue and a model to serve, and the page's client
set -eu
umask 077
secrets=/run/quintet-secrets

random() {
    python -c 'import secrets; print(secrets.token_urlsafe(32), end="")'
}

keep() { # keep FILE: standard input, unless FILE is there already; appears whole
    if [ ! -s "$1" ]; then
        cat >"$1.new"
        mv "$1.new" "$1"
    fi
}

case "${1:-}" in
secrets)
    for name in postgres s3-access-key s3-secret-key grafana airflow-jwt airflow-admin; do
        random | keep "$secrets/$name"
    done
    # libpq reads this by PGPASSFILE, so no address and no environment holds a password.
    printf 'postgres:5432:*:quintet:%s\n' "$(cat "$secrets/postgres")" | keep "$secrets/pgpass"
    ;;
home)
    quintet prepare
    if [ ! -s "$secrets/page.env" ]; then
        # The page shows figures to whoever is in charge, so it may do more than read.
        quintet clients create page --scope read --scope feedback --scope admin |
            sed -n -e 's/^client_id  *\(.*\)/export QUINTET_UI_CLIENT_ID=\1/p' \
                -e 's/^client_secret  *\(.*\)/export QUINTET_UI_CLIENT_SECRET=\1/p' |
            keep "$secrets/page.env"
    fi
    ;;
*)
    echo "usage: setup.sh secrets | home" >&2
    exit 2
    ;;
esac
