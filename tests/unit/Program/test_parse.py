"""What an op decodes to, and one refusal for each rule of docs/tensor-machine.md, "Well-formed"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn, arity
from opg.tensor.program import (
    ARGS,
    FOLDS,
    MAX_AXES,
    MAX_GUARDS,
    MAX_OP_BYTES,
    NO_VALUE,
    Access,
    Guard,
    Kind,
    Op,
    Program,
    decode,
    well_formed,
)
from tests.conftest import DEEP
from tests.strategies_tensor import random_op

NUMBER = 7  # the value that the op makes


def read(axes: int, value: int = 0, step: int = 1, guards: int = 0) -> Access:
    coefs = (0,) * (axes - 1) + (step,) if axes else ()
    return Access(value, coefs, guards=tuple(Guard(0, 9, (1,) * axes) for _ in range(guards)))


MAP = Op(Kind.MAP, Fn.ADD, (2, 3), (), (read(2), read(2, NO_VALUE)))
CONTRACT = Op(Kind.CONTRACT, Fn.MUL, (2, 3), (5,), (read(3), read(3, 1, guards=2), read(3, NO_VALUE)))
REDUCE = Op(Kind.REDUCE, Fn.MAX, (2,), (4, 5), (read(3),))
MOVE = Op(Kind.MOVE, 0, (6,), (), (read(1), read(1, 1, guards=4)))
PICK = Op(Kind.PICK, 0, (6,), (), (read(1), read(1, 2)), stride=-3, count=4)
KINDS = [MAP, CONTRACT, REDUCE, MOVE, PICK]


def parsed(program, op: Op | bytes, number: int = NUMBER) -> bool:
    """Whether it is well-formed; both languages must agree."""
    data = op if isinstance(op, bytes) else op.encode()
    ok = program.parse(data, number)[0]
    assert ok == well_formed(decode(data), number)
    return ok


@pytest.mark.parametrize("op", KINDS, ids=lambda op: Kind(op.kind).name)
def test_every_part_is_decoded(program, op):
    ok, got = program.parse(op.encode(), NUMBER)
    assert ok
    assert (got.kind, got.fn, got.r, got.wordCount, got.steps) == (op.kind, op.fn, len(op.dims), op.words, op.steps)
    assert tuple(got.dims) == op.dims + op.reduced
    assert (got.stride, got.count) == (op.stride, op.count)
    assert [(a.value, a.fill, a.forms) for a in got.operands] == [
        (a.value, a.fill, 1 + len(a.guards)) for a in op.operands
    ]


def test_forms_are_found_in_calldata(program):
    guards = (Guard(-4, 2**32 - 1, (5, -6, 7)), Guard(2**31 - 1, 0, (-(2**31), 2**31 - 1, 1)))
    first, second = Access(0, (1, -2, 3), -9, 8, guards), Access(1, (4, 5, 6), 10, guards=guards[:1])
    op = replace(CONTRACT, operands=(first, second, read(3)))
    for number, access in enumerate(op.operands):
        for which, (offset, limit, coefs) in enumerate(
            [(access.base, len(access.guards), access.coefs), *((g.offset, g.limit, g.coefs) for g in access.guards)]
        ):
            value, bound, found = program.form(op.encode(), NUMBER, number, which, [1, 2])
            assert value == offset + coefs[0] + 2 * coefs[1]
            assert bound == limit
            assert tuple(found) == coefs


@pytest.mark.parametrize("op", KINDS, ids=lambda op: Kind(op.kind).name)
def test_bytes_too_few_or_too_many(program, op):
    data = op.encode()
    assert parsed(program, data)
    for length in range(len(data)):
        assert not parsed(program, data[:length])
    for more in (1, 2, 3, 4, 8):
        assert not parsed(program, data + bytes(more))


def test_rule_1_the_kind_is_known(program):
    for kind in range(256):
        for op in KINDS:
            assert parsed(program, bytes([kind]) + op.encode()[1:]) == (kind == op.kind)


def test_rule_1_the_low_four_bits_are_zero(program):
    for op in KINDS:
        for spare in range(1, 16):
            assert not parsed(program, replace(op, spare=spare))


def test_rule_1_a_map_has_as_many_operands_as_its_function(program):
    for fn in range(256):
        for n in range(5):
            op = replace(MAP, fn=fn, operands=(read(2),) * n)
            assert parsed(program, op) == (0 < n == arity(fn))


def test_rule_1_a_contraction_multiplies_and_has_three_operands(program):
    for fn in range(256):
        assert parsed(program, replace(CONTRACT, fn=fn)) == (fn in (Fn.MUL, Fn.IMUL))
    for n in range(6):
        assert parsed(program, replace(CONTRACT, operands=(read(3),) * n)) == (n == 3)


def test_rule_1_a_reduction_folds_one_operand(program):
    for fn in range(256):
        assert parsed(program, replace(REDUCE, fn=fn)) == (fn in FOLDS | ARGS)
    for n in range(4):
        assert parsed(program, replace(REDUCE, operands=(read(3),) * n)) == (n == 1)


def test_rule_1_a_move_has_up_to_three_operands_and_no_function(program):
    for n in range(6):
        assert parsed(program, replace(MOVE, operands=(read(1),) * n)) == (1 <= n <= 3)
    assert not parsed(program, replace(MOVE, fn=1))


def test_rule_1_a_pick_has_two_operands_and_no_function(program):
    for n in range(5):
        assert parsed(program, replace(PICK, operands=(read(1),) * n)) == (n == 2)
    assert not parsed(program, replace(PICK, fn=1))


@pytest.mark.parametrize("op", [MAP, MOVE, PICK], ids=lambda op: Kind(op.kind).name)
def test_rule_1_only_folds_have_reduction_axes(program, op):
    axes = len(op.dims) + 1
    assert not parsed(program, replace(op, reduced=(1,), operands=tuple(read(axes) for _ in op.operands)))


def test_rule_2_at_most_twelve_axes(program):
    for r, s in [(12, 0), (0, 12), (6, 6), (13, 0), (0, 13), (7, 6), (15, 15)]:
        op = Op(Kind.REDUCE, Fn.MAX, (1,) * r, (1,) * s, (read(r + s),))
        assert parsed(program, op) == (r + s <= 12)


def test_rule_2_no_dimension_is_zero(program):
    for op in (MAP, CONTRACT, REDUCE):
        for axis in range(len(op.dims)):
            assert not parsed(program, replace(op, dims=(*op.dims[:axis], 0, *op.dims[axis + 1 :])))
    assert not parsed(program, replace(REDUCE, reduced=(0, 5)))
    assert not parsed(program, replace(REDUCE, reduced=(4, 0)))


def test_rule_2_at_most_2_to_the_28_words(program):
    for dims in [(2**28,), (2**14, 2**14), (2**28 + 1,), (2**14, 2**14 + 1), (2**32 - 1,), (2**31, 2), (2**31, 2**31)]:
        op = replace(MAP, dims=dims, operands=(read(len(dims)),) * 2)
        assert parsed(program, op) == (op.words <= 2**28)


def test_rule_2_at_most_4096_steps(program):
    """However many: nothing overflows."""
    for reduced in [(4096,), (64, 64), (4097,), (64, 65), (2**32 - 1,), (2**16, 2**16), (2**31, 2), (2**32 - 1,) * 12]:
        axes = len(reduced)
        op = Op(Kind.REDUCE, Fn.ADD, (), reduced, (Access(0, (0,) * axes),))
        assert parsed(program, op) == (op.steps <= 4096)


def test_rule_3_at_most_four_guards(program):
    for guards in range(7):
        assert parsed(program, replace(MOVE, operands=(read(1, guards=guards),))) == (guards <= MAX_GUARDS)


def test_rule_3_only_earlier_values_are_read(program):
    for value in [0, NUMBER - 1, NUMBER, NUMBER + 1, NO_VALUE - 1, NO_VALUE]:
        for place in range(3):
            operands = [*CONTRACT.operands]
            operands[place] = read(3, value)
            op = replace(CONTRACT, operands=tuple(operands))
            assert parsed(program, op) == (value < NUMBER or value == NO_VALUE)


def test_rule_4_a_pick_chooses_from_something(program):
    for count in (0, 1, 2**32 - 1):
        assert parsed(program, replace(PICK, count=count)) == (count > 0)


@pytest.mark.parametrize("guards", range(9))
def test_rule_5_the_arithmetic_bound(program, guards):
    most = 16_384 // (4 + guards)
    for steps in (most, most + 1):
        a, b = read(1, guards=min(guards, 4)), read(1, guards=guards - min(guards, 4))
        op = Op(Kind.CONTRACT, Fn.IMUL, (), (steps,), (a, b, read(1, NO_VALUE)))
        assert parsed(program, op) == (steps == most)


LONGEST = 24_129  # words of the longest span: 378 chunks wherever it begins, 98,272 bytes with the rest of a run; 379 are too many


@pytest.mark.parametrize("sign", [1, -1])
def test_rule_6_the_proof_bound_of_one_run(program, sign):
    for span, fits in [(2, True), (LONGEST - 64, True), (LONGEST, True), (LONGEST + 1, False), (2**31, False)]:
        # as 70 runs of one chunk each it would be longer still, and as 140 even more
        op = Op(Kind.REDUCE, Fn.ADD, (), (70, 2), (Access(0, (0, sign * (span - 1))),))
        assert parsed(program, op) == fits


def test_rule_6_the_third_operand_of_a_contraction_and_immediates_weigh_little(program):
    """A single read counts 1,760 bytes whatever its coefficients, an immediate nothing."""
    wide = Access(0, (0, LONGEST - 1))
    ops = {
        (wide, read(2, NO_VALUE), read(2, NO_VALUE)): True,
        (wide, read(2, NO_VALUE), read(2)): False,
        (wide, read(2, NO_VALUE, 2**31 - 1), read(2, NO_VALUE, 2**31 - 1)): True,
        (Access(0, (0, 1 - LONGEST)), read(2, NO_VALUE), read(2, NO_VALUE)): True,
        (Access(0, (0, -LONGEST)), read(2, NO_VALUE), read(2, NO_VALUE)): False,
        (Access(0, (0, -(2**31))), read(2, NO_VALUE), read(2, NO_VALUE)): False,
        (read(2), read(2), Access(0, (0, 2**31 - 1))): True,
        (read(2), Access(0, (0, 2**31 - 1)), read(2)): False,
    }
    for operands, fits in ops.items():
        assert parsed(program, Op(Kind.CONTRACT, Fn.MUL, (), (70, 2), operands)) == fits


def test_rule_6_is_kept_to_the_byte(program):
    op = Op(Kind.CONTRACT, Fn.MUL, (), (6, 5), (Access(0, (28, 60_837)), Access(0, (1_751, 429)), read(2)))
    assert op.proof_bytes == 98_304
    assert parsed(program, op)


def test_rule_6_takes_the_best_cut_into_runs(program):
    """Rows that lie far apart, each 1,760 bytes when it is in one chunk at most and 2,016 when it may be in two."""
    for rows, row, fits in [
        (55, 1, True),
        (56, 1, False),
        (48, 2, True),
        (49, 2, False),
        (48, 65, True),
        (48, 66, False),
    ]:
        op = Op(Kind.REDUCE, Fn.ADD, (), (rows, row), (Access(0, (2**24, 1)),))
        assert parsed(program, op) == fits
    middle = Op(Kind.REDUCE, Fn.ADD, (), (3, 16, 2), (Access(0, (2**24, 2**16, 1)),))
    assert parsed(program, middle)
    assert not parsed(program, replace(middle, reduced=(3, 17, 2)))
    # two of these three axes in one run
    assert parsed(program, Op(Kind.REDUCE, Fn.ADD, (), (7, 50, 2), (Access(0, (2**24, 40, 1)),)))
    assert not parsed(program, Op(Kind.REDUCE, Fn.ADD, (), (7, 50, 2), (Access(0, (2**24, 80, 1)),)))


def test_damaged_ops_are_judged_alike(program):
    rng = np.random.default_rng(5)
    for _ in range(20_000 if DEEP else 2_000):
        made, _ = random_op(rng)
        data = bytearray(made.encoded[-1])
        for _ in range(int(rng.integers(0, 3))):
            data[int(rng.integers(0, len(data)))] = int(rng.choice([0, 1, 2, 5, 0x7F, 0x80, 0xFF, rng.integers(256)]))
        parsed(program, bytes(data), made.first_op_value + 2)


def test_the_longest_op_fits_what_a_program_may_have(program):
    axes = MAX_AXES
    guards = (Guard(0, 9, (1,) * axes),) * MAX_GUARDS
    longest = Op(Kind.MAP, Fn.CLAMP, (1,) * axes, (), (Access(0, (1,) * axes, guards=guards),) * 3)
    assert parsed(program, longest)
    assert len(longest.encode()) <= MAX_OP_BYTES


@pytest.mark.parametrize("inputs, constant, op", [(2**28 + 1, 1, 4), (1, 2**28 + 1, 4), (1, 1, MAX_OP_BYTES + 1)])
def test_nobody_serves_what_cannot_be_judged(inputs, constant, op):
    """A longer op could not be named in a transaction, even as one that is not well-formed."""
    large = np.broadcast_to(np.uint32(0), constant)  # takes no memory
    with pytest.raises(TensorError, match="at most"):
        Program((inputs,), [large], [bytes(op)], (0,))
    Program((2**28,), [large[: 2**28]], [bytes(MAX_OP_BYTES)], (0,))
