"""The same words in every process: whatever the threads, the hash seed, the processor's features, the version of numpy.

For other versions of numpy name folders that hold one each, like a path:

    pip install --no-deps --target ../numpy/2.0.2 numpy==2.0.2
    OPG_NUMPY_SITES=../numpy/2.0.2:../numpy/1.26.4 pytest tests/unit/executor/test_determinism.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DEEP
from tests.unit.executor.roots import roots
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


SITES = [Path(site).resolve() for site in os.environ.get("OPG_NUMPY_SITES", "").split(os.pathsep) if site]


@pytest.mark.skipif(
    not SITES, reason="name folders with other versions of numpy: OPG_NUMPY_SITES, see the head of this file"
)
@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_versions_of_numpy_agree(site):
    path = os.pathsep.join([str(site), ".", os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.unit.executor.roots"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)
    assert Path(theirs["file"]).is_relative_to(site) and theirs["version"] != np.__version__, "this is our own numpy"
    assert theirs["roots"] == roots()
