"""What a compilation made, for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from opg.tensor.program import Kind, Program


@dataclass(frozen=True)
class Report:
    """What a compilation made."""

    operators: dict[str, int]
    kinds: dict[str, int]
    constants: int
    constant_words: int
    macs: int
    largest_tensor: int
    worst_proof_bytes: int


def report_of(program: Program, operators: Counter) -> Report:
    ops = [program.op(i) for i in range(len(program.encoded))]
    kinds = Counter(Kind(o.kind).name for o in ops)
    return Report(
        operators=dict(sorted(operators.items())),
        kinds=dict(sorted(kinds.items())),
        constants=len(program.constants),
        constant_words=sum(c.size for c in program.constants),
        macs=sum(o.words * o.steps for o in ops if o.kind == Kind.CONTRACT),
        largest_tensor=max([o.words for o in ops] + [c.size for c in program.constants]),
        worst_proof_bytes=max(o.proof_bytes for o in ops),
    )
