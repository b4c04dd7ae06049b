"""What a proof of one element costs, estimated. All coefficients stand here; a test holds them to the referee's measured gas.

The estimate is for a whole transaction that calls `Referee.element`, its calldata included, on ordinary operands: it is at or above what is
measured on the models of the tests, and at most twice that. What no operand can exceed is the business of the well-formedness
rules (docs/tensor-machine.md) and is measured for the dearest ops there are.
"""

from __future__ import annotations

from math import prod

from opg.tensor.functions import Fn
from opg.tensor.program import CHUNK_WORDS, NO_VALUE, Access, Kind, Op

BASE = 54_000  # the transaction, the program's header, the op and its path
OPERAND = 37_000  # a tensor's root, its path in the trace, and one chunk of it with its siblings
CHUNK = 5_200  # another chunk beside it
RUN = 33_000  # another chunk elsewhere, with siblings of its own
GUARD = 300  # one guard of one operand, at each step
FUNCTION = 6_000  # a function of a MAP
POWER = 32_000  # the dearest one
STEP = 470  # of a CONTRACT, and of a sum or a product
COMPARISON = 750  # of a maximum, a minimum or an arg function

SUMS = (Fn.ADD, Fn.MUL, Fn.IADD, Fn.IMUL)


def chunks_of(access: Access, dims: tuple[int, ...], reduced: tuple[int, ...]) -> tuple[int, int]:
    """(runs, chunks) that one element reads of an operand: places far apart, and chunks in all of them."""
    axes = [(abs(c), d) for c, d in zip(access.coefs[len(dims) :], reduced, strict=True) if d > 1 and c]
    near = [(c, d) for c, d in axes if c < CHUNK_WORDS]
    span = 1 + sum(c * (d - 1) for c, d in near)
    far = [(c, d) for c, d in axes if c >= CHUNK_WORDS]
    joined = [(c, d) for c, d in far if c <= span + CHUNK_WORDS]  # rows that follow each other
    runs = prod(d for c, d in far if (c, d) not in joined)
    rows = prod(d for _, d in joined)
    return runs, runs * rows * ((span + CHUNK_WORDS - 2) // CHUNK_WORDS + 1)


def referee_gas(op: Op) -> int:
    """Gas of a transaction that proves an element of this op."""
    steps, gas = op.steps, BASE
    for number, access in enumerate(op.operands):
        if access.value == NO_VALUE:
            continue
        folded = op.kind == Kind.REDUCE or (op.kind == Kind.CONTRACT and number < 2)
        runs, chunks = chunks_of(access, op.dims, op.reduced) if folded else (1, 1)
        gas += OPERAND + RUN * (runs - 1) + CHUNK * (chunks - runs)
        gas += GUARD * len(access.guards) * (steps if folded else 1)
    if op.kind == Kind.MAP:
        return gas + (POWER if op.fn == Fn.POW else FUNCTION)
    if op.kind in (Kind.MOVE, Kind.PICK):
        return gas
    return gas + (STEP if op.kind == Kind.CONTRACT or op.fn in SUMS else COMPARISON) * steps
