"""Convolutions: a CONTRACT over (kernel axes…, input channels), the channels innermost, in channels-last tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opg.tensor.compiler.builder import Operand
from opg.tensor.compiler.lower.reductions import reverse
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.values import Value, broadcast, constant, layout, permute, unsqueeze, view, windows
from opg.tensor.errors import TensorError
from opg.tensor.program import Kind


@dataclass(frozen=True)
class Window:
    """Sizes of a sliding window, one number for each spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    out: tuple[int, ...]


def window_of(context: Context, size: Sequence[int], kernel: Sequence[int], ceil: bool = False) -> Window:
    """The window that the attributes describe, over spatial axes of these sizes."""
    rank = len(size)
    strides = tuple(context.attr("strides") or [1] * rank)
    dilations = tuple(context.attr("dilations") or [1] * rank)
    pads = list(context.attr("pads") or [0] * (2 * rank))
    if not (len(kernel) == len(strides) == len(dilations) == rank and len(pads) == 2 * rank):
        raise TensorError(f"has attributes of another rank than its {rank} spatial axes")
    if any(n < 1 for n in (*strides, *dilations, *kernel)) or any(p < 0 for p in pads):
        raise TensorError("has a stride, dilation, kernel or padding that is too small")
    auto = context.text("auto_pad", "NOTSET")
    before, after, out = pads[:rank], pads[rank:], []
    for axis in range(rank):
        span = (kernel[axis] - 1) * dilations[axis] + 1
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            total = max(0, (-(-size[axis] // strides[axis]) - 1) * strides[axis] + span - size[axis])
            less, more = total // 2, total - total // 2
            before[axis], after[axis] = (less, more) if auto == "SAME_UPPER" else (more, less)
        elif auto == "VALID":
            before[axis] = after[axis] = 0
        elif auto not in ("NOTSET", ""):
            raise TensorError(f"has auto_pad {auto!r}")
        room = size[axis] + before[axis] + after[axis] - span
        count = -(-room // strides[axis]) if ceil else room // strides[axis]
        if ceil and count * strides[axis] >= size[axis] + before[axis]:  # a window may not begin in the padding behind
            count -= 1
        if (room < 0 and not ceil) or count < 0:
            raise TensorError(f"has a window of {span} over {size[axis]} elements")
        out.append(count + 1)
    return Window(tuple(kernel), strides, dilations, tuple(before), tuple(after), tuple(out))


def channels_last(build: Ops, x: Value, window: Window, fill: int = 0) -> Value:
    """x [n, c, s…] padded to what the windows reach, its channels contiguous; axes stay in ONNX's order."""
    rank = len(window.kernel)
    after = []
    for axis in range(rank):
        reach = (window.out[axis] - 1) * window.strides[axis] + (window.kernel[axis] - 1) * window.dilations[axis] + 1
        after.append(reach - window.before[axis] - x.shape[2 + axis])
    before, after = [0, 0, *window.before], [0, 0, *(max(0, a) for a in after)]
    order = [0, *range(2, 2 + rank), 1]
    if any(before) or any(after):
        return build.pad(x, before, after, fill, order)
    if x.is_constant or x.strides[1] == 1 or x.shape[1] == 1:
        return x
    return permute(build.copy(permute(x, order)), [0, rank + 1, *range(1, rank + 1)])


def convolve(build: Ops, x: Value, w: Value, bias: Value | None, window: Window, groups: int) -> Value:
    """x [n, g·ic, s…] with w [g·oc, ic, k…] → [n, g·oc, o…], channels-last in memory."""
    rank = len(window.kernel)
    n, channels = x.shape[:2]
    oc, ic = w.shape[0] // groups, w.shape[1]
    if groups < 1 or channels != groups * ic or w.shape[0] % groups:
        raise TensorError(f"convolves {channels} channels with weights {list(w.shape)} in {groups} groups")
    padded = channels_last(build, x, window)
    for axis in range(rank):  # [n, c, o…, k…] in the end
        padded = windows(padded, 2 + axis * 2, window.out[axis], window.kernel[axis],
                         window.strides[axis], window.dilations[axis])  # fmt: skip
    spatial = [2 + 2 * a for a in range(rank)]
    kernel = [3 + 2 * a for a in range(rank)]
    a = permute(padded, [0, *spatial, 1, *kernel])
    a = split(a, 1 + rank, groups)  # [n, o…, g, ic, k…]
    a = permute(a, [*range(2 + rank), *range(3 + rank, 3 + 2 * rank), 2 + rank])
    a = unsqueeze(a, 2 + rank)  # [n, o…, g, 1, k…, ic]
    weights = permute(w, [0, *range(2, 2 + rank), 1])
    if not weights.is_constant:
        weights = build.dense(weights)
    weights = build.reshape(weights, (groups, oc, *window.kernel, ic))
    dims = (n, *window.out, groups, oc, *window.kernel, ic)
    if bias is not None:
        bias = build.reshape(bias, (groups, oc))
    made = build.contract(broadcast(a, dims), broadcast(weights, dims), bias, 3 + rank)
    flat = build.reshape(made, (n, *window.out, groups * oc))
    return permute(flat, [0, rank + 1, *range(1, rank + 1)])


def split(value: Value, axis: int, groups: int) -> Value:
    """An axis as (groups, rest)."""
    rest = value.shape[axis] // groups
    shape = (*value.shape[:axis], groups, rest, *value.shape[axis + 1 :])
    if value.is_constant:
        return constant(value.array.reshape(shape))
    strides, base = layout(value)
    step = strides[axis]
    return view(value, shape, (*strides[:axis], step * rest, step, *strides[axis + 1 :]), base)


@lower("Conv")
def _conv(context: Context) -> list[Value]:
    build, x, w, bias = context.build, context.need(0), context.need(1), context.given(2)
    build.floats(x, w, *([bias] if bias else []))
    check_ranks(x, w)
    window = window_of(context, x.shape[2:], w.shape[2:])
    return [convolve(build, x, w, bias, window, context.attr("group", 1))]


def check_ranks(x: Value, w: Value) -> None:
    if x.rank < 3 or w.rank != x.rank or x.rank > 5:
        raise TensorError(f"convolves shape {list(x.shape)} with {list(w.shape)}; 1 to 3 spatial axes are supported")


def spaced(build: Ops, x: Value, strides: Sequence[int], before: Sequence[int], size: Sequence[int]) -> Value:
    """x [n, c, s…] with zeros between: element i of a spatial axis stands at before + stride·i of `size`; channels-last.

    An axis becomes pairs (q, r), at q·stride + r. Only one r of each pair holds an element: for the others one guard is far outside.
    """
    rank, far = len(strides), 1 << 24
    if x.is_constant:
        x = build.publish(x)
    rounded = [-(-s // t) for s, t in zip(size, strides, strict=True)]
    dims, coefs, guards, base = [x.shape[0]], [x.strides[0]], [], x.base
    total = 2 + 2 * rank
    for axis in range(rank):
        step, first = x.strides[2 + axis], before[axis] // strides[axis]
        rest = before[axis] - first * strides[axis]
        guard = [0] * total
        guard[1 + 2 * axis], guard[2 + 2 * axis] = 1, far
        guards.append((-first - far * rest, x.shape[2 + axis], guard))
        dims += [rounded[axis], strides[axis]]
        coefs += [step, 0]
        base -= first * step
    operand = Operand(x.ref, [*coefs, x.strides[1]], base, 0, guards)
    made = build.emit(Kind.MOVE, 0, x.dtype, [*dims, x.shape[1]], [operand])
    made = build.reshape(made, (x.shape[0], *(r * t for r, t in zip(rounded, strides, strict=True)), x.shape[1]))
    return permute(made, [0, rank + 1, *range(1, rank + 1)])


@lower("ConvTranspose")
def _conv_transpose(context: Context) -> list[Value]:
    """An ordinary convolution of x with zeros between its elements, by the kernel turned round."""
    build, x, w, bias = context.build, context.need(0), context.need(1), context.given(2)
    build.floats(x, w, *([bias] if bias else []))
    check_ranks(x, w)
    rank, groups = x.rank - 2, context.attr("group", 1)
    size, kernel = x.shape[2:], w.shape[2:]
    strides = tuple(context.attr("strides") or [1] * rank)
    dilations = tuple(context.attr("dilations") or [1] * rank)
    extra = tuple(context.attr("output_padding") or [0] * rank)
    pads = list(context.attr("pads") or [0] * (2 * rank))
    if not (len(strides) == len(dilations) == len(extra) == rank and len(pads) == 2 * rank):
        raise TensorError(f"has attributes of another rank than its {rank} spatial axes")
    if groups < 1 or w.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise TensorError(f"convolves {x.shape[1]} channels with weights {list(w.shape)} in {groups} groups")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    full = [(s - 1) * t + e + k for s, t, e, k in zip(size, strides, extra, spans, strict=True)]
    auto, wanted = context.text("auto_pad", "NOTSET"), context.attr("output_shape")
    if wanted is not None or auto in ("SAME_UPPER", "SAME_LOWER"):
        out = list(wanted)[-rank:] if wanted is not None else [s * t for s, t in zip(size, strides, strict=True)]
        total = [max(0, f - o) for f, o in zip(full, out, strict=True)]
        half = [t // 2 for t in total]
        before = half if auto == "SAME_UPPER" else [t - h for t, h in zip(total, half, strict=True)]
        if wanted is not None and auto != "SAME_UPPER":
            before = [t - h for t, h in zip(total, half, strict=True)]
    elif auto in ("NOTSET", "VALID", ""):
        before = pads[:rank] if auto != "VALID" else [0] * rank
        after = pads[rank:] if auto != "VALID" else [0] * rank
        out = [f - b - a for f, b, a in zip(full, before, after, strict=True)]
    else:
        raise TensorError(f"has auto_pad {auto!r}")
    if any(o < 1 for o in out):
        raise TensorError(f"has an empty result {out}")
    reach = [o + s - 1 for o, s in zip(out, spans, strict=True)]
    source = spaced(build, x, strides, [s - 1 - b for s, b in zip(spans, before, strict=True)], reach)
    turned = _turned(build, w, groups, rank)
    ones, zeros = (1,) * rank, (0,) * rank
    window = Window(tuple(kernel), ones, dilations, zeros, zeros, tuple(out))
    return [convolve(build, source, turned, bias, window, groups)]


def _turned(build: Ops, w: Value, groups: int, rank: int) -> Value:
    """w [g·ic, oc, k…] as weights of a convolution [g·oc, ic, k…], each kernel axis reversed."""
    for axis in range(2, 2 + rank):
        w = reverse(w, axis)
    ic = w.shape[0] // groups
    parts = permute(split(w, 0, groups), [0, 2, 1, *range(3, 3 + rank)])
    return build.reshape(parts, (groups * w.shape[1], ic, *w.shape[2:]))
