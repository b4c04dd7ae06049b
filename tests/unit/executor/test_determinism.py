"""The same words in every process: whatever the threads, the hash seed, the processor's features."""

import os
import subprocess
import sys

import pytest

from tests.conftest import DEEP
from tests.unit.executor.same import digest

SETTINGS = {
    "one thread": {"OPG_THREADS": "1", "PYTHONHASHSEED": "0"},
    "two threads": {"OPG_THREADS": "2", "PYTHONHASHSEED": "1"},
    "four threads": {"OPG_THREADS": "4", "PYTHONHASHSEED": "12345"},
    "any processor": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "no wide vectors": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2,+ssse3,+sse4.1,+avx,+avx2,+fma"},
}

if not DEEP:  # the machine code of processors without wide vectors, twice, takes a while to compile
    del SETTINGS["no wide vectors"]


@pytest.fixture(scope="module")
def here():
    return digest()


@pytest.mark.parametrize("name", SETTINGS)
def test_separate_processes_agree(name, here):
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        if "NUMBA_CPU_NAME" in SETTINGS[name]:
            pytest.skip("these feature names are of x86-64")
    env = {**os.environ, "PYTHONPATH": ".", **SETTINGS[name]}
    command = [sys.executable, "-m", "tests.unit.executor.same"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == here
