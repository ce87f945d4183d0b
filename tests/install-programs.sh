#!/bin/sh
# Installs Debian's packages of tests/programs.txt that are missing; says so where it cannot.
set -eu
cd "$(dirname "$0")"
missing=""
for each in $(grep -v '^#' programs.txt); do
  # A program from elsewhere is as good: Node.js of NodeSource brings npm, and excludes the package.
  case "$(dpkg-query --show --showformat '${Status}' "$each" 2>/dev/null || true)" in
    *" installed") ;;
    *) command -v "$each" >/dev/null || missing="$missing $each" ;;
  esac
done
[ -n "$missing" ] || exit 0
run=""
[ "$(id -u)" = 0 ] || run="sudo --non-interactive"
install() {
  # Another installation may hold dpkg's lock for minutes.
  $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@"
}
failed=$missing
if command -v apt-get >/dev/null && $run apt-get update -qq; then
  failed=""
  # One that cannot be installed must not keep the others out.
  for each in $missing; do
    install "$each" || failed="$failed $each"
  done
fi
[ -z "$failed" ] ||
  echo "could not install:$failed; the tests that need them are skipped" >&2
