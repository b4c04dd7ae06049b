"""An upper bound of what it costs to prove one element of an op on chain, in gas of a whole transaction.

The bound holds for every element and all operands, also for those that the referee is slowest with: subnormals, sums that leave its fixed point,
reads in an order that takes them word by word. Ordinary numbers cost a quarter of it. tests/unit/Referee/test_gas.py compares it with
receipts, and finds that no well-formed op's bound exceeds what a transaction can have.
"""

from __future__ import annotations

from opg.tensor.functions import Fn
from opg.tensor.program import Kind, Op

TRANSACTION_GAS = 16_777_216  # EIP-7825

_BASE = 250_000  # the transaction, header, op and paths, single reads, any function
_PROOF_BYTE = 18  # calldata and hashing
_READ, _GUARD = 580, 200  # for each step and operand; for each guard
_PRODUCT, _INTEGER_PRODUCT, _SUM, _FOLD = 2_150, 120, 1_800, 1_100


def most_gas(op: Op) -> int:
    """No proof of an element of this well-formed op takes more gas."""
    total = _BASE + _PROOF_BYTE * op.proof_bytes
    if op.kind == Kind.CONTRACT:
        walked, step = op.operands[:2], _PRODUCT if op.fn == Fn.MUL else _INTEGER_PRODUCT
    elif op.kind == Kind.REDUCE:
        walked, step = op.operands, _SUM if op.fn == Fn.ADD else _FOLD
    else:
        return total
    return total + op.steps * (step + sum(_READ + _GUARD * len(a.guards) for a in walked))
