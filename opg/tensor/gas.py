"""What it costs at most to prove one element of an op on chain: gas of a whole transaction that calls `Referee.element`, calldata included.

The bound holds for every element, all operands and every program that has the op, also for what the referee is slowest with: subnormals, sums that
leave its fixed point, the tallest trees, reads that go to and fro. Ordinary numbers in a model's sums cost a third to a fifth of it.
tests/unit/Referee/test_gas.py holds it to the dearest ops there are, tests/unit/Referee/test_ladder.py to every op of real models.
"""

from __future__ import annotations

from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE, Access, Kind, Op

TRANSACTION_GAS = 16_777_216  # EIP-7825

_FLOOR, _FLOOR_BYTE = 80_000, 40  # what a transaction pays for its calldata, however little it executes (EIP-7623)
_BASE, _OP_BYTE = 80_000, 40  # the transaction, the largest header, the longest path; the op's bytes
_OPERAND, _PROOF_BYTE = 15_000, 18  # for each tensor that is read; its chunks and paths, calldata and hashing
_FUNCTION, _POWER = 25_000, 100_000  # of a MAP
_PRODUCT, _INTEGER_PRODUCT = 2_150, 160  # a step's arithmetic
_FOLDS, _FOLD = {Fn.ADD: 1_750, Fn.MUL: 1_050}, 780
# `Reading.sol`: a reduction's words are copied row by row, or, where rows are short, taken one by one
_SHORT_ROW = 8
_WORD, _WORD_GUARD = 600, 200
_ROW, _ROW_GUARD = 1_500, 250
_NEIGHBOUR, _STRIDED = 5, 75  # a word of a row; what lies between two of them is in the proof bound


def most_gas(op: Op) -> int:
    """No proof of an element of this well-formed op takes more gas."""
    return max(_execution(op), _FLOOR + _FLOOR_BYTE * (op.proof_bytes + len(op.encode())))


def _execution(op: Op) -> int:
    read = [a for a in op.operands if a.value != NO_VALUE]
    total = _BASE + _OP_BYTE * len(op.encode()) + _OPERAND * len(read) + _PROOF_BYTE * op.proof_bytes
    if op.kind == Kind.MAP:
        return total + (_POWER if op.fn == Fn.POW else _FUNCTION)
    if op.kind == Kind.CONTRACT:
        step, walked = _PRODUCT if op.fn == Fn.MUL else _INTEGER_PRODUCT, op.operands[:2]
    elif op.kind == Kind.REDUCE:
        step, walked = _FOLDS.get(op.fn, _FOLD), op.operands
    else:
        return total
    return total + op.steps * step + sum(_reading(op, a) for a in walked)


def _reading(op: Op, access: Access) -> int:
    """Of all words of one operand, in the order of the steps."""
    length, stride = _row(op, access)
    rows, guards = op.steps // length, len(access.guards)
    if length < _SHORT_ROW:
        return op.steps * (_WORD + _WORD_GUARD * guards)
    word = _NEIGHBOUR if stride == 1 else _STRIDED
    return rows * (_ROW + _ROW_GUARD * guards) + op.steps * word


def _row(op: Op, access: Access) -> tuple[int, int]:
    """The steps of a row, and how far apart its words are: the innermost axis, with those that continue it."""
    own, length, first = len(op.dims), 1, None
    forms = (access.coefs[own:], *(guard.coefs[own:] for guard in access.guards))
    for axis in range(len(op.reduced) - 1, -1, -1):
        if op.reduced[axis] == 1:
            continue
        coefs = tuple(form[axis] for form in forms)
        if first is None:
            first = coefs
        elif coefs != tuple(coef * length for coef in first):
            break
        length *= op.reduced[axis]
    return length, first[0] if first else 0
