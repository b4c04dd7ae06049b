"""The compiler's estimate of what a proof costs, held to the referee."""

import numpy as np
import pytest

from opg.tensor import op_proof, openings, trace
from opg.tensor.compiler.gas import referee_gas
from tests.conftest import DEEP
from tests.evm import TX_GAS_CAP, Evm
from tests.models import DIGITS, LADDER, MAGIKA, MINILM, OCR, SILERO
from tests.unit.Referee import ops
from tests.unit.Referee.test_gas import ORDINARY

MODELS = LADDER if DEEP else (DIGITS, SILERO, MAGIKA)
SAMPLE = {MAGIKA: 24, SILERO: 40, OCR: 60, MINILM: 60}


@pytest.fixture(scope="module")
def referee():
    return Evm().deploy("Referee")


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_ops(referee, name):
    case = ORDINARY[name]()
    measured, estimate = case.gas(referee), referee_gas(case.program.op(0))
    assert estimate / 2 <= measured <= estimate


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_ops_of_real_models(referee, model):
    """First, last and a random element of many ops are proven, and none costs more than the compiler says."""
    compiled = model.compile()
    given = next(iter(model.inputs()))
    run = trace(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    count, rng, worst = len(compiled.program.encoded), np.random.default_rng(5), 0
    for index in sorted(rng.permutation(count)[: SAMPLE.get(model, count)].tolist()):
        result, op = run.results[index], compiled.program.op(index)
        for position in sorted({0, len(result) - 1, int(rng.integers(len(result)))}):
            claim = (compiled.program.root, run.input_root, run.tree.root, index, position)
            given = (claim, op_proof(compiled.program, index), openings(run, index, position))
            receipt = referee.element(*given, sender=referee._evm.accounts[0], static=False)
            assert receipt.value == result[position]
            assert referee_gas(op) / 2 <= receipt.gas_used <= referee_gas(op), op
            worst = max(worst, receipt.gas_used)
    assert worst <= compiled.report.worst_gas < TX_GAS_CAP


def test_the_dearest_ops_stay_below_a_transaction():
    """An estimate for ordinary numbers; the hardest ones are measured in tests/unit/Referee."""
    assert referee_gas(ops.product(4096).program.op(0)) < TX_GAS_CAP / 4
