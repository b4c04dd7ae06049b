"""Fourier transforms, as products with matrices of cosines and sines by the machine's own functions."""

from __future__ import annotations

import numpy as np

from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.values import Value, constant, index, narrow, permute, unsqueeze, windows
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn

MAX_LENGTH = 4_096


def _waves(build: Ops, rows: int, length: int, columns: int) -> tuple[Value, Value]:
    """cos and sin of 2π·row·column/length."""
    if not 0 < length <= MAX_LENGTH:
        raise TensorError(f"transforms {length} elements; at most {MAX_LENGTH} are supported")
    turns = np.outer(np.arange(rows), np.arange(columns)) % length
    return _cosine(build, turns, length), _cosine(build, (4 * turns - length) % (4 * length), 4 * length)


def _cosine(build: Ops, turns: np.ndarray, length: int) -> Value:
    """cos(2π·turns/length) of integers 0 … length - 1, with all the symmetries of the circle, so that sums cancel."""
    turns = np.minimum(turns, length - turns)  # the upper half
    left = 4 * turns > length
    turns = np.where(left, length - 2 * turns, 2 * turns)  # the right quarter, in half turns
    sine = 4 * turns > length
    eighth = np.where(sine, length - 2 * turns, 2 * turns)  # at most 1/8, in quarters of a turn
    angle = build.fmul(build.fdiv(constant(eighth.astype(np.float32)), length), float(np.pi / 2))
    found = build.where(constant(sine), build.one(Fn.SIN, angle), build.one(Fn.COS, angle))
    return build.where(constant(left), build.neg(found), found)


def transform(build: Ops, x: Value, length: int, inverse: bool, onesided: bool) -> Value:
    """x [..., n, 1 or 2], the last axis real and imaginary part, along n → [..., frequencies, 2] (real: 1, after an inverse onesided)."""
    build.floats(x)
    if x.shape[-1] not in (1, 2):
        raise TensorError(f"transforms shape {list(x.shape)}; the last axis has one part or two")
    kept = min(x.shape[-2], length // 2 + 1 if inverse and onesided else length)
    x = narrow(x, x.rank - 2, 0, kept)
    real = index(x, x.rank - 1, 0)
    imaginary = index(x, x.rank - 1, 1) if x.shape[-1] == 2 else None
    rows = length // 2 + 1 if onesided and not inverse else length
    cos, sin = _waves(build, kept, length, rows)
    if inverse and onesided:  # the other half mirrors this one: everything counts twice but the ends
        twice = np.full(kept, 2, np.float32)
        twice[0] = 1
        if length % 2 == 0 and kept == length // 2 + 1:
            twice[-1] = 1
        cos, sin = (build.mul(wave, constant(twice.reshape(-1, 1))) for wave in (cos, sin))
    sign = 1 if inverse else -1
    re, im = build.matmul(real, cos), build.fmul(build.matmul(real, sin), sign)
    if imaginary is not None:
        re = build.sub(re, build.fmul(build.matmul(imaginary, sin), sign))
        im = build.add(im, build.matmul(imaginary, cos))
    parts = [re] if inverse and onesided else [re, im]
    parts = [unsqueeze(build.fdiv(p, length) if inverse else p, p.rank) for p in parts]
    return build.concat(parts, parts[0].rank - 1)


@lower("DFT")
def _dft(context: Context) -> list[Value]:
    build, x = context.build, context.x
    inverse, onesided = bool(context.attr("inverse", 0)), bool(context.attr("onesided", 0))
    if context.opset >= 20:
        given = context.integers(2, "the axis")
        axis = context.axis(-2 if given is None else given[0])
    else:
        axis = context.axis(context.attr("axis", 1))
    if axis == x.rank - 1:
        raise TensorError("transforms along real and imaginary parts")
    size = context.integers(1, "the length")
    length = size[0] if size else 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
    order = [*(a for a in range(x.rank - 1) if a != axis), axis, x.rank - 1]
    out = transform(build, permute(x, order), length, inverse, onesided)
    return [permute(out, [order.index(a) for a in range(x.rank)])]


@lower("STFT")
def _stft(context: Context) -> list[Value]:
    build, x = context.build, context.x
    step = context.integers(1, "the step")[0]
    window, size = context.given(2), context.integers(3, "the length")
    x = unsqueeze(x, 2) if x.rank == 2 else x
    if size is None and window is None:
        raise TensorError("has neither a window nor a length")
    length = size[0] if size else window.shape[0]
    if step < 1 or x.shape[1] < length or x.rank != 3:
        raise TensorError(f"takes frames of {length} every {step} of shape {list(x.shape)}")
    frames = windows(x, 1, 1 + (x.shape[1] - length) // step, length, step, 1)  # [batch, frames, length, parts]
    if window is not None:
        if window.shape != (length,):
            raise TensorError(f"has a window of shape {list(window.shape)} for {length} elements")
        frames = build.mul(frames, build.reshape(window, (length, 1)))
    return [transform(build, frames, length, False, bool(context.attr("onesided", 1)))]
