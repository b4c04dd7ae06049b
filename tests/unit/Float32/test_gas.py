"""What the arithmetic costs, and how long its code is."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, apply, arity
from tests.evm import Evm, artifact

BOUNDS = {
    Fn.ADD: 650,
    Fn.MUL: 400,
    Fn.DIV: 1_500,
    Fn.SQRT: 2_000,
    Fn.EXP: 13_000,
    Fn.LOG: 11_000,
    Fn.TANH: 16_000,
    Fn.ERF: 19_000,
    Fn.SIGMOID: 16_000,
    Fn.SIN: 7_000,
    Fn.COS: 7_000,
    Fn.POW: 80_000,
}


@pytest.fixture(scope="module")
def float32():
    return Evm().deploy("Float32Harness")


def normal(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


@pytest.mark.parametrize(("fn", "bound"), BOUNDS.items(), ids=lambda x: getattr(x, "name", str(x)))
def test_gas_of_a_function(float32, fn, bound):
    x, y = np.abs(normal(1, 100)).view(np.uint32), normal(2, 100).view(np.uint32)
    for a, b, want in zip(x, y, apply(fn, *(x, y)[: arity(fn)]), strict=True):
        word, gas = float32.gasOf(fn, int(a), int(b))
        assert word == want
        assert gas < bound


def test_all_functions_together_leave_room_for_the_referee():
    assert len(artifact("FunctionsHarness")["deployedBytecode"].removeprefix("0x")) // 2 < 9_000
