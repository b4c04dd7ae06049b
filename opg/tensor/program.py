"""Programs of the tensor machine: operations, their bytes, and what a program root commits to.

Normative text: docs/tensor-machine.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from math import prod

import numpy as np
from eth_abi import encode
from eth_utils import keccak

from opg.tensor.commitment import ListTree, Tree, forest
from opg.tensor.errors import TensorError
from opg.tensor.functions import ARGMAX, ARGMIN, IARGMAX, IARGMIN, Fn, arity

NO_VALUE = 0xFFFFFFFF
MACHINE = keccak(text="OPG tensor machine 1")

MAX_AXES = 12
MAX_WORDS = 1 << 28
MAX_OP_BYTES = 1_024  # no well-formed op is longer
MAX_REDUCTION = 1 << 12
MAX_GUARDS = 4
MAX_STEPS = 16_384
MAX_PROOF_BYTES = 98_304
RUN_BYTES = 1_504
CHUNK_WORDS = 64
CHUNK_BYTES = 256

FOLDS = frozenset({Fn.ADD, Fn.MUL, Fn.MIN, Fn.MAX, Fn.IADD, Fn.IMUL, Fn.IMIN, Fn.IMAX})
ARGS = frozenset({ARGMAX, ARGMIN, IARGMAX, IARGMIN})


class Kind(IntEnum):
    MAP = 1
    CONTRACT = 2
    REDUCE = 3
    MOVE = 4
    PICK = 5


@dataclass(frozen=True)
class Guard:
    """In bounds only where `0 <= offset + sum(coefs * index) < limit`."""

    offset: int
    limit: int
    coefs: tuple[int, ...]


@dataclass(frozen=True)
class Access:
    """How an operand is read: address `base + sum(coefs * index)` of tensor `value`, else `fill`."""

    value: int
    coefs: tuple[int, ...]
    base: int = 0
    fill: int = 0
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True)
class Op:
    """One operation. `dims` are the output axes, `reduced` the reduction axes; last axis fastest."""

    kind: int
    fn: int
    dims: tuple[int, ...]
    reduced: tuple[int, ...]
    operands: tuple[Access, ...]
    stride: int = 0  # PICK
    count: int = 0  # PICK
    spare: int = 0  # the low four bits of the first word; zero in every well-formed op

    def encode(self) -> bytes:
        """The bytes that `opsRoot` commits to."""
        head = self.kind << 24 | self.fn << 16 | len(self.operands) << 12 | len(self.dims) << 8
        words = [head | len(self.reduced) << 4 | self.spare, *self.dims, *self.reduced]
        for a in self.operands:
            words += [a.value, a.fill, a.base, len(a.guards), *a.coefs]
            for g in a.guards:
                words += [g.offset, g.limit, *g.coefs]
        if self.kind == Kind.PICK:
            words += [self.stride, self.count]
        return b"".join((w & 0xFFFFFFFF).to_bytes(4, "big") for w in words)

    @property
    def words(self) -> int:
        """Length of the result."""
        return prod(self.dims)

    @property
    def steps(self) -> int:
        """K, the product of the reduction dims."""
        return prod(self.reduced)

    @property
    def proof_bytes(self) -> int:
        """Bound on the bytes that the operands need in a proof (rule 6)."""
        total = 0
        for number, a in enumerate(self.operands):
            if a.value != NO_VALUE:
                folded = self.kind == Kind.REDUCE or (self.kind == Kind.CONTRACT and number < 2)
                total += _operand_bytes(a.coefs[len(self.dims) :], self.reduced) if folded else 1_760
        return total


def _operand_bytes(coefs: tuple[int, ...], dims: tuple[int, ...]) -> int:
    best = None
    for j in range(len(dims) + 1):
        runs = prod(dims[:j])
        span = 1 + sum(abs(c) * (d - 1) for c, d in zip(coefs[j:], dims[j:], strict=True))
        need = runs * (CHUNK_BYTES * ((span + 62) // CHUNK_WORDS + 1) + RUN_BYTES)
        best = need if best is None else min(best, need)
    return best


def decode(data: bytes) -> Op | None:
    """An op from its bytes, or None where they do not have the form that their first word implies."""
    if len(data) < 4 or len(data) % 4:
        return None
    words = np.frombuffer(data, dtype=">u4").astype(np.int64).tolist()
    head = words[0]
    kind, fn, n, r, s = head >> 24, head >> 16 & 0xFF, head >> 12 & 15, head >> 8 & 15, head >> 4 & 15
    at = 1

    def take(count: int) -> list[int]:
        nonlocal at
        if at + count > len(words):
            raise IndexError
        at += count
        return words[at - count : at]

    def signed(word: int) -> int:
        return word - (1 << 32) if word >> 31 else word

    try:
        dims, reduced = tuple(take(r)), tuple(take(s))
        operands = []
        for _ in range(n):
            value, fill, base, g = take(4)
            if g > MAX_GUARDS:
                return None
            coefs = tuple(map(signed, take(r + s)))
            guards = []
            for _ in range(g):
                offset, limit = take(2)
                guards.append(Guard(signed(offset), limit, tuple(map(signed, take(r + s)))))
            operands.append(Access(value, coefs, signed(base), fill, tuple(guards)))
        stride, count = take(2) if kind == Kind.PICK else (0, 0)
    except IndexError:
        return None
    if at != len(words):
        return None
    return Op(kind, fn, dims, reduced, tuple(operands), signed(stride), count, head & 15)


def well_formed(op: Op | None, number: int) -> bool:
    """Whether an op has a meaning of its own; `number` is the value that it makes. Else it is the tensor [0]."""
    if op is None or op.spare:
        return False
    n, s = len(op.operands), len(op.reduced)
    if op.kind == Kind.MAP:
        fits = arity(op.fn) == n > 0 and s == 0
    elif op.kind == Kind.CONTRACT:
        fits = op.fn in (Fn.MUL, Fn.IMUL) and n == 3
    elif op.kind == Kind.REDUCE:
        fits = (op.fn in FOLDS or op.fn in ARGS) and n == 1
    elif op.kind == Kind.MOVE:
        fits = op.fn == 0 and 1 <= n <= 3 and s == 0
    elif op.kind == Kind.PICK:
        fits = op.fn == 0 and n == 2 and s == 0 and op.count >= 1
    else:
        fits = False
    return (
        fits
        and len(op.dims) + s <= MAX_AXES
        and all(d >= 1 for d in op.dims + op.reduced)
        and op.words <= MAX_WORDS
        and op.steps <= MAX_REDUCTION
        and all(len(a.guards) <= MAX_GUARDS for a in op.operands)
        and all(a.value < number or a.value == NO_VALUE for a in op.operands)
        and op.steps * (4 + sum(len(a.guards) for a in op.operands)) <= MAX_STEPS
        and op.proof_bytes <= MAX_PROOF_BYTES
    )


@dataclass
class Program:
    """A compiled model.

    Attributes:
        input_words: word count of each input tensor.
        constants: flat uint32 arrays.
        encoded: the bytes of every op, in order.
        outputs: op indices of the outputs.
        plans: how the executor runs it; made when first needed.
    """

    input_words: tuple[int, ...]
    constants: list[np.ndarray]
    encoded: list[bytes]
    outputs: tuple[int, ...]
    plans: dict = field(default_factory=dict, init=False, repr=False, compare=False)
    _decoded: list[Op | None] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.input_words) <= 16 or not 1 <= len(self.outputs) <= 16 or not self.encoded:
            raise TensorError("a program has 1 to 16 inputs, 1 to 16 outputs and at least one op")
        if max((*self.input_words, *map(len, self.constants))) > MAX_WORDS:
            raise TensorError(f"an input or constant of a program has at most {MAX_WORDS:,} words")
        if max(map(len, self.encoded)) > MAX_OP_BYTES:
            raise TensorError(f"an op of a program has at most {MAX_OP_BYTES:,} bytes, well-formed or not")
        first = self.first_op_value
        self._decoded = []
        for index, data in enumerate(self.encoded):
            op = decode(data)
            self._decoded.append(op if well_formed(op, first + index) else None)

    def __getstate__(self) -> dict:
        """Another process makes its own plans, and hashes again what it needs: those hold locks and addresses of this one."""
        return {name: {} if name == "plans" else getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def first_op_value(self) -> int:
        return len(self.input_words) + len(self.constants)

    def op(self, index: int) -> Op | None:
        """The op, or None where it is not well-formed: then its result is [0]."""
        return self._decoded[index]

    def words_of(self, index: int) -> int:
        """Length of an op's result."""
        op = self._decoded[index]
        return op.words if op else 1

    @cached_property
    def constant_trees(self) -> list[Tree]:
        return forest(self.constants)

    @cached_property
    def constants_tree(self) -> ListTree:
        return ListTree([t.tensor_root for t in self.constant_trees])

    @cached_property
    def ops_tree(self) -> ListTree:
        return ListTree([keccak(e) for e in self.encoded])

    @property
    def constants_root(self) -> bytes:
        return self.constants_tree.root if self.constants else bytes(32)

    @property
    def header(self) -> tuple:
        """The `Header` struct of IReferee.sol, as eth_abi takes it."""
        return (
            list(self.input_words),
            len(self.constants),
            len(self.encoded),
            self.constants_root,
            self.ops_tree.root,
            list(self.outputs),
        )

    @cached_property
    def root(self) -> bytes:
        """programRoot."""
        return program_root(self.header)


HEADER_ABI = "(uint32[],uint32,uint32,bytes32,bytes32,uint32[])"


def program_root(header: tuple) -> bytes:
    """keccak256(abi.encode(machine, header))."""
    return keccak(encode(["bytes32", HEADER_ABI], [MACHINE, header]))
