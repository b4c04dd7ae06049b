"""Models as frameworks exported them, from the `onnx` wheel: PyTorch layers with test data, and well-known networks."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from opg.tensor import compile_onnx
from opg.tensor.gas import TRANSACTION_GAS
from tests.onnx_models import run

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
LAYERS = sorted([*DATA.glob("pytorch-converted/*/model.onnx"), *DATA.glob("pytorch-operator/*/model.onnx")])
NETWORKS = sorted(DATA.glob("light/*.onnx"))
DOUBLES = {"add_broadcast", "add_size1_broadcast", "add_size1_right_broadcast", "add_size1_singleton_broadcast",
           "addconstant"}  # fmt: skip


def tensors(folder: Path, kind: str) -> list[np.ndarray]:
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda f: int(f.stem.split("_")[-1]))
    return [numpy_helper.to_array(onnx.TensorProto.FromString(f.read_bytes())) for f in files]


def test_there_are_many():
    assert len(LAYERS) > 100 and len(NETWORKS) >= 9


@pytest.mark.parametrize("path", LAYERS, ids=lambda p: p.parent.name.removeprefix("test_"))
def test_layers_of_pytorch(path):
    if path.parent.name.removeprefix("test_operator_") in DOUBLES:
        pytest.skip("takes float64")
    compiled = compile_onnx(path)
    for folder in path.parent.glob("test_data_set_*"):
        given = dict(zip((s.name for s in compiled.inputs), tensors(folder, "input"), strict=True))
        for got, want in zip(run(compiled, given), tensors(folder, "output"), strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_well_known_networks_compile(path):
    """With weights that are all alike: their constants are nothing, their shapes are real."""
    report = compile_onnx(path).report
    assert report.macs > 1e8 and report.worst_gas < TRANSACTION_GAS
