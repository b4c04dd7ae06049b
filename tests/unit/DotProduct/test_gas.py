"""A step of a dot product: at most 800 gas is the goal of docs/tensor-machine.md's machine."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evm import Evm
from tests.unit.DotProduct.test_dot import one_by_one, pack


@pytest.mark.parametrize("count, bound", [(64, 530), (384, 445), (4096, 430)])
@pytest.mark.parametrize("rectified", [False, True])
def test_a_step_costs_about_half_of_that(count, bound, rectified):
    rng = np.random.default_rng(count)
    a, b = rng.standard_normal((2, 1, count)).astype(np.float32)
    if rectified:
        a = np.maximum(a, 0)
    word, gas = Evm().deploy("Float32Harness").dotGas(pack(a.view(np.uint32)), pack(b.view(np.uint32)))
    assert word == one_by_one(np.zeros(1, np.uint32), a.view(np.uint32), b.view(np.uint32))[0]
    assert gas / count < bound


@pytest.mark.parametrize("subnormals, bound", [(slice(None), 1_700), (slice(None, None, 8), 1_700), (slice(5, 6), 480)])
def test_subnormals_stay_in_fixed_point(subnormals, bound):
    """All of them, one in each eight, a single one; `Float32` would take 2,600 for each."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 1, 384)).astype(np.float32).view(np.uint32)
    a[:, subnormals] &= np.uint32(0x807FFFFF)
    word, gas = Evm().deploy("Float32Harness").dotGas(pack(a), pack(b))
    assert word == one_by_one(np.zeros(1, np.uint32), a, b)[0]
    assert gas / 384 < bound
