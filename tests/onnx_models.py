"""One-node models, compiled, executed and compared with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from opg.tensor import Compiled, compile_onnx, execute

OPSET = 21


def onnx_file(nodes: Sequence[onnx.NodeProto], inputs: dict[str, np.ndarray], outputs: Sequence[str],
              constants: dict[str, np.ndarray] | None = None, opset: int = OPSET) -> bytes:  # fmt: skip
    """A model whose inputs look like these arrays."""
    kinds = {n: helper.np_dtype_to_tensor_dtype(a.dtype) for n, a in inputs.items()}
    graph = helper.make_graph(
        list(nodes), "g",
        [helper.make_tensor_value_info(n, kinds[n], a.shape) for n, a in inputs.items()],
        [onnx.ValueInfoProto(name=n) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


def run(compiled: Compiled, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    words = execute(compiled.program, [s.to_words(inputs[s.name]) for s in compiled.inputs])
    return [s.from_words(w) for s, w in zip(compiled.outputs, words, strict=True)]


def compare(data: bytes, inputs: dict[str, np.ndarray], rtol: float = 1e-4, atol: float = 1e-5) -> Compiled:
    """Compiles, and holds the outputs to onnxruntime's."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    compiled = compile_onnx(data)
    for got, want in zip(run(compiled, inputs), session.run(None, inputs), strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
        else:
            np.testing.assert_array_equal(got, want)
    return compiled
