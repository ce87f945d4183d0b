#!/bin/sh
# Installs Debian's packages of tests/programs.txt that are missing; says so where it cannot.
set -eu
cd "$(dirname "$0")"
missing=""
for each in $(grep -v '^#' programs.txt); do
  case "$(dpkg-query --show --showformat '${Status}' "$each" 2>/dev/null || true)" in
    *" installed") ;;
    *) missing="$missing $each" ;;
  esac
done
[ -n "$missing" ] || exit 0
run=""
[ "$(id -u)" = 0 ] || run="sudo --non-interactive"
# shellcheck disable=SC2086  # lists of words
if ! { command -v apt-get >/dev/null && $run apt-get update -qq &&
  $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; }; then
  echo "could not install:$missing; the tests that need them are skipped" >&2
fi
