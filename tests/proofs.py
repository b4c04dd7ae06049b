"""Proofs of single elements of a whole execution, for tests of what they cost: the referee in the EVM, real operands.

proofs = Proofs(evm.deploy("Referee"), trace)
gas = proofs.prove(op, element)            # raises unless the referee finds the word that the executor computed
hardest = proofs.dearest(op)
"""

from __future__ import annotations

import numpy as np

from opg.tensor import Op, Trace, op_proof, openings
from opg.tensor.program import CHUNK_WORDS, NO_VALUE, Access, Kind
from tests.evm import Contract, account

TRIED = 6


class Proofs:
    """The proofs of one trace."""

    def __init__(self, referee: Contract, trace: Trace) -> None:
        self.referee, self.trace, self.program = referee, trace, trace.program
        self.random = np.random.default_rng(len(self.program.encoded))

    def arguments(self, index: int, element: int) -> tuple:
        """What `Referee.element` takes."""
        claim = (self.program.root, self.trace.input_root, self.trace.tree.root, index, element)
        return claim, op_proof(self.program, index), openings(self.trace, index, element)

    def prove(self, index: int, element: int) -> int:
        """Gas of a transaction that proves an element, calldata included."""
        receipt = self.referee.element(*self.arguments(index, element), sender=account(0), static=False)
        assert receipt.value == self.trace.results[index][element], (index, element)
        return receipt.gas_used

    def four(self, index: int) -> dict[int, int]:
        """Gas by element: of the first, the last, a random and the dearest one."""
        words = self.program.words_of(index)
        chosen = {0, words - 1, int(self.random.integers(words))}
        return {element: self.prove(index, element) for element in sorted(chosen)} | dict([self.dearest(index)])

    def dearest(self, index: int) -> tuple[int, int]:
        """The element that costs most, and its gas.

        Of a fold it is among those that read most, in bounds and across most chunks: these are counted for every element, and some of the
        most are proven. Of others it is the dearest of the least and the largest results, those next to zero, and some more: what their functions cost
        depends on the numbers.
        """
        op, words = self.program.op(index), self.program.words_of(index)
        tried: set[int] = set()
        if op.kind in (Kind.CONTRACT, Kind.REDUCE):
            read = reading(op)
            candidates = np.flatnonzero(read == read.max())
        else:
            numbers = np.nan_to_num(self.trace.results[index].view(np.float32))
            size = np.abs(numbers)
            tried = {int(each) for each in (size.argmin(), size.argmax(), numbers.argmin(), numbers.argmax())}
            candidates = np.arange(words)
        tried |= {int(e) for e in self.random.choice(candidates, min(TRIED, len(candidates)), replace=False)}
        gas = {element: self.prove(index, element) for element in sorted(tried)}
        most = max(gas, key=gas.__getitem__)
        return most, gas[most]


def reading(op: Op) -> np.ndarray:
    """How many chunks each element of a fold reads, as a number to compare by; those out of bounds do not count."""
    folded = op.operands[:2] if op.kind == Kind.CONTRACT else op.operands
    total = np.zeros(op.dims)
    for access in folded:
        if access.value != NO_VALUE:
            total += _chunks(op, access) * _share_inside(op, access)
    return total.ravel()


def _forms(dims: tuple[int, ...], coefs: tuple[int, ...], base: int) -> np.ndarray:
    """base + Σ coef · index at every index."""
    found = np.full((1,) * len(dims), base, dtype=np.int64)
    for axis, (dim, coef) in enumerate(zip(dims, coefs, strict=True)):
        shape = [1] * len(dims)
        shape[axis] = dim
        found = found + (np.arange(dim) * coef).reshape(shape)
    return np.broadcast_to(found, dims)


def _chunks(op: Op, access: Access) -> np.ndarray:
    """Chunks that an operand's addresses fall into, were all of them in bounds: it depends on where in a chunk the first one is."""
    own = len(op.dims)
    steps = _forms(op.reduced, access.coefs[own:], 0).ravel()
    by_place = np.array([len(np.unique((place + steps) // CHUNK_WORDS)) for place in range(CHUNK_WORDS)])
    return by_place[_forms(op.dims, access.coefs[:own], access.base) % CHUNK_WORDS]


def _share_inside(op: Op, access: Access) -> np.ndarray:
    """The share of the steps that the guards leave, as if they did not know of each other."""
    own, share = len(op.dims), np.ones(op.dims)
    for guard in access.guards:
        first = _forms(op.dims, guard.coefs[:own], guard.offset)
        steps = _forms(op.reduced, guard.coefs[own:], 0).ravel()
        values, counts = np.unique(steps, return_counts=True)
        inside = sum(
            count * ((first + value >= 0) & (first + value < guard.limit))
            for value, count in zip(values, counts, strict=True)
        )
        share = share * inside / len(steps)
    return share
