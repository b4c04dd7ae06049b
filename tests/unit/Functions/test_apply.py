"""Every scalar function: the Solidity bytecode against Python, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, apply, arity
from tests.unit.Functions.words import BATCH, CASES, operands


@pytest.mark.parametrize("fn", list(Fn), ids=lambda fn: fn.name)
def test_solidity_equals_python(functions, fn):
    given = operands(fn, arity(fn))
    want = apply(fn, *given)
    assert len(want) >= CASES
    for first in range(0, len(want), BATCH):
        part = slice(first, first + BATCH)
        packed = [x[part].astype(">u4").tobytes() for x in given]
        got = np.frombuffer(functions.many(fn, *packed, *[b""] * (3 - len(packed))), dtype=">u4")
        for i in np.flatnonzero(got != want[part])[:1]:
            pytest.fail(f"{[hex(x[part][i]) for x in given]} gave {got[i]:#x}, not {want[part][i]:#x}")


def test_every_byte_has_the_same_arity(functions):
    assert [functions.arity(code) for code in range(256)] == [arity(code) for code in range(256)]


def test_known_codes_are_the_ones_with_an_arity():
    assert {code for code in range(256) if arity(code)} == set(Fn)


def test_a_wrong_number_of_operands_is_refused():
    one = np.zeros(1, dtype=np.uint32)
    for fn, given in [(Fn.ADD, [one]), (Fn.EXP, [one, one]), (Fn.WHERE, [one, one]), (0x0F, [one])]:
        with pytest.raises(ValueError, match="does not take"):
            apply(fn, *given)


def test_operands_broadcast():
    rows = np.arange(3, dtype=np.float32).view(np.uint32).reshape(3, 1)
    columns = np.arange(40_000, dtype=np.float32).view(np.uint32)
    for fn in (Fn.MUL, Fn.POW):
        whole = apply(fn, rows, columns)
        assert whole.shape == (3, 40_000)
        assert np.array_equal(whole[2], apply(fn, np.full_like(columns, rows[2, 0]), columns))
