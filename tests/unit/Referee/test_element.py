"""What the referee refuses, and what it answers about the digits model."""

import numpy as np
import pytest

from opg.tensor import compile_onnx, element, op_proof, openings, trace
from opg.tensor.commitment import bundle_of, node, tensor_root_of
from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE, Access, Kind, Op, Program, decode, program_root, well_formed
from tests.evm import Evm, reverts
from tests.strategies_tensor import random_op

CONTRACT, MAXIMUM, OUTPUT = 0, 5, 9  # ops of the digits program
NEGATE = Op(Kind.MAP, Fn.NEG, (4,), (), (Access(0, (1,)),)).encode()


@pytest.fixture(scope="module")
def referee():
    return Evm().deploy("Referee")


@pytest.fixture(scope="module")
def run():
    compiled = compile_onnx("opg/models/digits.onnx", {"batch": 1})
    image = np.load("opg/models/digits-heldout.npz")["images"][0] / 16
    return trace(compiled.program, [compiled.inputs[0].to_words(image[None])])


def claim(run, op, position, **changes):
    fields = {"root": run.program.root, "input": run.input_root, "trace": run.tree.root, "op": op, "element": position}
    return tuple({**fields, **changes}.values())


def ask(referee, run, op, position, proof=None, operands=None, **changes):
    proof = op_proof(run.program, op) if proof is None else proof
    operands = openings(run, op, position) if operands is None else operands
    return referee.element(claim(run, op, position, **changes), proof, operands)


def test_every_element_of_the_digits_model_is_recomputed(referee, run):
    for op in range(len(run.program.encoded)):
        for position in range(run.program.words_of(op)):
            word = ask(referee, run, op, position)
            assert word == element(run.program, run.values, op, position) == run.results[op][position]


def test_another_program_is_refused(referee, run):
    with reverts("WrongProgram", b"\1" * 32):
        ask(referee, run, 0, 0, root=b"\1" * 32)


def test_an_op_behind_the_end_is_refused(referee, run):
    with reverts("NoSuchOp", 10, 10):
        referee.element(claim(run, 10, 0), op_proof(run.program, 9), [])


def test_another_op_or_path_is_refused(referee, run):
    header, data, path = op_proof(run.program, CONTRACT)
    for wrong in ((header, data + b"\0\0\0\0", path), (header, data, path[1:]), (header, data, [*path, path[0]])):
        with reverts("WrongOp", CONTRACT):
            ask(referee, run, CONTRACT, 0, proof=wrong)


def test_an_element_behind_the_end_is_refused(referee, run):
    with reverts("NoSuchElement", 32, 32):
        referee.element(claim(run, CONTRACT, 32), op_proof(run.program, CONTRACT), [])


def test_every_operand_has_to_be_given(referee, run):
    operands = openings(run, CONTRACT, 0)
    for wrong in (operands[:2], [*operands, operands[0]]):
        with reverts("WrongOperandCount", len(wrong), 3):
            ask(referee, run, CONTRACT, 0, operands=wrong)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_operand_that_is_not_where_the_op_says_is_refused(referee, run, number):
    operands = openings(run, CONTRACT, 0)
    count, root, path, runs = operands[number]
    other = [p if i else bytes(32) for i, p in enumerate(path)]
    for wrong in ((count + 1, root, path, runs), (count, root, other, runs), (count, root, [*path, root], runs)):
        with reverts("WrongOperand", number):
            ask(referee, run, CONTRACT, 0, operands=[*operands[:number], wrong, *operands[number + 1 :]])


def test_an_inner_node_cannot_stand_for_a_tensor(referee, run):
    """The path of a trace operand has the depth that the op count implies."""
    count, root, path, runs = openings(run, OUTPUT, 0)[0]
    with reverts("WrongOperand", 0):
        ask(referee, run, OUTPUT, 0, operands=[(count, root, path[1:], runs), openings(run, OUTPUT, 0)[1]])


def test_an_inner_node_cannot_stand_for_an_op(referee):
    """The bytes of an op may be 64, as a node's preimage is: only the path's length tells them apart."""
    program = Program((4,), [], [NEGATE, NEGATE, NEGATE], (0,))
    run = trace(program, [np.ones(4, dtype=np.uint32)])
    tree = program.ops_tree
    for height, index in [(1, 0), (1, 1), (2, 0)]:
        preimage = b"".join(tree.layers[height - 1][2 * index : 2 * index + 2])
        path = [tree.layers[h][(index >> (h - height)) ^ 1] for h in range(height, tree.depth)]
        with reverts("WrongOp", index):
            referee.wordCount(program.root, index, (program.header, preimage, path))
        with reverts("WrongOp", index):
            referee.element(claim(run, index, 0), (program.header, preimage, path), [])


def test_a_tree_deeper_than_its_count_is_refused(referee):
    """Whoever commits chooses the roots: one constant under a root of two, two results under a root of four."""
    reads_constant = Op(Kind.MAP, Fn.NEG, (4,), (), (Access(1, (1,)),)).encode()
    reads_result = Op(Kind.MAP, Fn.NEG, (4,), (), (Access(2, (1,)),)).encode()
    words = np.ones(4, dtype=np.uint32)
    program = Program((4,), [words], [reads_constant, reads_result], (0,))
    run = trace(program, [words])

    (count, root, path, runs), leaf = openings(run, 0, 0)[0], program.constants_root
    header = (*program.header[:3], node(leaf, leaf), *program.header[4:])
    proof = (header, *op_proof(program, 0)[1:])
    with reverts("WrongOperand", 0):
        ask(referee, run, 0, 0, proof, [(count, root, [*path, leaf], runs)], root=program_root(header))

    count, root, path, runs = openings(run, 1, 0)[0]
    taller = node(run.tree.root, bytes(32))
    with reverts("WrongOperand", 0):
        ask(referee, run, 1, 0, operands=[(count, root, [*path, bytes(32)], runs)], trace=taller)


