#!/bin/sh
# Chooses what one image needs, from the lock: TARGET/requirements.txt has the dependencies with
# their hashes, TARGET/packages our packages. Run in the folder of uv.lock.
#   choose.sh SERVICE EXTRA TARGET
set -eu
service=$1 extra=$2 target=$3
# Commands that work on an installation need more than those that ask a gateway.
if [ "$service" = command ]; then extra="operator${extra:+ $extra}"; fi
set --
for each in $extra; do set -- "$@" --extra "$each"; done
export_lock() {
    uv export --quiet --frozen --no-default-groups --no-annotate --no-header \
        --package "quintet-$service" "$@"
}
mkdir -p "$target/packages"
export_lock "$@" --no-emit-workspace --output-file "$target/requirements.txt" >/dev/null
export_lock "$@" --no-hashes --only-emit-workspace | sed -n 's/^-e //p' >"$target/packages/members"
while read -r member; do
    cp -R --parents "$member" "$target/packages"
done <"$target/packages/members"
