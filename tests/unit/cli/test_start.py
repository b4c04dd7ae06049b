"""A command loads what it needs, when it needs it."""

import subprocess
import sys


def test_the_command_line_itself_loads_no_web3_and_no_numba():
    loaded = "import sys, opg.cli; print(*sorted({'numba', 'onnx', 'web3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
