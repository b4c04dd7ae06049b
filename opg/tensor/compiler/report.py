"""What a compilation made, for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from opg.tensor.gas import most_gas
from opg.tensor.program import Kind, Program


@dataclass(frozen=True)
class Report:
    """What a compilation made.

    Attributes:
        operators: how often each ONNX operator occurs in the file.
        kinds: how many ops there are of each kind.
        macs: multiplications with an addition, of one execution.
        largest_tensor: in words, among constants and results.
        worst_proof_bytes: the bound of rule 6 for the op where it is largest.
        worst_gas: what a proof of an element costs at most, in gas, whatever its operands are (`opg.tensor.gas.most_gas`).
        worst_op: the op where it does: "CONTRACT [508, 512] over [1280]".
    """

    operators: dict[str, int]
    kinds: dict[str, int]
    constants: int
    constant_words: int
    macs: int
    largest_tensor: int
    worst_proof_bytes: int
    worst_gas: int
    worst_op: str


def report_of(program: Program, operators: Counter) -> Report:
    ops = [program.op(i) for i in range(len(program.encoded))]
    worst = max(ops, key=most_gas)
    over = f" over {list(worst.reduced)}" if worst.reduced else ""
    kinds = Counter(Kind(o.kind).name for o in ops)
    return Report(
        operators=dict(sorted(operators.items())),
        kinds=dict(sorted(kinds.items())),
        constants=len(program.constants),
        constant_words=sum(c.size for c in program.constants),
        macs=sum(o.words * o.steps for o in ops if o.kind == Kind.CONTRACT),
        largest_tensor=max([o.words for o in ops] + [c.size for c in program.constants]),
        worst_proof_bytes=max(o.proof_bytes for o in ops),
        worst_gas=most_gas(worst),
        worst_op=f"{Kind(worst.kind).name} {list(worst.dims)}{over}",
    )
