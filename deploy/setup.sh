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

is_known() { # is_known FILE PREFIX: whether the gateway knows the client of that file
    (
        # shellcheck source=/dev/null
        . "$1"
        eval "id=\$${2}ID secret=\$${2}SECRET"
        printf '%s\n' "$secret" | quintet clients check "$id" >/dev/null 2>&1
    )
}

# make_client NAME FILE PREFIX SCOPE…: a client of the gateway, as lines of a shell. It gets a new
# secret if the file is lost, or if it is of another host, as after a restore.
make_client() {
    name=$1 file=$2 prefix=$3
    shift 3
    if [ -s "$file" ] && is_known "$file" "$prefix"; then
        return
    fi
    for scope in "$@"; do
        shift
        set -- "$@" --scope "$scope"
    done
    # Not through a pipe, which would hide that the command failed.
    made=$(quintet clients renew "$name" "$@")
    printf '%s\n' "$made" |
        sed -n -e "s/^client_id  *\(.*\)/export ${prefix}ID=\1/p" \
            -e "s/^client_secret  *\(.*\)/export ${prefix}SECRET=\1/p" >"$file.new"
    mv "$file.new" "$file"
    echo "client $name has a new secret; a container that runs with the old one needs a restart"
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
    # Everybody who reaches the page acts with its scopes. QUINTET_UI_SCOPES may add admin, for the
    # operator's figures and for deleting histories, if a proxy asks for a login.
    # shellcheck disable=SC2086  # a list of words
    make_client page "$secrets/page/client.env" QUINTET_UI_CLIENT_ \
        ${QUINTET_UI_SCOPES:-read feedback library playlists}
    make_client players "$secrets/players/client.env" QUINTET_PLAYERS_CLIENT_ read library
    make_client command "$secrets/command/client.env" CLIENT_ read feedback
    ;;
*)
    echo "usage: setup.sh secrets | home" >&2
    exit 2
    ;;
esac
