"""Resizing: for each axis a few elements by weights, both known at compile time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np

from opg.tensor.compiler.lower.indexing import gather
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.values import Value, broadcast, constant, permute, scalar, unsqueeze
from opg.tensor.errors import TensorError


@dataclass(frozen=True)
class Axis:
    """How one axis is resized. Sizes in elements; roi as parts of the axis."""

    size: int
    out: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)

    def coordinate(self, at: int, mode: str) -> float:
        """Where output `at` lies on the input's axis."""
        if mode == "half_pixel":
            return (at + 0.5) / self.scale - 0.5
        if mode == "asymmetric":
            return at / self.scale
        wide = self.scale * self.size
        if mode == "pytorch_half_pixel":
            return -0.5 if wide == 1 else (at + 0.5) / self.scale - 0.5
        if mode == "align_corners":
            return 0.0 if wide == 1 else at * (self.size - 1) / (wide - 1)
        if mode == "half_pixel_symmetric":
            return self.size / 2 * (1 - self.out / wide) + (at + 0.5) / self.scale - 0.5
        if mode == "tf_crop_and_resize":
            start, end = self.roi
            inner = (end - start) / 2 if wide == 1 else at * (end - start) / (wide - 1)
            return inner * (self.size - 1) + start * (self.size - 1)
        raise TensorError(f"has coordinate_transformation_mode {mode!r}")


def _cubic(x: float, a: float) -> float:
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def _weights(ratio: float, mode: str, scale: float, context: Context) -> list[float]:
    """Weights of the neighbours of a point that lies `ratio` behind the last element before it."""
    if mode == "nearest":
        how = context.text("nearest_mode", "round_prefer_floor")
        after = {"round_prefer_floor": ratio > 0.5, "round_prefer_ceil": ratio >= 0.5, "floor": False, "ceil": True}
        if how not in after:
            raise TensorError(f"has nearest_mode {how!r}")
        return [0.0, 1.0] if ratio == 1 or after[how] else [1.0, 0.0]
    if mode not in ("linear", "cubic"):
        raise TensorError(f"has mode {mode!r}")
    reach, a = (1, 0.0) if mode == "linear" else (2, context.attr("cubic_coeff_a", -0.75))
    shrink = min(scale, 1.0) if context.attr("antialias", 0) else 1.0
    first = floor(-reach / shrink) + 1
    found = []
    for tap in range(first, 2 - first):
        x = shrink * (tap - ratio)
        found.append(max(0.0, 1 - abs(x)) if mode == "linear" else _cubic(x, a))
    total = sum(found)
    return [w / total for w in found] if shrink != 1.0 else found


def _plan(axis: Axis, mode: str, context: Context) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(places [out, taps], weights [out, taps], outside [out]) of one axis."""
    transform = context.text("coordinate_transformation_mode", "half_pixel")
    places, weights, outside = [], [], []
    for at in range(axis.out):
        x = axis.coordinate(at, transform)
        ratio = 1.0 if x == floor(x) else x - floor(x)
        row = _weights(ratio, mode, axis.scale, context)
        spot = [ceil(x) - len(row) // 2 + tap for tap in range(len(row))]
        if context.attr("exclude_outside", 0):
            row = [w if 0 <= s < axis.size else 0.0 for s, w in zip(spot, row, strict=True)]
            row = [w / sum(row) for w in row]
        places.append([min(max(s, 0), axis.size - 1) for s in spot])
        weights.append(row)
        outside.append(transform == "tf_crop_and_resize" and not 0 <= x <= axis.size - 1)
    return np.array(places), np.array(weights, np.float32), np.array(outside)


def _resize_axis(build: Ops, x: Value, number: int, plan: tuple[np.ndarray, np.ndarray], nearest: bool) -> Value:
    places, weights = plan
    if nearest:
        return gather(build, x, constant(np.take_along_axis(places, weights.argmax(1)[:, None], 1)[:, 0]), number)
    used = (weights != 0).any(0)
    places, weights = places[:, used], weights[:, used]
    parts = gather(build, x, constant(places), number)  # [..., out, taps, ...]
    order = [a for a in range(parts.rank) if a != number + 1] + [number + 1]
    parts = permute(parts, order)
    table = constant(weights)
    for _ in range(number + 1, parts.rank - 1):
        table = unsqueeze(table, 1)
    return build.contract(parts, broadcast(table, parts.shape), None, parts.rank - 1)


@lower("Resize", "Upsample")
def _resize(context: Context) -> list[Value]:
    build, x = context.build, context.x
    roi, scales, sizes = None, None, None
    if context.name == "Upsample" or context.opset < 11:
        array = context.constant(1, "the scales")
        scales = context.attr("scales") if array is None else array.reshape(-1).tolist()
        context.attributes.setdefault("coordinate_transformation_mode", "asymmetric")
        context.attributes.setdefault("nearest_mode", "floor")
    else:
        roi, scales = context.constant(1, "the region"), context.constant(2, "the scales")
        scales = None if scales is None or not scales.size else scales.reshape(-1).tolist()
        sizes = context.integers(3, "the sizes")
    axes = context.attr("axes")
    axes = list(range(x.rank)) if axes is None else [context.axis(a) for a in axes]
    plan = _axes(context, axes, roi, scales, sizes)
    mode = context.text("mode", "nearest")
    if mode != "nearest":
        build.floats(x)
    outside: dict[int, np.ndarray] = {}
    for number, axis in zip(axes, plan, strict=True):
        if axis.out == axis.size and axis.scale == 1 and axis.roi == (0.0, 1.0):
            continue
        places, weights, out = _plan(axis, mode if mode != "bilinear" else "linear", context)
        x = _resize_axis(build, x, number, (places, weights), mode == "nearest")
        if out.any():
            outside[number] = out
    for number, out in outside.items():
        flags = constant(out.reshape([-1 if a == number else 1 for a in range(x.rank)]))
        x = build.where(flags, scalar(context.attr("extrapolation_value", 0.0), x.dtype), x)
    return [x]


def _axes(context: Context, axes: list[int], roi: np.ndarray | None, scales: list[float] | None,
          sizes: list[int] | None) -> list[Axis]:  # fmt: skip
    shape = [context.x.shape[a] for a in axes]
    policy = context.text("keep_aspect_ratio_policy", "stretch")
    if sizes is not None:
        if len(sizes) != len(axes):
            raise TensorError(f"has {len(sizes)} sizes for {len(axes)} axes")
        parts = [Fraction(s, d) for s, d in zip(sizes, shape, strict=True)]
        if policy != "stretch":
            common = min(parts) if policy == "not_larger" else max(parts)
            parts = [common] * len(axes)
            sizes = [floor(common * d + Fraction(1, 2)) for d in shape]
        scales = [float(p) for p in parts]
    elif scales is not None and len(scales) == len(axes):
        sizes = [floor(np.float32(s) * np.float32(d)) for s, d in zip(scales, shape, strict=True)]
    else:
        raise TensorError("has neither sizes nor scales for its axes")
    if any(s < 1 for s in sizes):
        raise TensorError(f"resizes to {sizes}")
    region = [0.0] * len(axes) + [1.0] * len(axes) if roi is None or not roi.size else roi.reshape(-1).tolist()
    used = context.text("coordinate_transformation_mode") == "tf_crop_and_resize"
    regions = [(region[i], region[i + len(axes)]) if used else (0.0, 1.0) for i in range(len(axes))]
    return [Axis(d, s, c, r) for d, s, c, r in zip(shape, sizes, scales, regions, strict=True)]
