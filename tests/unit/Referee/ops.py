"""One-op programs for gas: ordinary ones, and the dearest that are still well-formed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opg.tensor import op_proof, openings, trace
from opg.tensor.functions import Fn, Words, arity
from opg.tensor.program import MAX_STEPS, NO_VALUE, Access, Guard, Kind, Op, Program, well_formed
from tests.evm import Contract


@dataclass
class Case:
    """A program whose last op is asked for one element, and its inputs."""

    program: Program
    inputs: list[Words]
    position: int = 0

    def arguments(self) -> tuple[tuple, int]:
        """What `Referee.element` takes, and the word that it must give."""
        run = trace(self.program, self.inputs)
        op = len(self.program.encoded) - 1
        claim = (self.program.root, run.input_root, run.tree.root, op, self.position)
        given = (claim, op_proof(self.program, op), openings(run, op, self.position))
        return given, int(run.results[op][self.position])

    def gas(self, referee: Contract) -> int:
        """Of a whole transaction, calldata included."""
        given, want = self.arguments()
        receipt = referee.element(*given, sender=referee._evm.accounts[0], static=False)
        assert receipt.value == want
        return receipt.gas_used


def of(op: Op, inputs: list[Words], constants: list[Words] = (), position: int = 0) -> Case:
    assert well_formed(op, len(inputs) + len(constants)), op
    return Case(Program(tuple(map(len, inputs)), [*constants], [op.encode()], (0,)), inputs, position)


def floats(seed: int, count: int) -> Words:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32).view(np.uint32)


def immediate(axes: int, word: int = 0) -> Access:
    return Access(NO_VALUE, (0,) * axes, fill=word)


def product(k: int, fn: int = Fn.MUL) -> Case:
    """An element of a matrix product, both operands laid out along k."""
    op = Op(Kind.CONTRACT, fn, (2, 4), (k,), (Access(0, (k, 0, 1)), Access(1, (0, k, 1)), immediate(3)))
    return of(op, [floats(1, 2 * k)], [floats(2, 4 * k)], 5)


def convolution(channels: int, position: int) -> Case:
    """3 × 3 over 8 × 8 pixels with padding, four outputs, a bias; channels innermost."""
    size, c = 8, channels
    image = Access(
        0,
        (size * c, c, 0, size * c, c, 1),
        base=-size * c - c,
        guards=(Guard(-1, size, (1, 0, 0, 1, 0, 0)), Guard(-1, size, (0, 1, 0, 0, 1, 0))),
    )
    weights, bias = Access(1, (0, 0, 9 * c, 3 * c, c, 1)), Access(2, (0, 0, 1, 0, 0, 0))
    op = Op(Kind.CONTRACT, Fn.MUL, (size, size, 4), (3, 3, c), (image, weights, bias))
    return of(op, [floats(3, size * size * c)], [floats(4, 36 * c), floats(5, 4)], position)


def reduction(fn: int, words: Words) -> Case:
    return of(Op(Kind.REDUCE, fn, (), (len(words),), (Access(0, (1,)),)), [words])


def elementwise(fn: int) -> Case:
    n = arity(fn)
    op = Op(Kind.MAP, fn, (1000,), (), tuple(Access(0, (1,)) for _ in range(n)))
    return of(op, [np.abs(floats(6, 1000).view(np.float32)).view(np.uint32)], [], 777)


# ---- the dearest


def words_of(style: str, count: int, seed: int = 7) -> Words:
    """Operands that leave the quick gaits of the arithmetic, each in its own way."""
    rng = np.random.default_rng(seed)
    sign = rng.integers(0, 2, count, dtype=np.uint32) << np.uint32(31)
    ranges = {
        "subnormal": (1, 1 << 23),
        "tiny": (0x00800000, 0x01800000),
        "huge": (0x7E800000, 0x7F000000),
        "normal": (0x3F000000, 0x40000000),
    }
    if style in ranges:
        return rng.integers(*ranges[style], count, dtype=np.uint32) | sign
    if style == "mixed":  # one subnormal in each eight
        return np.where(np.arange(count) % 8 == 0, words_of("subnormal", count), words_of("normal", count))
    if style == "noise":
        return rng.integers(0, 1 << 32, count, dtype=np.uint32)
    word = {"nan": 0x7FC00000, "infinite": 0x7F800000, "-0": 1 << 31, "one": 0x3F800000}[style]
    return np.full(count, word, dtype=np.uint32)


STYLES = ("subnormal", "tiny", "huge", "normal", "mixed", "noise", "nan", "infinite", "-0", "one")
FIRSTS = (0, 1 << 31, 0x7B800000, 0x00400000, 0x3F800000)  # 0, -0, 2^120, a subnormal, 1


def straight(style: str, other: str, first: int) -> Case:
    """The longest dot product."""
    op = Op(Kind.CONTRACT, Fn.MUL, (), (4096,), (Access(0, (1,)), Access(1, (1,)), immediate(1, first)))
    return of(op, [words_of(style, 4096)], [words_of(other, 4096)])


def scattered(style: str, other: str, first: int, far: int = 2048) -> Case:
    """The longest dot product, with twelve axes that no two of can be joined; two neighbours are `far` apart."""
    coefs = (far, *(1 << i for i in range(11)))[::-1]
    coefs = (*coefs[1:], far)
    length = 1 + sum(coefs)
    op = Op(Kind.CONTRACT, Fn.MUL, (), (2,) * 12, (Access(0, coefs), Access(1, coefs), immediate(12, first)))
    return of(op, [words_of(style, length)], [words_of(other, length)])


def guarded(style: str, other: str, guards: int) -> Case:
    """As many steps as the arithmetic bound leaves with so many guards, each of which holds everywhere."""
    axes = (2048 * 8 // (4 + guards)).bit_length() - 1
    coefs = tuple(1 << i for i in range(axes))
    guard = Guard(0, 1 << 20, coefs)
    a, b = (Access(i, coefs, guards=(guard,) * min(4, n)) for i, n in enumerate((guards, max(0, guards - 4))))
    op = Op(Kind.CONTRACT, Fn.MUL, (), (2,) * axes, (a, b, immediate(axes)))
    assert op.steps * (4 + guards) * 2 > MAX_STEPS
    return of(op, [words_of(style, 1 << axes)], [words_of(other, 1 << axes)])


def wide() -> Case:
    """As many runs in the tallest trees as the proof bound allows for both operands."""
    far = 40_003
    op = Op(Kind.CONTRACT, Fn.MUL, (), (24, 2), (Access(0, (far, 1)), Access(1, (far, 1)), immediate(2)))
    return of(op, [words_of("subnormal", 24 * far)], [words_of("normal", 24 * far)])


def random_heavy(rng: np.random.Generator) -> Case:
    """A reduction near the bounds: wild axes, coefficients and guards, operands of any style."""
    while True:
        reduced: list[int] = []
        while len(reduced) < 12 and np.prod(reduced, dtype=int) < 2048:
            reduced.append(int(rng.choice([2, 2, 2, 3, 4, 8, 16, 64])))
        axes, length = len(reduced), int(rng.choice([4096, 12_000, 24_000]))
        operands = []
        for value in range(2):
            coefs = tuple(int(c) for c in rng.integers(-1, 1 + length // max(1, sum(reduced) - axes), axes))
            guards = tuple(
                Guard(0, int(rng.integers(1, 400)), tuple(int(c) for c in rng.integers(-1, 9, axes)))
                for _ in range(int(rng.integers(0, 3)))
            )
            operands.append(Access(value, coefs, base=int(rng.integers(0, 64)), guards=guards))
        fn = int(rng.choice([Fn.MUL, Fn.MUL, Fn.MUL, Fn.IMUL]))
        first = int(rng.choice(np.array(FIRSTS)))
        op = Op(Kind.CONTRACT, fn, (), tuple(reduced), (*operands, immediate(axes, first)))
        if rng.random() < 0.2:
            op = Op(Kind.REDUCE, int(rng.choice([Fn.ADD, Fn.MUL, Fn.MAX])), (), tuple(reduced), (operands[0],))
        if well_formed(op, 2):
            styles = rng.choice(np.array(STYLES), 2)
            return of(op, [words_of(str(styles[0]), length)], [words_of(str(styles[1]), length)])
