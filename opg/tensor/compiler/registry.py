"""Which function lowers which ONNX operator, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.values import Value
from opg.tensor.errors import TensorError

Lowering = Callable[["Context"], "list[Value | None]"]
LOWER: dict[str, Lowering] = {}
REFUSED: dict[str, str] = {}


def lower(*names: str) -> Callable[[Lowering], Lowering]:
    """Registers how ONNX operators become ops. Names outside ONNX's own domain are `domain.Name`."""

    def register(function: Lowering) -> Lowering:
        LOWER.update(dict.fromkeys(names, function))
        return function

    return register


def refuse(reason: str, *names: str) -> None:
    """Registers why operators cannot be lowered."""
    REFUSED.update(dict.fromkeys(names, reason))


@dataclass
class Context:
    """One node: its inputs (None where left out), attributes, and the builder.

    Attributes:
        name: the operator.
        opset: version of the operator set that the node is from.
        outputs: whether each output is wanted.
        single: for each input, whether this node is the only one that reads it.
        body: lowers a subgraph of the node: (graph, its inputs) → its outputs.
    """

    name: str
    opset: int
    build: Ops
    inputs: list[Value | None]
    attributes: dict
    outputs: list[bool]
    single: list[bool]
    body: Callable[[onnx.GraphProto, Sequence[Value]], list[Value]]

    def attr(self, name: str, default: object = None) -> object:
        return self.attributes.get(name, default)

    def text(self, name: str, default: str = "") -> str:
        value = self.attributes.get(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def given(self, number: int) -> Value | None:
        """An input, or None when it was left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def need(self, number: int) -> Value:
        value = self.given(number)
        if value is None:
            raise TensorError(f"lacks its input {number}")
        return value

    def wants(self, number: int) -> bool:
        """Whether an output is wanted."""
        return number < len(self.outputs) and self.outputs[number]

    def constant(self, number: int, what: str) -> np.ndarray | None:
        """An input that has to be known at compile time, or None when it was left out."""
        value = self.given(number)
        if value is None:
            return None
        if value.array is None:
            raise TensorError(f"{what} is computed at run time; it has to be a constant")
        return value.array

    def integers(self, number: int, what: str) -> list[int] | None:
        """A constant input as a list of integers."""
        array = self.constant(number, what)
        return None if array is None else [int(n) for n in array.reshape(-1)]

    @property
    def x(self) -> Value:
        return self.need(0)

    def axis(self, axis: int, rank: int | None = None) -> int:
        """A non-negative axis. Raises TensorError for one that is not there."""
        rank = self.x.rank if rank is None else rank
        if not -rank <= axis < rank:
            raise TensorError(f"names axis {axis} of a tensor of rank {rank}")
        return axis % rank
