"""Every op of every real model can be proven: the first, the last, a random and the dearest element of each.

The models come from wheels: `make models`. The dearest proof of each is measured on a real node as well, into tests/gas.json.
"""

from __future__ import annotations

from functools import cache

import pytest

from opg.tensor import trace
from opg.tensor.gas import most_gas
from tests.evm import TX_GAS_CAP, Evm
from tests.models import LADDER, Ladder
from tests.proofs import Proofs
from tests.unit.Referee.test_gas import LOOSE

every_model = pytest.mark.parametrize("model", LADDER, ids=lambda m: m.name)


@cache
def proofs(model: Ladder) -> Proofs:
    """Of one execution on the model's first input."""
    compiled = model.compile()
    given = next(iter(model.inputs()))
    executed = trace(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    return Proofs(Evm().deploy("Referee"), executed)


@cache
def gas_of(model: Ladder) -> list[dict[int, int]]:
    """For each op, what each of its four elements costs. Raises where the referee finds another word than the executor."""
    made = proofs(model)
    return [made.four(index) for index in range(len(made.program.encoded))]


@every_model
def test_every_op_is_provable(model):
    for index, gas in enumerate(gas_of(model)):
        words = proofs(model).program.words_of(index)
        assert {0, words - 1} <= gas.keys() and len(gas) >= min(words, 3)
        assert max(gas.values()) < TX_GAS_CAP


@every_model
def test_the_bound_is_above_what_every_op_costs_and_not_far(model):
    program = proofs(model).program
    for index, gas in enumerate(gas_of(model)):
        op = program.op(index)
        assert max(gas.values()) <= most_gas(op) <= LOOSE * max(gas.values()), (index, op)
    assert model.compile().report.worst_gas == max(most_gas(program.op(i)) for i in range(len(program.encoded)))


@every_model
def test_the_dearest_proof_on_a_real_node(anvil_evm, gas_snapshot, model):
    costs = gas_of(model)
    index = max(range(len(costs)), key=lambda i: max(costs[i].values()))
    element = max(costs[index], key=costs[index].__getitem__)
    there = Proofs(anvil_evm.deploy("Referee"), proofs(model).trace)
    gas_snapshot(f"Referee.element: worst of {model.name}", there.prove(index, element))
