"""The fast executor: the same words as the interpreter, by whole tensors.

A program becomes a plan once (`plan.py`): a schedule of compiled kernels that keep the interpreter's order of roundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from opg.tensor.commitment import Forest, ListTree, Tree, bundle_of, forest
from opg.tensor.errors import TensorError
from opg.tensor.plan import Plan
from opg.tensor.program import NO_VALUE, Op, Program
from opg.tensor.runner import Keeper, Pool

Words = np.ndarray


def run_op(op: Op | None, values: Sequence[Words]) -> Words:
    """The whole result of one op, flat."""
    if op is None:
        return np.zeros(1, dtype=np.uint32)
    used = sorted({a.value for a in op.operands if a.value != NO_VALUE})
    number = {value: i for i, value in enumerate(used)}
    operands = tuple(replace(a, value=number.get(a.value, NO_VALUE)) for a in op.operands)
    read = [np.ascontiguousarray(values[v], dtype=np.uint32) for v in used] or [np.zeros(1, dtype=np.uint32)]
    alone = Program(tuple(len(r) for r in read), [], [replace(op, operands=operands).encode()], (0,))
    return execute(alone, read)[0]


def check_inputs(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The inputs as flat uint32 arrays; refuses wrong counts and lengths."""
    if len(inputs) != len(program.input_words):
        raise TensorError(f"the program takes {len(program.input_words)} inputs, {len(inputs)} were given")
    flat = []
    for number, (given, words) in enumerate(zip(inputs, program.input_words, strict=True)):
        array = np.asarray(given)
        if array.dtype != np.uint32 or array.size != words:
            raise TensorError(
                f"input {number} has {array.size} elements of {array.dtype}; the program takes {words} uint32 words"
            )
        flat.append(np.ascontiguousarray(array).reshape(-1))
    return flat


class Trace:
    """Everything that one execution computed, and its commitments.

    Attributes:
        inputs: the input tensors.
        results: one flat uint32 array for each op.
        trees: the tree over each result; hashed when asked for, where they were not given.
        tree: the list tree over the tensor roots of all ops; its root is the traceRoot.
    """

    def __init__(self, program: Program, inputs: list[Words], results: list[Words], trees: Forest | None = None):
        self.program, self.inputs, self.results = program, inputs, results
        if trees is not None:
            self.trees, self.tree = trees, trees.list_tree

    @property
    def values(self) -> list[Words]:
        return [*self.inputs, *self.program.constants, *self.results]

    @cached_property
    def outputs(self) -> list[Words]:
        return [self.results[o] for o in self.program.outputs]

    @cached_property
    def input_trees(self) -> Sequence[Tree]:
        return forest(self.inputs)

    @cached_property
    def trees(self) -> Sequence[Tree]:
        return forest(self.results)

    @cached_property
    def tree(self) -> ListTree:
        return ListTree([t.tensor_root for t in self.trees])

    @property
    def input_root(self) -> bytes:
        return bundle_of([t.tensor_root for t in self.input_trees])

    @property
    def output_root(self) -> bytes:
        return bundle_of([self.trees[o].tensor_root for o in self.program.outputs])


def trace(program: Program, inputs: Sequence[Words]) -> Trace:
    """Executes, keeps every result and hashes all of them."""
    flat = check_inputs(program, inputs)
    plans = program.plans
    if "trace" not in plans:
        plans["trace"] = Keeper(Plan(program, keep=True))
    results, digests = plans["trace"].execute(flat)
    return Trace(program, flat, results, Forest(results, plans["trace"].plan.hashing, digests))


def execute(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The outputs, flat uint32 words each."""
    flat = check_inputs(program, inputs)
    plans = program.plans
    if "execute" not in plans:
        plans["execute"] = Pool(Plan(program))
    return plans["execute"].execute(flat)
