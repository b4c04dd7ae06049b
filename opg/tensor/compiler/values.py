"""Tensors while compiling: constants, and strided views of inputs and of results of ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from opg.tensor.errors import TensorError
from opg.tensor.program import MAX_WORDS

Ref = tuple[str, int]


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides, in words."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def check_size(shape: Sequence[int]) -> None:
    """Refuses what no tensor of the machine can be."""
    if any(d < 0 for d in shape):
        raise TensorError(f"a tensor of shape {list(shape)}")
    if prod(shape) > MAX_WORDS:
        raise TensorError(f"a tensor of shape {list(shape)} has more than 2^28 words")


@dataclass(frozen=True)
class Value:
    """A constant (`array`, of the shape and NumPy's dtype of that name), or a view of a flat tensor.

    Element `i` of a view is word `base + sum(strides * i)` of the tensor `ref`; it is always inside.
    """

    shape: tuple[int, ...]
    dtype: str
    ref: Ref | None = None
    strides: tuple[int, ...] = ()
    base: int = 0
    array: np.ndarray | None = None

    @property
    def words(self) -> int:
        return prod(self.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_constant(self) -> bool:
        return self.array is not None

    @property
    def is_dense(self) -> bool:
        """Row-major without gaps."""
        return all(d == 1 or s == t for d, s, t in zip(self.shape, self.strides, strides_of(self.shape), strict=True))

    def typed(self, dtype: str) -> Value:
        """The same words under another name of their type."""
        if self.dtype == dtype:
            return self
        return replace(self, dtype=dtype, array=None if self.array is None else self.array.astype(dtype))


def constant(array: np.ndarray | np.generic, dtype: str | None = None) -> Value:
    """A tensor that is known at compile time."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    return Value(tuple(array.shape), str(array.dtype), array=array)


def scalar(number: float, dtype: str) -> Value:
    return constant(np.array(number, dtype=dtype))


def view(value: Value, shape: Sequence[int], strides: Sequence[int], base: int = 0) -> Value:
    """The elements at `base + sum(strides * i)`; for a constant the strides count its elements, row-major."""
    if value.array is None:
        return replace(value, shape=tuple(shape), strides=tuple(strides), base=base)
    flat = np.ascontiguousarray(value.array).reshape(-1)
    step = flat.itemsize
    if 0 in shape:
        return constant(np.zeros(tuple(shape), flat.dtype))
    array = np.lib.stride_tricks.as_strided(flat[base:], tuple(shape), [s * step for s in strides], writeable=False)
    return constant(array)


def layout(value: Value) -> tuple[tuple[int, ...], int]:
    """Strides and base, for `view`."""
    if value.array is None:
        return value.strides, value.base
    return strides_of(value.shape), 0


def permute(value: Value, order: Sequence[int]) -> Value:
    """The axes in another order."""
    if sorted(order) != list(range(value.rank)):
        raise TensorError(f"permutes rank {value.rank} by {list(order)}")
    shape = tuple(value.shape[a] for a in order)
    if value.array is not None:
        return constant(value.array.transpose(order))
    return replace(value, shape=shape, strides=tuple(value.strides[a] for a in order))


def broadcast(value: Value, shape: Sequence[int]) -> Value:
    """Repeats axes of one, NumPy's rules. The size is not checked: what a CONTRACT multiplies is never there as a whole."""
    shape = tuple(shape)
    pad = len(shape) - value.rank
    if pad < 0 or any(d not in (1, t) for d, t in zip(value.shape, shape[pad:], strict=True)):
        raise TensorError(f"shape {list(value.shape)} does not broadcast to {list(shape)}")
    if value.array is not None:
        return constant(np.broadcast_to(value.array, shape))
    strides = [0 if d == 1 else s for d, s in zip(value.shape, value.strides, strict=True)]
    return replace(value, shape=shape, strides=(*[0] * pad, *strides))


def common_shape(*values: Value) -> tuple[int, ...]:
    try:
        return tuple(np.broadcast_shapes(*(v.shape for v in values)))
    except ValueError:
        shapes = ", ".join(str(list(v.shape)) for v in values)
        raise TensorError(f"shapes {shapes} do not broadcast") from None


def narrow(value: Value, axis: int, start: int, length: int, step: int = 1) -> Value:
    """`length` elements of an axis, from `start`, every `step`-th."""
    shape = (*value.shape[:axis], length, *value.shape[axis + 1 :])
    if value.array is not None:
        return constant(np.take(value.array, np.arange(length) * step + start, axis))
    if 0 in shape:
        return constant(np.zeros(shape, value.dtype))
    strides = list(value.strides)
    base = value.base + start * strides[axis]
    strides[axis] *= step
    return replace(value, shape=shape, strides=tuple(strides), base=base)


def index(value: Value, axis: int, at: int) -> Value:
    """One element of an axis, without the axis."""
    return squeeze(narrow(value, axis, at, 1), axis)


def squeeze(value: Value, axis: int) -> Value:
    if value.shape[axis] != 1:
        raise TensorError(f"squeezes axis {axis} of shape {list(value.shape)}")
    shape = value.shape[:axis] + value.shape[axis + 1 :]
    if value.array is not None:
        return constant(value.array.reshape(shape))
    return replace(value, shape=shape, strides=value.strides[:axis] + value.strides[axis + 1 :])


def unsqueeze(value: Value, axis: int) -> Value:
    shape = (*value.shape[:axis], 1, *value.shape[axis:])
    if value.array is not None:
        return constant(value.array.reshape(shape))
    return replace(value, shape=shape, strides=(*value.strides[:axis], 0, *value.strides[axis:]))


def windows(value: Value, axis: int, count: int, size: int, stride: int, dilation: int) -> Value:
    """Splits an axis in two: `count` windows of `size` elements."""
    need = (count - 1) * stride + (size - 1) * dilation + 1
    if need > value.shape[axis]:
        raise TensorError(f"windows reach {need} elements, the axis has {value.shape[axis]}")
    strides, base = layout(value)
    step = strides[axis]
    shape = (*value.shape[:axis], count, size, *value.shape[axis + 1 :])
    return view(value, shape, (*strides[:axis], step * stride, step * dilation, *strides[axis + 1 :]), base)


def restride(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """Strides that walk the same elements in another shape, or None where no strides do."""
    old = [(d, s) for d, s in zip(shape, strides, strict=True) if d != 1]
    found, at = [0] * len(wanted), 0
    new = [i for i, d in enumerate(wanted) if d != 1]
    while at < len(old) and new:
        have, take, last = old[at][0], [new.pop(0)], at
        want = wanted[take[0]]
        while have != want:
            if want < have:
                if not new:
                    return None
                take.append(new.pop(0))
                want *= wanted[take[-1]]
            else:
                last += 1
                if last == len(old):
                    return None
                have *= old[last][0]
        if any(old[i][1] != old[i + 1][1] * old[i + 1][0] for i in range(at, last)):
            return None
        step = old[last][1]
        for axis in reversed(take):
            found[axis] = step
            step *= wanted[axis]
        at = last + 1
    return tuple(found)
