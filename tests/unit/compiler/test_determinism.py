"""The same file gives the same program, and the same input the same answer, in every process."""

import os
import subprocess
import sys

import numpy as np
import pytest
from onnx import helper

from tests.models import DIGITS, MAGIKA, OCR, SILERO
from tests.onnx_models import onnx_file

CODE = """
import sys
import numpy as np
from opg.tensor import bundle, compile_onnx, execute
from tests import models
model = getattr(models, sys.argv[1])
compiled = model.compile()
given = next(iter(model.inputs()))
words = execute(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
print(compiled.program.root.hex(), bundle(words).hex())
"""
DEEP = os.environ.get("OPG_DEEP") == "1"
MODELS = {"DIGITS": DIGITS, "MAGIKA": MAGIKA} | ({"SILERO": SILERO, "OCR": OCR} if DEEP else {})


@pytest.mark.parametrize("name", MODELS)
def test_program_and_output_roots_are_the_same_in_every_process(name):
    MODELS[name].load()  # skips where the wheel is absent
    seen = set()
    for seed in ("0", "1", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", CODE, name], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


def test_constants_are_folded_by_the_machine_not_by_numpy():
    """numpy's own exp differs between processors; the compiler's is that of the functions' page."""
    from opg.tensor import compile_onnx
    from opg.tensor.functions import Fn, apply

    x = np.linspace(-80, 80, 4_001).astype(np.float32)
    nodes = [helper.make_node("Exp", ["c"], ["e"]), helper.make_node("Mul", ["x", "e"], ["y"])]
    compiled = compile_onnx(onnx_file(nodes, {"x": x}, ["y"], {"c": x}))
    assert len(compiled.program.encoded) == 1
    assert np.array_equal(compiled.program.constants[0], apply(Fn.EXP, x.view(np.uint32)))


def test_shapes_are_computed_in_64_bits():
    """An end of 2^63 - 1, as exporters write it, and products beyond 32 bits."""
    from opg.tensor import compile_onnx

    nodes = [
        helper.make_node("Mul", ["big", "big"], ["square"]),
        helper.make_node("Div", ["square", "big"], ["end"]),
        helper.make_node("Slice", ["x", "start", "end"], ["a"]),
        helper.make_node("Slice", ["a", "start", "limit"], ["y"]),
    ]
    x = np.arange(6, dtype=np.float32)
    constants = {"big": np.array([1 << 31]), "start": np.array([1]), "limit": np.array([(1 << 63) - 1])}
    compiled = compile_onnx(onnx_file(nodes, {"x": x}, ["y"], constants))
    assert compiled.outputs[0].shape == (4,) and len(compiled.program.encoded) == 1
