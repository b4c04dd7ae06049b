"""Operators in shapes that ONNX's own tests do not have, against onnxruntime."""

import numpy as np
import pytest
from onnx import helper

from opg.tensor import compile_onnx
from tests.onnx_models import compare, onnx_file, run

node = helper.make_node


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


CONVOLUTIONS = [
    dict(x=(1, 3, 9, 8), w=(4, 3, 3, 3), pads=[1, 1, 1, 1]),
    dict(x=(2, 4, 9, 7), w=(6, 2, 3, 2), group=2, strides=[2, 1], pads=[0, 1, 2, 0]),
    dict(x=(1, 6, 8, 8), w=(6, 1, 3, 3), group=6, pads=[1, 1, 1, 1]),
    dict(x=(1, 6, 9, 9), w=(12, 1, 5, 5), group=6, dilations=[2, 1], pads=[4, 2, 4, 2]),
    dict(x=(1, 5, 20), w=(7, 5, 4), strides=[3], auto_pad="SAME_UPPER"),
    dict(x=(1, 2, 5, 6, 4), w=(3, 2, 2, 3, 1), auto_pad="SAME_LOWER"),
    dict(x=(1, 8, 5, 5), w=(4, 8, 1, 1)),
    dict(x=(1, 700, 3, 3), w=(2, 700, 3, 3), pads=[1, 1, 1, 1]),  # 6,300 products: more than one op may add
    dict(x=(1, 2, 40, 40), w=(2, 1, 11, 11), group=2),  # a window as wide as the proof allows
]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda c: f"{c['x']} by {c['w']}")
@pytest.mark.parametrize("bias", [False, True])
def test_convolutions(case, bias):
    attributes = {k: v for k, v in case.items() if k not in "xw"}
    constants = {"w": normal(*case["w"], seed=1)} | ({"b": normal(case["w"][0], seed=2)} if bias else {})
    inputs = {"x": normal(*case["x"])}
    data = onnx_file([node("Conv", ["x", *constants], ["y"], **attributes)], inputs, ["y"], constants)
    compare(data, inputs, atol=1e-4)


def test_weights_may_be_computed():
    inputs = {"x": normal(1, 3, 6, 6), "w": normal(4, 3, 3, 3, seed=1)}
    compare(onnx_file([node("Conv", ["x", "w"], ["y"])], inputs, ["y"]), inputs)


