"""Models that onnxruntime's own quantiser made of float ones: integer products, the same answers."""

import logging

import numpy as np
import pytest
from onnx import helper

from opg.tensor import compile_onnx
from opg.tensor.functions import Fn
from opg.tensor.program import Kind
from tests.models import DIGITS, MAGIKA
from tests.onnx_models import onnx_file, run

logging.getLogger().setLevel(logging.ERROR)


def quantised(data: bytes, how: str, given: list, folder) -> bytes:
    """The file that `onnxruntime.quantization` writes, calibrated on these inputs."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        rest = iter(given)

        def get_next(self):
            return next(self.rest, None)

    source, target = folder / "float.onnx", folder / "integer.onnx"
    source.write_bytes(data)
    if how == "dynamic":
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
    else:
        quantize_static(source, target, Reader(), quant_format=QuantFormat[how], per_channel=True)
    return target.read_bytes()


def compare(data: bytes, bindings: dict, given: list, least: float) -> int:
    """Holds all answers to onnxruntime's: the same top-1, off by at most a step. Returns how many products are of integers."""
    import onnxruntime

    session, compiled = onnxruntime.InferenceSession(data), compile_onnx(data, bindings)
    for inputs in given:
        for got, want in zip(run(compiled, inputs), session.run(None, inputs), strict=True):
            assert np.array_equal(got.argmax(-1), want.argmax(-1))
            assert np.abs(got - want).max() <= least * np.abs(want).max()
    ops = [compiled.program.op(i) for i in range(len(compiled.program.encoded))]
    return sum(op.kind == Kind.CONTRACT and op.fn == Fn.IMUL for op in ops)


@pytest.mark.parametrize("how, products", [("dynamic", 3), ("QOperator", 3), ("QDQ", 0)])
def test_digits(how, products, tmp_path):
    given = list(DIGITS.inputs())[:20]
    data = quantised(DIGITS.load(), how, given, tmp_path)
    assert compare(data, DIGITS.bindings, given, 1e-5 if how == "dynamic" else 1 / 128) == products


@pytest.mark.parametrize("how, products", [("dynamic", 3), ("QOperator", 3)])
def test_a_small_network_of_convolutions(how, products, tmp_path):
    rng = np.random.default_rng(1)

    def weights(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1], name="first"),
        helper.make_node("Relu", ["a"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "v"], ["c"], group=8, strides=[2, 2], name="depthwise"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flat"),
        helper.make_node("MatMul", ["f", "m"], ["y"], name="last"),
    ]
    constants = {"w": weights(8, 3, 3, 3), "b": weights(8), "v": weights(8, 1, 3, 3), "m": weights(8, 6)}
    given = [{"x": rng.normal(size=(1, 3, 10, 10)).astype(np.float32)} for _ in range(8)]
    data = quantised(onnx_file(nodes, given[0], ["y"], constants, opset=17), how, given, tmp_path)
    assert compare(data, {}, given, 1e-4 if how == "dynamic" else 1 / 64) == products


def test_magika(tmp_path):
    given = list(MAGIKA.inputs())[:2]
    assert compare(quantised(MAGIKA.load(), "dynamic", given, tmp_path), MAGIKA.bindings, given, 1e-3) == 3
