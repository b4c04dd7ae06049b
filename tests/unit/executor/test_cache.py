"""Compiled kernels are kept in the user's cache folder, and a first call says so."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import numpy as np
from opg.tensor import execute
from opg.tensor.program import Access, Kind, Op, Program
op = Op(Kind.MAP, 1, (3,), (), (Access(0, (1,)), Access(0, (1,))))
print(execute(Program((3,), [], [op.encode()], (0,)), [np.array([0, 0x3F800000, 0x7F800001], dtype=np.uint32)])[0].tolist())
"""
RIGHT = str([0, 0x40000000, 0x7FC00000])


def run(cache: Path) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": ".", "XDG_CACHE_HOME": str(cache)}
    env.pop("NUMBA_CACHE_DIR", None)
    return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env, check=True)


def test_only_the_first_process_compiles_and_says_so(tmp_path):
    first = run(tmp_path)
    kept = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.nbc")}
    second = run(tmp_path)
    assert first.stdout.strip() == second.stdout.strip() == RIGHT
    assert "compiling the tensor kernels, once" in first.stderr and not second.stderr
    assert kept and kept == {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.nbc")}


def test_without_a_folder_every_process_compiles(tmp_path):
    (tmp_path / "opg").write_text("a file is in the way")
    done = run(tmp_path)
    assert done.stdout.strip() == RIGHT and "they cannot be kept" in done.stderr


def test_nothing_is_kept_in_the_package():
    assert not list(Path("opg/tensor").rglob("*.nbi"))
