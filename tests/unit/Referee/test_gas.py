"""What a proof costs, a whole transaction with its calldata: ordinary elements, and the dearest ones there are.

Every well-formed op must stay below the gas that one transaction can have (EIP-7825). The dearest have the most steps that the
arithmetic bound allows, in an order that takes them word by word, on operands that the quick ways of the arithmetic refuse.
"""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, arity
from opg.tensor.gas import TRANSACTION_GAS, most_gas
from opg.tensor.program import (
    ARGS,
    FOLDS,
    MAX_PROOF_BYTES,
    MAX_REDUCTION,
    MAX_STEPS,
    Access,
    Guard,
    Kind,
    Op,
    well_formed,
)
from tests.conftest import DEEP
from tests.evm import TX_GAS_CAP, Evm, floor_gas
from tests.unit.Referee import ops

ORDINARY = {
    "ADD": lambda: ops.elementwise(Fn.ADD),
    "product of 384": lambda: ops.product(384),
    "product of 1024": lambda: ops.product(1024),
    "product of 1536": lambda: ops.product(1536),
    "product of 4096": lambda: ops.product(4096),
    "3x3 convolution, 32 channels": lambda: ops.convolution(32, 100),
    "sum of 1024": lambda: ops.reduction(Fn.ADD, ops.floats(1, 1024)),
    "maximum of 1024": lambda: ops.reduction(Fn.MAX, ops.floats(1, 1024)),
}
DEAREST = {
    "dearest product": lambda: ops.scattered("subnormal", "normal", 0x7B800000, far=5000),
    "dearest straight product": lambda: ops.straight("subnormal", "normal", 0x7B800000),
    "dearest sum": lambda: ops.reduction(Fn.ADD, ops.words_of("mixed", 4096)),
    "dearest function": lambda: ops.elementwise(Fn.POW),
    "most guards": lambda: ops.guarded("subnormal", "normal", 8),
    "most runs": ops.wide,
}


# how far the bound is above what ordinary numbers cost, at most
LOOSE = 4.5


@pytest.fixture(scope="module")
def referee():
    return Evm().deploy("Referee")


def test_ordinary_elements(anvil_evm, gas_snapshot):
    referee = anvil_evm.deploy("Referee")
    for name, case in ORDINARY.items():
        gas_snapshot(f"Referee.element: {name}", case().gas(referee))


def test_the_dearest_elements(anvil_evm, gas_snapshot):
    referee = anvil_evm.deploy("Referee")
    for name, case in DEAREST.items():
        gas = case().gas(referee)
        assert gas < TX_GAS_CAP * 0.85
        gas_snapshot(f"Referee.element: {name}", gas)


@pytest.mark.parametrize("k", [384, 1024, 4096])
def test_a_step_costs_less_than_800_gas(referee, k):
    """Of everything but calldata: runs, reading, arithmetic, whatever an element costs besides its steps."""
    case = ops.product(k)
    data = referee.calldata("element", case.arguments()[0])
    zeros = data.count(0)
    calldata = 21_000 + 4 * zeros + 16 * (len(data) - zeros)
    assert floor_gas(data) < case.gas(referee)
    assert (case.gas(referee) - calldata) / k < (800 if k > 384 else 640)


def test_no_straight_product_is_dearer_than_the_dearest(referee):
    """Whatever the operands are like: every pair of styles, and every kind of first sum with the hardest."""
    most = DEAREST["dearest straight product"]().gas(referee)
    styles = ops.STYLES if DEEP else ("subnormal", "mixed", "-0")
    for style in styles:
        for other in styles:
            assert ops.straight(style, other, 0).gas(referee) <= most
    for first in ops.FIRSTS:
        assert ops.straight("subnormal", "normal", first).gas(referee) <= most


def test_no_fold_is_dearer_than_the_dearest_sum(referee):
    most = DEAREST["dearest sum"]().gas(referee)
    for fn in sorted(FOLDS | ARGS):
        for style in ops.STYLES if DEEP else ("subnormal", "mixed"):
            assert ops.reduction(fn, ops.words_of(style, 4096)).gas(referee) <= most


def test_no_function_is_dearer_than_pow(referee):
    most = DEAREST["dearest function"]().gas(referee)
    assert all(ops.elementwise(fn).gas(referee) <= most for fn in Fn if arity(fn) < 3)


