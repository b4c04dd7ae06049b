"""The compiler is the one that the deployed bytecode is made with."""

import os
import subprocess
from pathlib import Path

import solcx

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "f401782d"
FOLDER = os.environ.get("SOLCX_BINARY_PATH") or str(ROOT / ".venv" / "solc")


def test_py_solc_x_finds_the_pinned_version_and_commit(monkeypatch):
    monkeypatch.setenv("SOLCX_BINARY_PATH", FOLDER)
    solcx.set_solc_version("0.8.37")
    version = solcx.get_solc_version(with_commit_hash=True)
    assert str(version).removesuffix(".Emscripten.clang") == f"0.8.37+commit.{COMMIT}"


def test_the_npm_compiler_itself_reports_that_commit():
    shim = ["node", str(ROOT / "scripts" / "solc" / "shim.cjs"), "--compiler-version"]
    assert subprocess.run(shim, capture_output=True, text=True, check=True).stdout.startswith(f"0.8.37+commit.{COMMIT}")


def test_the_shim_says_what_it_cannot_do():
    shim = ["node", str(ROOT / "scripts" / "solc" / "shim.cjs"), "--bin"]
    done = subprocess.run(shim, capture_output=True, text=True)
    assert done.returncode == 1 and "--standard-json" in done.stderr
