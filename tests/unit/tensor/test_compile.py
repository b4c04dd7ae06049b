"""ONNX files become programs, or are refused with a reason."""

import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from opg.tensor import CompileError, TensorError, compile_onnx, execute, interpret, parse_bindings, trace

DIGITS = "opg/models/digits.onnx"


def model(nodes, inputs, outputs, initializers=()):
    values = [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs]
    results = [helper.make_tensor_value_info(n, t, s) for n, t, s in outputs]
    graph = helper.make_graph(nodes, "g", values, results, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


@pytest.fixture(scope="module")
def digits():
    return compile_onnx(DIGITS, {"batch": 1})


@pytest.fixture(scope="module")
def held_out():
    data = np.load("opg/models/digits-heldout.npz")
    return (data["images"] / 16).astype(np.float32), data["labels"]


def test_the_digits_model_is_as_accurate_as_stated(digits, held_out):
    images, labels = held_out
    spec = digits.outputs[0]
    found = [spec.from_words(execute(digits.program, [digits.inputs[0].to_words(i[None])])[0]).argmax() for i in images]
    assert np.mean(found == labels) == pytest.approx(0.9638, abs=1e-4)  # as in scripts/train_digits.py


def test_the_digits_model_agrees_with_onnxruntime(digits, held_out):
    import onnxruntime

    images, _ = held_out
    want = onnxruntime.InferenceSession(DIGITS).run(None, {"image": images})[0]
    spec = digits.outputs[0]
    got = np.concatenate([spec.from_words(execute(digits.program, [spec_in(digits, i)])[0]) for i in images])
    assert (got.argmax(1) == want.argmax(1)).all()
    assert np.max(np.abs(got - want) / np.abs(want)) <= 1e-4
    assert np.max(np.abs(got - want)) <= 1e-5


def spec_in(compiled, image):
    return compiled.inputs[0].to_words(image[None])


def test_executor_and_interpreter_agree_on_the_digits_model(digits, held_out):
    words = [spec_in(digits, held_out[0][0])]
    fast, slow = trace(digits.program, words).results, interpret(digits.program, words)
    assert all(np.array_equal(a, b) for a, b in zip(fast, slow, strict=True))


def test_the_same_file_gives_the_same_program_root_in_every_process(digits):
    code = f"from opg.tensor import compile_onnx; print(compile_onnx({DIGITS!r}, {{'batch': 1}}).program.root.hex())"
    for seed in ("0", "1", "12345"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
        assert done.stdout.strip() == digits.program.root.hex()


def test_an_unknown_operator_is_named_with_its_node():
    nodes = [helper.make_node("Det", ["x"], ["y"], name="my_det")]
    data = model(nodes, [("x", TensorProto.FLOAT, [2, 2])], [("y", TensorProto.FLOAT, [])])
    with pytest.raises(CompileError, match=r"node .my_det.: operator Det: .*not supported"):
        compile_onnx(data)


def test_a_dynamic_axis_has_to_be_bound():
    with pytest.raises(CompileError, match="--bind batch=1"):
        compile_onnx(DIGITS)
    with pytest.raises(CompileError, match="no dynamic axis 'sequence'"):
        compile_onnx(DIGITS, {"batch": 1, "sequence": 2})


@pytest.mark.parametrize("data", [b"", b"not onnx", onnx.ModelProto().SerializeToString()])
def test_bytes_that_are_not_a_model_are_refused(data):
    with pytest.raises(CompileError, match="not a valid ONNX file"):
        compile_onnx(data)


def test_a_missing_file_is_named():
    with pytest.raises(CompileError, match=r"nowhere\.onnx"):
        compile_onnx("nowhere.onnx")


def test_bindings_are_name_and_number():
    assert parse_bindings("batch=1, sequence=128") == {"batch": 1, "sequence": 128}
    with pytest.raises(CompileError, match="batch=1"):
        parse_bindings("batch")
    with pytest.raises(CompileError, match="NAME=NUMBER"):
        parse_bindings("batch=" + 5_000 * "1")


def test_a_wrong_input_shape_says_which_is_right(digits):
    with pytest.raises(TensorError, match=r"shape \[63\]; the model takes \[1, 64\]"):
        digits.inputs[0].to_words(np.zeros(63))


def test_a_dot_product_too_long_for_one_transaction_is_split():
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(9000, 2)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    initializer = onnx.numpy_helper.from_array(weights, "w")
    data = model(nodes, [("x", TensorProto.FLOAT, [1, 9000])], [("y", TensorProto.FLOAT, [1, 2])], [initializer])
    compiled = compile_onnx(data)
    x = rng.normal(size=(1, 9000)).astype(np.float32)
    got = compiled.outputs[0].from_words(execute(compiled.program, [compiled.inputs[0].to_words(x)])[0])
    assert len(compiled.program.encoded) == 3
    np.testing.assert_allclose(got, x @ weights, rtol=1e-3, atol=1e-3)


def test_an_output_that_is_an_input_is_moved():
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    compiled = compile_onnx(model(nodes, [("x", TensorProto.FLOAT, [3])], [("y", TensorProto.FLOAT, [3])]))
    words = np.array([1, 2, 0x7F800001], dtype=np.uint32)
    assert np.array_equal(execute(compiled.program, [words])[0], words)
