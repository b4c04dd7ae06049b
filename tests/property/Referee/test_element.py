"""The referee equals the interpreter, the executor equals it too: bit for bit, on random operations of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor import element, interpret, op_proof, openings, trace
from opg.tensor.program import Kind, Program
from tests.conftest import DEEP
from tests.evm import Evm
from tests.strategies_tensor import random_op

OPS = 100_000 if DEEP else 10_000  # of each kind


@pytest.fixture(scope="module")
def referee():
    return Evm().deploy("Referee")


def claim(program: Program, run, op: int, position: int) -> tuple:
    return (program.root, run.input_root, run.tree.root, op, position)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda k: k.name)
def test_referee_equals_interpreter(referee, kind):
    rng = np.random.default_rng([int(kind), 2026])
    for number in range(OPS):
        program, inputs = random_op(rng, kind)
        run = trace(program, inputs)
        op = len(program.encoded) - 1
        proof = op_proof(program, op)
        words = program.words_of(op)
        for position in {(0, words - 1)[number % 2], int(rng.integers(0, words))}:
            want = element(program, run.values, op, position)
            assert int(run.results[op][position]) == want
            got = referee.element(claim(program, run, op, position), proof, openings(run, op, position))
            assert got == want, (program.op(op), position, hex(got), hex(want))
        if number % 10 == 0:
            assert referee.wordCount(program.root, op, proof) == words


def test_executor_equals_interpreter():
    rng = np.random.default_rng(7)
    for _ in range(OPS // 20):
        program, inputs = random_op(rng)
        fast, slow = trace(program, inputs).results, interpret(program, inputs)
        assert all(np.array_equal(a, b) for a, b in zip(fast, slow, strict=True)), program


def test_a_wrong_word_in_an_opened_chunk_is_refused(referee):
    from tests.evm import reverts

    rng = np.random.default_rng(11)
    refused = 0
    while refused < 200:
        program, inputs = random_op(rng)
        run = trace(program, inputs)
        op = len(program.encoded) - 1
        operands = openings(run, op, 0)
        for number, (count, root, path, runs) in enumerate(operands):
            if not runs:
                continue
            first, chunks, siblings = runs[0]
            damaged = bytearray(chunks)
            damaged[int(rng.integers(0, len(damaged)))] ^= 1 << int(rng.integers(0, 8))
            lie = [*operands]
            lie[number] = (count, root, path, [(first, bytes(damaged), siblings), *runs[1:]])
            with reverts("WrongRun", number, 0):
                referee.element(claim(program, run, op, 0), op_proof(program, op), lie)
            refused += 1
