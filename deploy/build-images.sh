#!/bin/sh
# Builds the images of deploy/images.txt one after the other and holds each to its budget.
#   build-images.sh [NAME…]
# TAG names them quintet/NAME:TAG (dev); ARGUMENTS goes to `docker build`.
set -eu
cd "$(dirname "$0")/.."
wanted=" $* "
grep -v '^#' deploy/images.txt | while read -r name file target package budget; do
    case "$wanted" in "  " | *" $name "*) ;; *) continue ;; esac
    image=quintet/$name:${TAG:-dev}
    started=$(date +%s)
    # shellcheck disable=SC2086  # several arguments
    DOCKER_BUILDKIT=1 docker build ${ARGUMENTS:-} --quiet --file "$file" \
        --target "$target" --build-arg "SERVICE=$package" --tag "$image" . >/dev/null
    seconds=$(($(date +%s) - started))
    size=$(docker image inspect --format '{{.Size}}' "$image")
    megabytes=$((size / 1000000))
    printf '%-22s %5d MB of %5d, %4d s\n' "$image" "$megabytes" "$budget" "$seconds"
    if [ "$megabytes" -gt "$budget" ]; then
        echo "error: $image is larger than its budget in deploy/images.txt" >&2
        exit 1
    fi
done
