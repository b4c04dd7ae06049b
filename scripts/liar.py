"""A host that lies about one word, for the demo and the tests: the node of `opg.node` with another
executor.

It flips one bit of one element of one operation and computes on from there, so everything else in its trace
is right: the best lie there is, because nothing but that one word contradicts anything.

    python -m scripts.liar --lie-at 2:5 --model … --version-id … --operator … --port … --data … …
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from opg.chain import load_account
from opg.console import amount, connect
from opg.errors import BadInput
from opg.log import say
from opg.node import Policy, launch, serve
from opg.tensor import Program, Trace, trace
from opg.tensor.executor import run_op
from opg.versions import Executor

BITS = 32


class LyingExecutor:
    """Executes with one wrong word: bit `bit` of word `element` of op `op`, or the lowest bit that changes
    the outputs.
    """

    def __init__(self, op: int, element: int, bit: int | None = None) -> None:
        self.op, self.element, self.bit = op, element, bit

    def execute(self, program: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The wrong outputs."""
        say("lying", op=self.op, element=self.element)
        return self.trace(program, inputs).outputs

    def trace(self, program: Program, inputs: Sequence[np.ndarray]) -> Trace:
        """A trace that is wrong in one word only, and everything that follows from it.

        Raises `BadInput` when there is no such word, or when no bit of it changes the outputs: then it
        would be no lie.
        """
        if not 0 <= self.op < len(program.encoded):
            raise BadInput(f"there is no op {self.op}", f"the program has ops 0 to {len(program.encoded) - 1}")
        if not 0 <= self.element < program.words_of(self.op):
            raise BadInput(
                f"op {self.op} has no element {self.element}",
                f"it has elements 0 to {program.words_of(self.op) - 1}",
            )
        honest = trace(program, inputs)
        for bit in range(BITS) if self.bit is None else [self.bit]:
            lie = self._from_there(program, honest, bit)
            if any((a != b).any() for a, b in zip(lie.outputs, honest.outputs, strict=True)):
                return lie
        raise BadInput(
            f"no bit of element {self.element} of op {self.op} changes the answer to this input",
            "choose another element: this one is multiplied by zero or cut off",
        )

    def _from_there(self, program: Program, honest: Trace, bit: int) -> Trace:
        results = list(honest.results)
        results[self.op] = results[self.op].copy()
        results[self.op][self.element] ^= np.uint32(1 << bit)
        for index in range(self.op + 1, len(results)):
            results[index] = run_op(program.op(index), [*honest.inputs, *program.constants, *results[:index]])
        return Trace(program, honest.inputs, results)


class SometimesLying:
    """Lies about a share of all inputs, each time in another place. What it does with an input depends on that input and `seed` alone, so
    it defends its lies with the trace that it signed, also after a restart.
    """

    def __init__(self, share: float, seed: int) -> None:
        self.share, self.seed = share, seed

    def execute(self, program: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs, wrong or right."""
        return self.trace(program, inputs).outputs

    def trace(self, program: Program, inputs: Sequence[np.ndarray]) -> Trace:
        """A right trace, or one that is wrong in one word and what follows from it."""
        seen = hashlib.sha256(b"".join(words.tobytes() for words in inputs)).digest()
        draw = random.Random(seen + self.seed.to_bytes(8, "big"))
        if draw.random() >= self.share:
            return trace(program, inputs)
        while True:  # not every word matters for this input
            op = draw.randrange(len(program.encoded))
            try:
                return LyingExecutor(op, draw.randrange(program.words_of(op))).trace(program, inputs)
            except BadInput:
                continue


def main() -> None:
    """A node with a lying executor; the options are those of `opg node` that the demo and the tests need."""
    parser = argparse.ArgumentParser(description="A host that lies about one word.")
    lie = parser.add_mutually_exclusive_group(required=True)
    lie.add_argument("--lie-at", metavar="OP:ELEMENT")
    lie.add_argument("--lie-share", type=float, metavar="SHARE", help="lies about so many inputs, somewhere")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--price", default="0")
    parser.add_argument("--commit-every", type=float, default=0)
    for name in ("rpc", "operator"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("manifest", "model", "data"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("version-id", "port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--poll", type=float, default=1.0)
    given = parser.parse_args()
    executor: Executor
    if given.lie_at:
        executor = LyingExecutor(*map(int, given.lie_at.split(":")))
    else:
        executor = SometimesLying(given.lie_share, given.seed)
    chain = connect(given.rpc, given.manifest)
    _, endpoint = chain.read("Staking", "operatorInfo", given.operator)
    policy = Policy(amount(given.price), given.poll, given.commit_every, endpoint=endpoint, max_skew_seconds=0)
    models = {given.version_id: given.model}
    node = launch(chain, load_account(), given.operator, models, given.data, policy, executor)
    serve(node, "127.0.0.1", given.port)


if __name__ == "__main__":
    main()