@pytest.mark.parametrize(
    "case",
    [
        dict(x=(1, 3, 5, 4), w=(3, 2, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
        dict(x=(1, 4, 6), w=(4, 2, 5), group=2, strides=[3], pads=[1, 2]),
        dict(x=(2, 2, 4, 5), w=(2, 3, 2, 4), dilations=[3, 1], strides=[1, 3]),
        dict(x=(1, 2, 3, 3), w=(2, 2, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
        dict(x=(1, 2, 3, 3, 2), w=(2, 2, 2, 2, 3), strides=[2, 1, 2]),
    ],
    ids=str,
)
def test_transposed_convolutions(case):
    attributes = {k: v for k, v in case.items() if k not in "xw"}
    inputs, constants = {"x": normal(*case["x"])}, {"w": normal(*case["w"], seed=1)}
    compare(onnx_file([node("ConvTranspose", ["x", "w"], ["y"], **attributes)], inputs, ["y"], constants), inputs)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize(
    "case",
    [
        dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        dict(kernel_shape=[2, 3], strides=[2, 3], ceil_mode=1),
        dict(kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 1, 0, 1]),
        dict(kernel_shape=[2, 4], strides=[2, 1], auto_pad="SAME_UPPER"),
        dict(kernel_shape=[9, 7]),  # folded axis by axis
    ],
    ids=str,
)
def test_pooling(operator, case):
    inputs = {"x": normal(1, 3, 11, 13)}
    compare(onnx_file([node(operator, ["x"], ["y"], **case)], inputs, ["y"], opset=19), inputs)


def test_average_pools_count_padding_when_asked():
    inputs = {"x": normal(1, 2, 7, 7)}
    case = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1, ceil_mode=1)
    compare(onnx_file([node("AveragePool", ["x"], ["y"], **case)], inputs, ["y"], opset=19), inputs)


def test_max_pools_say_where():
    inputs = {"x": normal(2, 2, 6, 7)}
    case = dict(kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
    compare(onnx_file([node("MaxPool", ["x"], ["y", "at"], **case)], inputs, ["y", "at"]), inputs)


GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@pytest.mark.parametrize("operator", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [None, [5, 2]])
def test_recurrent_networks(operator, direction, lengths):
    ways, gates, hidden = 2 if direction == "bidirectional" else 1, GATES[operator], 4
    inputs = {"x": normal(5, 2, 3)}
    constants = {
        "w": normal(ways, gates * hidden, 3, seed=1), "r": normal(ways, gates * hidden, hidden, seed=2),
        "b": normal(ways, 2 * gates * hidden, seed=3), "h": normal(ways, 2, hidden, seed=4),
    }  # fmt: skip
    names = ["x", "w", "r", "b", "", "h"]
    if lengths:
        inputs["n"] = np.array(lengths, np.int32)
        names[4] = "n"
    if operator == "LSTM":
        constants |= {"c": normal(ways, 2, hidden, seed=5), "p": normal(ways, 3 * hidden, seed=6)}
        names += ["c", "p"]
    outputs = ["y", "last", "cell"][: 3 if operator == "LSTM" else 2]
    made = node(operator, names, outputs, hidden_size=hidden, direction=direction)
    compare(onnx_file([made], inputs, outputs, constants), inputs)


def test_a_gru_may_reset_after_the_product():
    inputs = {"x": normal(4, 1, 3)}
    constants = {"w": normal(1, 9, 3, seed=1), "r": normal(1, 9, 3, seed=2), "b": normal(1, 18, seed=3)}
    made = node("GRU", ["x", "w", "r", "b"], ["y"], hidden_size=3, linear_before_reset=1)
    compare(onnx_file([made], inputs, ["y"], constants), inputs)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("ij,j", [(3, 4), (4,)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("bhqd,bhkd->bhqk", [(1, 2, 3, 4), (1, 2, 5, 4)]),
        ("ij->ji", [(3, 4)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ijk->j", [(2, 3, 4)]),
        ("b...d,dk->b...k", [(2, 3, 4), (4, 5)]),
    ],
)
def test_einsum(equation, shapes):
    inputs = {f"x{i}": normal(*s, seed=i) for i, s in enumerate(shapes)}
    compare(onnx_file([node("Einsum", list(inputs), ["y"], equation=equation)], inputs, ["y"]), inputs)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums(exclusive, reverse):
    inputs = {"x": normal(2, 7, 3)}
    made = node("CumSum", ["x", "axis"], ["y"], exclusive=exclusive, reverse=reverse)
    compare(onnx_file([made], inputs, ["y"], {"axis": np.array(1)}), inputs)


@pytest.mark.parametrize(
    "operator", ["ReduceSum", "ReduceMax", "ReduceMean", "ReduceLogSumExp", "ReduceL2", "ReduceProd"]
)
@pytest.mark.parametrize("axes", [[1], [0, 2], [-1], [0, 1, 2]])
def test_reductions(operator, axes):
    inputs = {"x": normal(3, 5, 7) + 1}
    made = node(operator, ["x", "axes"], ["y"], keepdims=0)
    compare(onnx_file([made], inputs, ["y"], {"axes": np.array(axes)}, 18), inputs, rtol=2e-4)


@pytest.mark.parametrize("length", [5_000, 9_001])
def test_reductions_longer_than_one_op(length):
    inputs = {"x": normal(2, length)}
    for operator in ("ReduceSum", "ReduceMax"):
        made = node(operator, ["x", "axes"], ["y"], keepdims=1)
        compare(onnx_file([made], inputs, ["y"], {"axes": np.array([1])}, 18), inputs, rtol=1e-3, atol=1e-3)
    for operator in ("ArgMax", "ArgMin"):
        compare(onnx_file([node(operator, ["x"], ["y"], axis=1)], inputs, ["y"]), inputs)
    compare(onnx_file([node("Softmax", ["x"], ["y"], axis=1)], inputs, ["y"]), inputs, atol=1e-7)


def test_the_first_of_equals_is_found_across_ops():
    x = np.zeros((1, 9_000), np.float32)
    x[0, [4_097, 8_999]] = 1
    inputs = {"x": x}
    compare(onnx_file([node("ArgMax", ["x"], ["y"], axis=1)], inputs, ["y"]), inputs)


def test_layouts_follow_through_a_small_network():
    """Convolution, activation, pooling, a skip, then a dense layer: the channels-last results are moved once."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "v"], ["c"], pads=[1, 1, 1, 1]), node("Add", ["c", "b"], ["d"]),
        node("AveragePool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "m"], ["y"]),
    ]  # fmt: skip
    constants = {"w": normal(8, 3, 3, 3, seed=1), "v": normal(8, 8, 3, 3, seed=2), "m": normal(128, 5, seed=3)}
    inputs = {"x": normal(1, 3, 8, 8)}
    compiled = compare(onnx_file(nodes, inputs, ["y"], constants), inputs, atol=1e-3)
    assert compiled.report.kinds["MOVE"] == 3  # two paddings, one flattening


def test_attention_moves_only_the_values():
    nodes = [
        node("Reshape", ["q", "s"], ["q1"]), node("Transpose", ["q1"], ["q2"], perm=[0, 2, 1, 3]),
        node("Reshape", ["k", "s"], ["k1"]), node("Transpose", ["k1"], ["k2"], perm=[0, 2, 3, 1]),
        node("Reshape", ["v", "s"], ["v1"]), node("Transpose", ["v1"], ["v2"], perm=[0, 2, 1, 3]),
        node("MatMul", ["q2", "k2"], ["a"]), node("Softmax", ["a"], ["b"], axis=-1), node("MatMul", ["b", "v2"], ["y"]),
    ]  # fmt: skip
    inputs = {n: normal(1, 6, 8, seed=i) for i, n in enumerate("qkv")}
    compiled = compare(onnx_file(nodes, inputs, ["y"], {"s": np.array([0, 0, 2, 4])}), inputs)
    assert compiled.report.kinds["MOVE"] == 1


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
def test_small_integers_wrap(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    numbers = np.array([low, low + 1, 0, 1, high - 1, high], dtype)
    a, b = (g.reshape(-1) for g in np.meshgrid(numbers, numbers))
    inputs = {"a": a, "b": b}
    for operator, want in (("Add", a + b), ("Sub", a - b), ("Mul", a * b)):
        compiled = compile_onnx(onnx_file([node(operator, ["a", "b"], ["y"])], inputs, ["y"]))
        assert np.array_equal(run(compiled, inputs)[0], want)


def test_quantised_layers():
    rng = np.random.default_rng(0)
    inputs = {"x": rng.integers(0, 256, (1, 3, 8, 8), dtype=np.uint8)}
    constants = {
        "xs": np.float32(0.02), "xz": np.uint8(120), "w": rng.integers(-128, 128, (4, 3, 3, 3), dtype=np.int8),
        "ws": np.array([0.01, 0.02, 0.005, 0.03], np.float32), "wz": np.zeros(4, np.int8),
        "ys": np.float32(0.1), "yz": np.uint8(100), "b": rng.integers(-500, 500, 4, dtype=np.int32),
    }  # fmt: skip
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    made = node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    compare(onnx_file([made], inputs, ["y"], constants), inputs)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("transform", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
def test_resizing(mode, transform):
    inputs = {"x": normal(1, 2, 5, 7)}
    made = node("Resize", ["x", "", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=transform)
    compare(onnx_file([made], inputs, ["y"], {"s": np.array([1, 2, 9, 4])}), inputs)


def test_indices_may_be_computed_and_negative():
    inputs = {"x": normal(5, 3, 4), "i": np.array([[0, -1], [4, -5]])}
    compare(onnx_file([node("Gather", ["x", "i"], ["y"])], inputs, ["y"]), inputs)
    inputs = {"x": normal(3, 4), "i": np.array([[0, -1], [2, 1], [-3, -4]])}
    compare(onnx_file([node("GatherND", ["x", "i"], ["y"])], inputs, ["y"]), inputs)
    compare(onnx_file([node("GatherElements", ["x", "i"], ["y"], axis=1)], inputs, ["y"]), inputs)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max"])
def test_writing_at_computed_places(reduction):
    inputs = {"x": normal(4, 3), "i": np.array([[1], [3], [0]]), "u": normal(3, 3, seed=1)}
    made = node("ScatterND", ["x", "i", "u"], ["y"], reduction=reduction)
    compare(onnx_file([made], inputs, ["y"]), inputs)


def test_top_k_of_ties_and_negatives():
    x = np.array([[3, -1, 3, 2, 2, -7, 0, 3]], np.float32)
    for largest in (0, 1):
        inputs = {"x": x}
        made = node("TopK", ["x", "k"], ["y", "at"], largest=largest)
        compare(onnx_file([made], inputs, ["y", "at"], {"k": np.array([5])}), inputs)


EXTREMES = np.array([0, -0.0, 1e-30, -1e-8, 1e-3, 0.3, -0.7, 0.999, 1, 5, -20, 30, 88, -88, 1e4, -1e4], np.float32)


@pytest.mark.parametrize(
    "operator",
    [
        "Sinh",
        "Cosh",
        "Tan",
        "Atan",
        "Asinh",
        "Softplus",
        "Elu",
        "Selu",
        "Celu",
        "Mish",
        "Gelu",
        "HardSwish",
        "Softsign",
    ],
)
def test_functions_far_from_zero_and_near(operator):
    x = EXTREMES if operator not in ("Sinh", "Cosh") else EXTREMES[np.abs(EXTREMES) < 80]
    inputs = {"x": x}
    compare(onnx_file([node(operator, ["x"], ["y"])], inputs, ["y"]), inputs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "operator, low, high", [("Asin", -1, 1), ("Acos", -1, 1), ("Atanh", -0.99, 0.99), ("Acosh", 1, 1e6)]
)
def test_inverse_functions(operator, low, high):
    inputs = {"x": np.linspace(low, high, 201).astype(np.float32)}
    compare(onnx_file([node(operator, ["x"], ["y"])], inputs, ["y"]), inputs, rtol=1e-4, atol=1e-6)


def test_branches_by_what_is_computed():
    inputs = {"x": normal(3), "c": np.array(True)}
    value = helper.make_tensor_value_info
    then = helper.make_graph([node("Neg", ["x"], ["t"])], "then", [], [value("t", 1, [3])])
    other = helper.make_graph([node("Exp", ["x"], ["e"])], "else", [], [value("e", 1, [3])])
    data = onnx_file([node("If", ["c"], ["y"], then_branch=then, else_branch=other)], inputs, ["y"])
    for flag in (True, False):
        compare(data, {**inputs, "c": np.array(flag)})
