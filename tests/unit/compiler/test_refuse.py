"""What cannot be compiled is refused with the node's name and a reason, never with a traceback."""

import os
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from opg.tensor import CompileError, compile_onnx
from tests.onnx_models import onnx_file

DIGITS = Path("opg/models/digits.onnx").read_bytes()
ROUNDS = 3_000 if os.environ.get("OPG_DEEP") == "1" else 300
X = {"x": np.zeros((2, 3), np.float32)}


def refused(data, reason, bindings=None):
    with pytest.raises(CompileError, match=reason):
        compile_onnx(data, bindings)


def one(operator, inputs=X, constants=None, outputs=("y",), **attributes):
    names = [*inputs, *(constants or {})]
    return onnx_file([helper.make_node(operator, names, outputs, name="it", **attributes)], inputs, outputs, constants)


@pytest.mark.parametrize(
    "data, reason",
    [
        (one("Det", {"x": np.eye(3, dtype=np.float32)}), r"node 'it': operator Det: .*not supported"),
        (one("NonZero"), "node 'it': operator NonZero: .*shapes are known at compile time"),
        (one("RandomNormalLike"), "node 'it': operator RandomNormalLike: is random"),
        (
            one("Reshape", {**X, "s": np.array([3, 2])}),
            "node 'it': operator Reshape: the shape is computed at run time",
        ),
        (one("Softmax", {"x": np.zeros((2, 3), np.float16)}), "input 'x' has element type FLOAT16; words hold"),
        (one("Cast", to=TensorProto.DOUBLE), "node 'it': operator Cast: its result has element type DOUBLE"),
        (one("BitwiseNot"), "node 'it': operator BitwiseNot: does not take float32"),
        (one("Gather", X, {"i": np.array([7])}), "node 'it': operator Gather: reads index 7 … 7 of 2 elements"),
        (one("Add", X, {"big": np.full(3, 1 << 40)}), "node 'it': operator Add: mixes float32, int64"),
        (one("Add", {"x": np.arange(3)}, {"big": np.full(3, 1 << 40)}), "operator Add: a constant beyond 32 bits"),
        (one("ConstantOfShape", {}, {"s": np.array([1 << 20, 1 << 20])}), "the model has 0 inputs"),
        (
            one("Expand", X, {"s": np.array([1 << 30, 2, 3])}),
            "node 'it': operator Expand: .* has more than 2\\^28 words",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_reasons(data, reason):
    refused(data, reason)


def test_a_node_without_a_name_is_numbered():
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Det", ["a"], ["y"])]
    refused(onnx_file(nodes, {"x": np.eye(2, dtype=np.float32)}, ["y"]), "node '#1': operator Det")


def test_axes_can_be_bound_by_their_input():
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["?", "?"])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [info], [onnx.ValueInfoProto(name="y")])
    graph.output[0].type.CopyFrom(info.type)
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    assert compile_onnx(data, {"?": 2}).inputs[0].shape == (2, 2)
    assert compile_onnx(data, {"x.0": 2, "x.1": 3}).inputs[0].shape == (2, 3)
    refused(data, "axis 1 is dynamic; bind it, for example --bind \\?=1", {"x.0": 2})
    refused(data, "no dynamic axis 'y'", {"?": 2, "y": 3})


def test_weights_in_another_file_are_refused():
    model = onnx.load_from_string(DIGITS)
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")
    refused(model.SerializeToString(), "not a valid ONNX file|lies in another file", {"batch": 1})


def compiles_or_is_refused(data, bindings=None):
    try:
        return compile_onnx(data, bindings).program.root
    except CompileError as error:
        assert str(error)


def test_truncated_files():
    whole = compile_onnx(DIGITS, {"batch": 1}).program.root
    for length in range(0, len(DIGITS), max(1, len(DIGITS) // ROUNDS)):
        assert compiles_or_is_refused(DIGITS[:length], {"batch": 1}) != whole


def test_random_bytes():
    rng = random.Random(1)
    for _ in range(ROUNDS):
        compiles_or_is_refused(rng.randbytes(rng.randrange(400)))


def test_flipped_bits():
    """In the part of the file that is not weights; weights may be anything."""
    model = onnx.load_from_string(DIGITS)
    for tensor in model.graph.initializer:
        tensor.raw_data = bytes(len(tensor.raw_data))
    rng = random.Random(2)
    data = model.SerializeToString()
    structure = [i for i in range(len(data)) if data[max(0, i - 8) : i + 8].strip(b"\0")]
    for _ in range(ROUNDS):
        damaged = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.choice(structure)] ^= 1 << rng.randrange(8)
        compiles_or_is_refused(bytes(damaged), {"batch": 1})


NUMBERS = [-100, -1, 0, 1, 2, 3, 7, 100, 1 << 20, 1 << 40]
NODES = [
    one("Conv", {"x": np.zeros((1, 2, 6, 6), np.float32)}, {"w": np.ones((4, 1, 3, 3), np.float32)}, group=2,
        strides=[1, 2], pads=[1, 1, 0, 0], dilations=[1, 2]),
    one("MaxPool", {"x": np.zeros((1, 2, 6, 6), np.float32)}, kernel_shape=[2, 2], strides=[2, 1], ceil_mode=1),
    one("LSTM", {"x": np.zeros((3, 1, 2), np.float32)}, {"w": np.ones((1, 8, 2), np.float32),
        "r": np.ones((1, 8, 2), np.float32)}, hidden_size=2),
    one("Slice", X, {"b": np.array([0, 1]), "e": np.array([2, 3]), "a": np.array([0, 1]), "s": np.array([1, 2])}),
    one("Pad", X, {"p": np.array([1, 0, 0, 2])}, mode="reflect"),
    one("Resize", {"x": np.zeros((1, 1, 4, 4), np.float32)}, {"r": np.zeros(0, np.float32),
        "s": np.array([1, 1, 2, 1.5], np.float32)}, mode="linear"),
    one("Gather", X, {"i": np.array([[0, 1]])}, axis=1),
    one("Split", X, {"s": np.array([1, 1])}, ["y", "z"], axis=0),
    one("TopK", X, {"k": np.array([2])}, ["y", "at"], axis=1),
    one("Transpose", X, perm=[1, 0]),
    one("Einsum", X, equation="ij->j"),
    one("LayerNormalization", X, {"s": np.ones(3, np.float32)}, axis=1),
    one("QuantizeLinear", X, {"s": np.float32(0.1), "z": np.uint8(3)}),
    one("DepthToSpace", {"x": np.zeros((1, 8, 2, 2), np.float32)}, blocksize=2),
]  # fmt: skip


@pytest.mark.parametrize("data", NODES, ids=lambda d: onnx.load_from_string(d).graph.node[0].op_type)
def test_wrong_graphs(data):
    """Attributes, constants, shapes, types and inputs of a good node, changed at random."""
    rng = random.Random(3)
    compile_onnx(data)
    for _ in range(ROUNDS // 4):
        model = onnx.load_from_string(data)
        for _ in range(rng.randrange(1, 4)):
            _damage(model.graph, rng)
        compiles_or_is_refused(model.SerializeToString())


def _damage(graph, rng):
    node, info, dims = graph.node[0], graph.input[0], graph.input[0].type.tensor_type.shape.dim
    choice = rng.randrange(7)
    if choice == 0 and node.attribute:
        attribute = rng.choice(node.attribute)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
        elif attribute.type == onnx.AttributeProto.INT:
            attribute.i = rng.choice(NUMBERS)
        elif attribute.type == onnx.AttributeProto.STRING:
            attribute.s = rng.choice([b"", b"\xff", b"edge", b"i,j->k", b"cubic"])
    elif choice == 1 and node.attribute:
        node.attribute.remove(rng.choice(node.attribute))
    elif choice == 2 and dims:
        rng.choice(dims).dim_value = rng.choice([0, 1, 2, 5, 1 << 30])
    elif choice == 3:
        info.type.tensor_type.elem_type = rng.choice([1, 2, 3, 6, 7, 8, 9, 10, 11, 99])
    elif choice == 4 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        array = onnx.numpy_helper.to_array(tensor).copy()
        if array.size:
            array.reshape(-1)[rng.randrange(array.size)] = rng.choice([0, 1, 2, 100])
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    elif choice == 5 and node.input:
        del node.input[-1]
    elif dims:
        del dims[rng.randrange(len(dims))]