@pytest.mark.parametrize("far", [2048, 4000, 5000])
@pytest.mark.parametrize("guards", [0, 2, 4, 8])
def test_scattered_and_guarded_products(referee, far, guards):
    case = ops.guarded("subnormal", "normal", guards) if guards else ops.scattered("subnormal", "normal", 0, far)
    assert case.gas(referee) <= DEAREST["dearest product"]().gas(referee)


@pytest.mark.parametrize("name", [*ORDINARY, *DEAREST])
def test_the_bound_of_an_op_is_above_what_its_proofs_cost(referee, name):
    case = {**ORDINARY, **DEAREST}[name]()
    assert case.gas(referee) <= most_gas(case.program.op(0)) <= LOOSE * case.gas(referee)


@pytest.mark.parametrize("name", ["dearest product", "dearest straight product", "dearest sum", "most guards"])
def test_the_bound_is_close_where_it_matters(referee, name):
    case = DEAREST[name]()
    assert most_gas(case.program.op(0)) <= 1.3 * case.gas(referee)


@pytest.mark.parametrize(("stride", "steps"), [(1, 4096), (2, 1024), (64, 350), (23, 1000), (500, 50)])
def test_a_long_proof_of_little_arithmetic(referee, stride, steps):
    """There the floor counts that a transaction pays for its calldata (EIP-7623)."""
    words = ops.words_of("noise", 1 + stride * (steps - 1))
    op = Op(Kind.REDUCE, Fn.IADD, (), (steps,), (Access(0, (stride,)),))
    assert ops.of(op, [words]).gas(referee) <= most_gas(op)


@pytest.mark.parametrize(("rows", "length", "far"), [(512, 8, 9), (512, 8, 32), (45, 64, 5000), (256, 16, 17)])
@pytest.mark.parametrize("guards", [0, 1, 2])
def test_short_rows(referee, rows, length, far, guards):
    op = Op(
        Kind.REDUCE, Fn.IADD, (), (rows, length), (Access(0, (far, 1), guards=(Guard(0, 1 << 20, (1, 1)),) * guards),)
    )
    if well_formed(op, 1):
        words = ops.words_of("noise", 1 + far * (rows - 1) + length)
        assert ops.of(op, [words]).gas(referee) <= most_gas(op)


@pytest.mark.parametrize(("rows", "length", "far"), [(512, 8, 64), (512, 8, 700), (256, 16, 300), (100, 40, 500)])
def test_rows_that_lie_across(referee, rows, length, far):
    """Each goes over all chunks again."""
    op = Op(Kind.REDUCE, Fn.IADD, (), (rows, length), (Access(0, (1, far)),))
    words = ops.words_of("noise", 1 + far * (length - 1) + rows)
    assert ops.of(op, [words]).gas(referee) <= most_gas(op)


def test_random_ops_near_the_bounds(referee):
    rng = np.random.default_rng(16_384)
    for _ in range(400 if DEEP else 12):
        case = ops.random_heavy(rng)
        assert case.gas(referee) <= most_gas(case.program.op(0))


@pytest.mark.parametrize("guards", range(9))
@pytest.mark.parametrize("length", [2, 8, 4096])
def test_no_bound_exceeds_what_a_transaction_can_have(guards, length):
    """With the most steps that so many guards leave, in rows that are short, just not short or one, and the longest proof."""
    steps = min(MAX_REDUCTION, MAX_STEPS // (4 + guards))
    inner = min(length, steps)
    reduced = (2,) * ((steps // inner).bit_length() - 1) + (inner,)
    coefs = (*(2 * i + 3 for i in range(len(reduced) - 1)), 3 if inner < 9 else 1)
    a, b = (Access(0, coefs, guards=(Guard(0, 1, coefs),) * min(4, max(0, guards - 4 * place))) for place in range(2))
    op = Op(Kind.CONTRACT, Fn.MUL, (), reduced, (a, b, Access(0, (0,) * len(reduced))))
    assert well_formed(op, 1) and op.steps > steps // 2
    longest = 18 * (MAX_PROOF_BYTES - op.proof_bytes)
    assert (most_gas(op) + longest) * steps / op.steps < TRANSACTION_GAS
    assert TRANSACTION_GAS == TX_GAS_CAP
