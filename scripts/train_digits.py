"""Trains the digits classifier that the demo and the tests use, and writes it as a small ONNX file.

    python -m scripts.train_digits

64 pixels (0 … 1) → 32 → 32 → 10 with ReLU and softmax, on scikit-learn's bundled digits; every fifth image is held out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parent.parent / "opg" / "models"
HIDDEN = (32, 32)
HELD_OUT_ACCURACY = 0.95  # at least; a test measures it


def main() -> None:
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    digits = load_digits()
    held = np.arange(len(digits.target)) % 5 == 4
    images = (digits.data / 16.0).astype(np.float32)
    network = MLPClassifier(HIDDEN, alpha=1e-3, max_iter=400, random_state=7)
    network.fit(images[~held], digits.target[~held])
    accuracy = network.score(images[held], digits.target[held])
    print(f"held-out accuracy: {accuracy:.4f} on {held.sum()} images")
    assert accuracy >= HELD_OUT_ACCURACY

    nodes, initializers, last = [], [], "image"
    for layer, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        w, b, out = f"weights_{layer}", f"bias_{layer}", f"layer_{layer}"
        initializers.append(numpy_helper.from_array(weights.astype(np.float32), w))
        initializers.append(numpy_helper.from_array(bias.astype(np.float32), b))
        nodes.append(helper.make_node("Gemm", [last, w, b], [out], name=f"gemm_{layer}"))
        last = out
        if layer < len(HIDDEN):
            nodes.append(helper.make_node("Relu", [last], [f"relu_{layer}"], name=f"relu_{layer}"))
            last = f"relu_{layer}"
    nodes.append(helper.make_node("Softmax", [last], ["probabilities"], name="softmax", axis=1))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="opg")
    onnx.checker.check_model(model)
    (FOLDER / "digits.onnx").write_bytes(model.SerializeToString(deterministic=True))
    np.savez_compressed(
        FOLDER / "digits-heldout.npz",
        images=digits.data[held].astype(np.uint8),
        labels=digits.target[held].astype(np.uint8),
    )


if __name__ == "__main__":
    main()
