"""Constants behind a product become its weights; what somebody else reads, or what would lose by it, stays."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import helper

from opg.tensor.program import Kind
from tests.onnx_models import compare, onnx_file

RNG = np.random.default_rng(3)


def array(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def node(op: str, given: list[str], made: str, **attributes: object):
    return helper.make_node(op, given, [made], **attributes)


def kinds(nodes, inputs, outputs, constants) -> Counter:
    """Kinds of the ops that are left of it; the answers are onnxruntime's."""
    compiled = compare(onnx_file(nodes, inputs, outputs, constants), inputs)
    ops = [compiled.program.op(i) for i in range(len(compiled.program.encoded))]
    return Counter(Kind(op.kind).name for op in ops)


IMAGE = {"x": array(1, 3, 6, 5)}
NORMALISED = {
    "w": array(4, 3, 1, 1),
    "c": array(4),
    "s": array(4),
    "t": array(4),
    "m": array(4),
    "v": np.abs(array(4)) + 1,
}


def test_a_normalisation_behind_a_convolution_is_gone():
    nodes = [node("Conv", ["x", "w", "c"], "y"), node("BatchNormalization", ["y", "s", "t", "m", "v"], "z")]
    assert kinds(nodes, IMAGE, ["z"], NORMALISED)["MAP"] == 0


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_scale_for_each_channel_or_one_for_all(groups):
    image, weights = (
        {"x": array(1, 4, 6, 5)},
        {"w": array(8, 4 // groups, 3, 3), "two": np.float32(2), "s": array(8, 1, 1)},
    )
    nodes = [node("Conv", ["x", "w"], "y", group=groups, pads=[1, 1, 1, 1]), node("Mul", ["two", "y"], "z")]
    assert kinds(nodes, image, ["z"], weights)["MAP"] == 0
    nodes[1:] = [node("Mul", ["y", "s"], "z")]
    assert kinds(nodes, image, ["z"], weights)["MAP"] <= (groups != 1)


def test_scales_and_shifts_one_after_another():
    inputs, constants = {"x": array(3, 8)}, {"w": array(8, 5), "s": array(5), "t": array(1), "u": np.float32(7)}
    nodes = [
        node("MatMul", ["x", "w"], "a"),
        node("Add", ["a", "s"], "b"),
        node("Mul", ["b", "u"], "c"),
        node("Add", ["t", "c"], "d"),
        node("Mul", ["d", "s"], "y"),
    ]
    assert kinds(nodes, inputs, ["y"], constants) == {"CONTRACT": 1}


def test_what_somebody_else_reads_stays():
    """GELU's halves: else the product would be computed twice."""
    inputs, constants = {"x": array(3, 8)}, {"w": array(8, 5), "r": np.float32(1.4142135)}
    nodes = [
        node("MatMul", ["x", "w"], "a"),
        node("Div", ["a", "r"], "b"),
        node("Erf", ["b"], "c"),
        node("Mul", ["a", "c"], "y"),
    ]
    assert kinds(nodes, inputs, ["y"], constants) == {"CONTRACT": 1, "MAP": 3}


def test_an_output_stays():
    inputs, constants = {"x": array(3, 8)}, {"w": array(8, 5), "u": np.float32(7)}
    nodes = [node("MatMul", ["x", "w"], "a"), node("Mul", ["a", "u"], "b")]
    assert kinds(nodes, inputs, ["a", "b"], constants) == {"CONTRACT": 1, "MAP": 1}


@pytest.mark.parametrize("shape", [(3, 1), (3, 5)])
def test_a_scale_of_rows_stays(shape):
    inputs, constants = {"x": array(3, 8)}, {"w": array(8, 5), "s": array(*shape)}
    nodes = [node("MatMul", ["x", "w"], "a"), node("Mul", ["a", "s"], "b")]
    assert kinds(nodes, inputs, ["b"], constants) == {"CONTRACT": 1, "MAP": 1}


@pytest.mark.parametrize("scale", [1e38, 1e-38, float("inf"), float("nan")])
def test_a_scale_that_would_lose_stays(scale):
    inputs, constants = {"x": array(3, 8)}, {"w": array(8, 5) * 1e4, "s": np.float32(scale)}
    constants["w"][0, 0] = 1e-4
    nodes = [node("MatMul", ["x", "w"], "a"), node("Mul", ["a", "s"], "b")]
    assert kinds(nodes, inputs, ["b"], constants) == {"CONTRACT": 1, "MAP": 1}


def test_scales_behind_each_other_are_one():
    inputs, constants = {"x": array(3, 8)}, {"six": np.float32(6), "s": np.float32(0.7), "t": np.float32(0.3)}
    nodes = [
        node("Div", ["x", "six"], "a"),
        node("Mul", ["s", "a"], "b"),
        node("Div", ["b", "t"], "y"),
    ]
    assert kinds(nodes, inputs, ["y"], constants) == {"MAP": 1}


def test_a_number_divided_by_a_result_is_no_scale():
    inputs, constants = {"x": np.abs(array(3, 8)) + 1}, {"six": np.float32(6), "s": np.float32(0.7)}
    nodes = [node("Div", ["six", "x"], "a"), node("Mul", ["a", "s"], "y")]
    assert kinds(nodes, inputs, ["y"], constants) == {"MAP": 2}
    nodes = [node("Mul", ["x", "six"], "a"), node("Div", ["s", "a"], "y")]
    assert kinds(nodes, inputs, ["y"], constants) == {"MAP": 2}


PADDED = {"w": array(5, 4, 3, 3), "d": array(4, 1, 3, 3), "c": array(5)}


@pytest.mark.parametrize("weights,groups", [("w", 1), ("d", 4)])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_what_a_convolution_reads_is_scaled_and_shifted_in_its_weights(weights, groups, pads):
    """Also at its border, where there is nothing to shift."""
    nodes = [
        node("Tanh", ["x"], "a"),
        node("Mul", ["a", "two"], "b"),
        node("Add", ["one", "b"], "e"),
        node("Div", ["e", "two"], "f"),
        node("Sub", ["f", "one"], "g"),
        node("Conv", ["g", weights], "y", group=groups, pads=pads),
    ]
    image = {"x": array(1, 4, 6, 5)}
    found = kinds(nodes, image, ["y"], PADDED | {"two": np.float32(1.7), "one": np.float32(0.6)})
    assert found["MAP"] == 1 and found["CONTRACT"] == 1


def test_an_input_is_normalised_by_the_first_weights():
    nodes = [node("Mul", ["x", "s"], "a"), node("Add", ["a", "t"], "b"), node("MatMul", ["b", "w"], "y")]
    constants = {"s": np.float32(0.3), "t": np.float32(-1.5), "w": array(6, 4)}
    assert kinds(nodes, {"x": array(3, 6)}, ["y"], constants) == {"CONTRACT": 1}


def test_one_product_for_two_is_no_weight():
    nodes = [node("Mul", ["x", "s"], "a"), node("MatMul", ["a", "z"], "y")]
    given = {"x": array(3, 6), "z": array(6, 4)}
    assert kinds(nodes, given, ["y"], {"s": np.float32(0.3)})["MAP"] == 1


def test_a_shift_that_two_products_read_stays():
    nodes = [
        node("Add", ["x", "s"], "a"),
        node("MatMul", ["a", "w"], "y"),
        node("MatMul", ["a", "v"], "z"),
    ]
    constants = {"s": np.float32(0.3), "w": array(6, 4), "v": array(6, 4)}
    assert kinds(nodes, {"x": array(3, 6)}, ["y", "z"], constants)["MAP"] == 1


@pytest.mark.parametrize("shift", [np.array([0.5, 1, 2], np.float32), np.float32(np.inf), np.float32(3e38)])
def test_a_shift_that_is_not_one_ordinary_number_stays(shift):
    nodes = [node("Relu", ["x"], "a"), node("Add", ["a", "s"], "b"), node("MatMul", ["b", "w"], "y")]
    constants = {"s": shift, "w": np.full((3, 4), 7, np.float32)}
    assert kinds(nodes, {"x": array(5, 3)}, ["y"], constants)["MAP"] == 2


@pytest.mark.parametrize("nodes,maps", [
    ([node("Clip", ["x", "zero", "six"], "y")], 1),
    ([node("Max", ["zero", "x"], "a"), node("Min", ["six", "a"], "y")], 1),
    ([node("HardSwish", ["x"], "y")], 4),
    ([node("Max", ["zero", "x"], "a"), node("Min", ["x", "a"], "y")], 2),
])  # fmt: skip
def test_two_bounds_are_one_clamp(nodes, maps):
    given = {"x": np.array([[-7, -0.0, 0, 3, 6, 9, np.inf, np.nan]], np.float32)}
    assert kinds(nodes, given, ["y"], {"zero": np.float32(0), "six": np.float32(6)}) == {"MAP": maps}
