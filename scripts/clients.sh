#!/usr/bin/env bash
# Makes .venv/clients: the opengradient SDK and Triton's client, unmodified, with all that they want and nothing of ours: requirements-clients.lock.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.venv/clients
want=$(cat requirements-clients.lock scripts/clients.sh | sha256sum | cut -d' ' -f1)
[ "$(cat $folder/.stamp 2>/dev/null || true)" != "$want" ] || exit 0
echo "clients: the opengradient SDK and tritonclient into $folder"
.venv/bin/python -m venv --clear $folder
$folder/bin/python -I -m pip install --disable-pip-version-check --quiet --retries 2 --timeout 20 --only-binary :all: --require-hashes \
  -r requirements-clients.lock || {
  echo "clients: they could not be fetched: read what pip says above" >&2
  exit 1
}
echo "$want" >$folder/.stamp