def test_a_bundle_of_more_inputs_is_refused(referee):
    program = Program((4,), [], [NEGATE], (0,))
    run = trace(program, [np.ones(4, dtype=np.uint32)])
    count, root, path, runs = openings(run, 0, 0)[0]
    two = [path[0], path[0]]
    with reverts("WrongOperand", 0):
        ask(referee, run, 0, 0, operands=[(count, root, two, runs)], input=bundle_of(two))


def test_a_run_of_the_wrong_form_does_not_lead_to_the_root_zero(referee):
    """Somebody may commit to the Merkle root 0, which is also what a run of the wrong form leads to."""
    program = Program((4,), [], [NEGATE], (0,))
    run = trace(program, [np.ones(4, dtype=np.uint32)])
    zero = tensor_root_of(4, bytes(32))
    for wrong in ((1, bytes(256), []), (0, bytes(256), [bytes(32)]), (0, b"", [])):
        with reverts("WrongRun", 0, 0):
            ask(referee, run, 0, 0, operands=[(4, bytes(32), [zero], [wrong])], input=bundle_of([zero]))


def test_an_immediate_has_an_empty_entry(referee, run):
    operands = openings(run, CONTRACT, 0)
    program = Program((4,), [], [Op(Kind.MOVE, 0, (1,), (), (Access(NO_VALUE, (0,), fill=7),)).encode()], (0,))
    made = trace(program, [np.ones(4, dtype=np.uint32)])
    assert ask(referee, made, 0, 0) == 7
    for wrong in ((1, bytes(32), [], []), (0, bytes(32), [], operands[0][3])):
        with reverts("WrongOperand", 0):
            ask(referee, made, 0, 0, operands=[wrong])


@pytest.mark.parametrize("index, want", [(-5, 10), (-1, 10), (0, 10), (1, 11), (2, 12), (3, 12), (2**31 - 1, 12)])
def test_a_pick_is_clamped(referee, index, want):
    words = np.arange(10, 20, dtype=np.uint32)
    pick = Op(Kind.PICK, 0, (1,), (), (Access(0, (0,)), Access(1, (0,))), stride=1, count=3)
    program = Program((10, 1), [], [pick.encode()], (0,))
    assert ask(referee, trace(program, [words, np.array([index & 0xFFFFFFFF], dtype=np.uint32)]), 0, 0) == want


def test_another_input_or_trace_is_refused(referee, run):
    with reverts("WrongOperand", 0):
        ask(referee, run, CONTRACT, 0, input=bytes(32))
    with reverts("WrongOperand", 0):
        ask(referee, run, MAXIMUM, 0, trace=bytes(32))


def test_a_run_of_the_wrong_form_is_refused(referee, run):
    operands = openings(run, CONTRACT, 3)
    count, root, path, [(first, chunks, siblings)] = operands[1]
    wrong_runs = [
        (first + 1, chunks, siblings),
        (first, chunks[:-1], siblings),
        (first, chunks + bytes(256), siblings),
        (first, b"", siblings),
        (first, chunks, siblings[1:]),
        (first, chunks, [*siblings, bytes(32)]),
        (2**32 - 1, chunks, siblings),
    ]
    for wrong in wrong_runs:
        with reverts("WrongRun", 1, 0):
            ask(referee, run, CONTRACT, 3, operands=[operands[0], (count, root, path, [wrong]), operands[2]])


def test_a_chunk_that_the_element_reads_has_to_be_open(referee, run):
    operands = openings(run, CONTRACT, 3)
    count, root, path, _ = operands[1]
    with reverts("ChunkNotOpened", 1, 3):
        ask(referee, run, CONTRACT, 3, operands=[operands[0], (count, root, path, []), operands[2]])


def test_an_op_that_is_not_well_formed_is_the_tensor_zero(referee):
    program = Program((1,), [], [b"\0\0\0\0", b"abc", b""], (0,))
    run = trace(program, [np.ones(1, dtype=np.uint32)])
    for op in range(3):
        assert referee.wordCount(program.root, op, op_proof(program, op)) == 1
        assert ask(referee, run, op, 0) == 0
        with reverts("WrongOperandCount", 1, 0):
            ask(referee, run, op, 0, operands=[(0, bytes(32), [], [])])


def test_well_formedness_is_the_same_in_both_languages(referee):
    """On damaged ops: bytes flipped, cut, appended, words made extreme."""
    rng = np.random.default_rng(5)
    seen = {True: 0, False: 0}
    for _ in range(1_500):
        program, _inputs = random_op(rng)
        data = bytearray(program.encoded[0])
        for _ in range(int(rng.integers(0, 3))):
            spot = int(rng.integers(0, len(data)))
            data[spot] = int(rng.choice([0, 1, 2, 5, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
        if rng.random() < 0.1:
            data = data[: int(rng.integers(0, len(data)))]
        damaged = Program(program.input_words, program.constants, [bytes(data)], (0,))
        op = decode(bytes(data))
        fine = well_formed(op, damaged.first_op_value)
        seen[fine] += 1
        assert referee.wordCount(damaged.root, 0, op_proof(damaged, 0)) == (op.words if fine else 1)
    assert min(seen.values()) > 100
