#!/usr/bin/env bash
# Makes .venv, node_modules and the compiler, once; does it again only when a lock file changes.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "python3 is missing. Install Python 3.11 (Debian: apt-get install python3 python3-venv)."
"$python" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 13)))' ||
  fail "$("$python" --version) is not supported. Install Python 3.11 or 3.12, or name it: make PYTHON=python3.11 …"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "Python has no venv module. Debian: apt-get install python3-venv."
command -v node >/dev/null || fail "Node is missing. Install Node 20 or newer."
command -v npm >/dev/null || fail "npm is missing. Install npm (Debian: apt-get install npm)."
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  fail "Node $(node --version) is too old. Install Node 20 or newer."

stamp() { cat "$@" scripts/setup.sh | sha256sum | cut -d' ' -f1; }

want=$(stamp requirements.lock pyproject.toml)
if [ "$(cat .venv/.stamp 2>/dev/null || true)" != "$want" ]; then
  echo "setup: Python packages into .venv (a few minutes the first time)"
  "$python" -m venv .venv
  # mypyc's wheel of Brownie crashes on state machines and default networks: build it pure
  BROWNIE_LIB=1 BROWNIE_NOCOMPILE=1 .venv/bin/python -m pip install --disable-pip-version-check --require-hashes \
    --no-binary eth-brownie -r requirements.lock | { grep -v '^Requirement already' || true; } ||
    fail "the Python packages did not install: read what pip says above, then run make setup again."
  .venv/bin/python -c 'import brownie, numba, onnx, pyrevm, web3' ||
    fail "the Python packages are there but cannot be used: remove .venv and run make setup again."
  .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
  echo "$want" >.venv/.stamp
fi

want=$(stamp package.json package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$want" ]; then
  echo "setup: compiler, anvil and OpenZeppelin into node_modules"
  npm ci --no-audit --no-fund --ignore-scripts
  echo "$want" >node_modules/.stamp
fi

solc=.venv/solc/solc-v0.8.37
if [ ! -x "$solc" ]; then
  mkdir -p .venv/solc
  echo "setup: solc 0.8.37, by py-solc-x or, when that has no network, from npm"
  if ! SOLCX_BINARY_PATH="$PWD/.venv/solc" timeout 60 .venv/bin/python -c 'import solcx; solcx.install_solc("0.8.37")' >/dev/null 2>&1; then
    rm -rf "$solc"
    printf '#!/bin/sh\nexec node "$(dirname "$0")/../../scripts/solc/shim.cjs" "$@"\n' >"$solc"
    chmod +x "$solc"
  fi
fi
