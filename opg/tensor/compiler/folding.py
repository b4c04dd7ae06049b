"""Constants that a result is multiplied by, or that are added to it, become part of the product that makes it, or of the one that reads it.

A batch normalisation behind a convolution, a learnt scale, a division by six: each is an operation over a whole tensor at every inference, and nothing but other
weights for its neighbour. A maximum and a minimum are one clamp. Only a result that nobody else reads is folded. What is computed stays the same but for
roundings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from opg.tensor.compiler.drafts import Draft, Operand
from opg.tensor.compiler.values import Ref, strides_of
from opg.tensor.functions import Fn
from opg.tensor.program import Kind

Intern = Callable[[np.ndarray], Ref]


class Folder:
    """Rewrites drafts in place: one that scales or shifts becomes its predecessor with other constants, or its reader takes other ones and reads past it."""

    def __init__(
        self,
        drafts: list[Draft],
        arrays: list[np.ndarray],
        intern: Intern,
        inputs: Sequence[int],
        outputs: Iterable[Ref],
    ) -> None:
        self.drafts, self.arrays, self.intern, self.inputs = drafts, arrays, intern, inputs
        self.reads = Counter(outputs)

    def fold(self, needed: Iterable[int]) -> None:
        """Into what stands before: all of the drafts that are needed, in order."""
        order = sorted(needed)
        for at in order:
            self.reads.update(o.ref for o in self.drafts[at].operands if o.ref)
        for at in order:
            draft = self.drafts[at]
            split = self._split(draft)
            if split is None:
                continue
            before, by = split
            made = None
            if before.kind == Kind.CONTRACT and before.fn == Fn.MUL and draft.fn in (Fn.MUL, Fn.ADD):
                made = self._into_product(before, draft, by)
            elif before.kind == Kind.MAP and by.ref is None and (before.fn, draft.fn) == (Fn.MAX, Fn.MIN):
                made = replace(before, fn=int(Fn.CLAMP), operands=[*before.operands, _number(by.fill, before)])
            elif before.kind == Kind.MAP and by.ref is None and draft.fn in (Fn.MUL, Fn.DIV):
                made = self._into_scale(draft, before, by.fill)
            if made is not None:
                self.drafts[at] = made

    def read_past(self, needed: Iterable[int]) -> None:
        """All products of the drafts that are still needed."""
        for at in sorted(needed):
            while self.drafts[at].kind == Kind.CONTRACT and self.drafts[at].fn == Fn.MUL and self._read_past(at):
                pass

    def _split(self, draft: Draft) -> tuple[Draft, Operand] | None:
        """A map over a whole result that only it reads, and a constant: what made the result, and the constant."""
        if draft.kind != Kind.MAP or draft.fn not in (Fn.MUL, Fn.ADD, Fn.DIV, Fn.MIN) or len(draft.operands) != 2:
            return None
        for result, by in (draft.operands, draft.operands[::-1]):
            if result.ref is None or result.ref[0] != "op" or (by.ref and by.ref[0] != "constant"):
                continue
            if draft.fn == Fn.DIV and by is draft.operands[0]:
                continue
            before = self.drafts[result.ref[1]]
            whole = _whole(draft, result) and _words(draft) == _words(before)
            if whole and not by.guards and self.reads[result.ref] == 1:
                return before, by
        return None

    # ---- a scale behind a scale

    def _into_scale(self, draft: Draft, before: Draft, word: int) -> Draft | None:
        scale = next((o for o in before.operands if o.ref is None), None)
        if before.fn not in (Fn.MUL, Fn.DIV) or scale is None or (before.fn == Fn.DIV and scale is before.operands[0]):
            return None
        factor = np.float32(1)
        for fn, each in ((before.fn, scale.fill), (draft.fn, word)):
            number = np.uint32(each).view(np.float32)
            with np.errstate(all="ignore"):
                factor = factor * number if fn == Fn.MUL else factor / number
        if not _ordinary(factor):
            return None
        source = next(o for o in before.operands if o is not scale)
        return replace(before, fn=int(Fn.MUL), operands=[replace(scale, fill=int(factor.view(np.uint32))), source])

    # ---- behind a product

    def _into_product(self, product: Draft, draft: Draft, by: Operand) -> Draft | None:
        """`(init + Σ a·w) · s` is `init·s + Σ a·(w·s)`; an addition goes to the initial value alone."""
        size, fn = product.dims[-1] if product.dims else 1, draft.fn
        if by.ref is not None and (not draft.dims or draft.dims[-1] != size):
            return None
        factor = self._row(by, by.coefs, size)
        axes = len(product.dims)
        init = self._row(product.operands[2], product.operands[2].coefs[:axes], size)
        if factor is None or init is None:
            return None
        with np.errstate(all="ignore"):
            row = init * factor if fn == Fn.MUL else init + factor
        if not _ordinary(row):
            return None
        operands = list(product.operands)
        if fn == Fn.MUL:
            number = next((n for n in (0, 1) if operands[n].ref and operands[n].ref[0] == "constant"), None)
            weights = None if number is None else self._scaled(product, operands[number], factor)
            if weights is None:
                return None
            operands[number] = weights
        operands[2] = self._row_operand(row, len(product.operands[2].coefs), axes)
        return replace(product, operands=operands)

    def _row(self, operand: Operand, coefs: list[int], size: int) -> np.ndarray | None:
        """A constant as one number, or as one for each place of the last axis; None when it is neither."""
        if operand.guards:
            return None
        if operand.ref is None:
            return np.array([operand.fill], np.uint32).view(np.float32)
        if operand.ref[0] != "constant" or any(coefs[:-1]) or not coefs:
            return None
        words = self.arrays[operand.ref[1]]
        places = operand.base + coefs[-1] * np.arange(size)
        return words[places].view(np.float32) if places.min() >= 0 and places.max() < words.size else None

    def _row_operand(self, row: np.ndarray, coefs: int, axes: int) -> Operand:
        words = np.ascontiguousarray(row).view(np.uint32)
        if (words == words[0]).all():
            return Operand(None, [0] * coefs, 0, int(words[0]))
        step = [0] * coefs
        step[axes - 1] = 1
        return Operand(self.intern(words), step)

    def _scaled(self, product: Draft, weights: Operand, factor: np.ndarray) -> Operand | None:
        """The weights times the factor; None where a weight has no factor of its own, or leaves the ordinary numbers."""
        if weights.guards:
            return None
        words = self.arrays[weights.ref[1]]
        own = (
            np.broadcast_to(factor, words.shape)
            if factor.size == 1
            else self._owned(product, weights, factor, words.size)
        )
        if own is None:
            return None
        with np.errstate(all="ignore"):
            made = words.view(np.float32) * own
        if not _ordinary(made):
            return None
        return replace(weights, ref=self.intern(made.astype(np.float32).view(np.uint32)))

    @staticmethod
    def _owned(product: Draft, weights: Operand, factor: np.ndarray, count: int) -> np.ndarray | None:
        """For each weight the factor of the one place of the last axis that reads it."""
        places = _places(product, weights, count)
        if places is None:
            return None
        owner, of = np.full(count, -1), np.arange(len(places))[:, None]
        owner[places] = of
        return None if (owner[places] != of).any() else np.where(owner < 0, np.float32(1), factor[owner])

    # ---- in front of a product

    def _read_past(self, at: int) -> bool:
        """Whether the product now reads what was scaled or shifted, by one number, and has constants that do it.

        `init + Σ (x·s + t)·w` is `(init + t·Σw) + Σ x·(w·s)`; where there is no x, as around an image, there is now what would have become it.
        """
        product = self.drafts[at]
        fixed = [n for n in (0, 1) if product.operands[n].ref and product.operands[n].ref[0] == "constant"]
        if len(fixed) != 1:
            return False
        reader, number = at, 1 - fixed[0]
        moved = self._alone(product.operands[number])
        if moved is not None and moved.kind == Kind.MOVE and len(moved.operands) == 1:
            reader, number = product.operands[number].ref[1], 0
        read = self.drafts[reader].operands[number]
        before = self._alone(read)
        found = None if before is None else self._of_one_number(before)
        if found is None:
            return False
        source, fn, by = found
        with np.errstate(all="ignore"):
            fill = np.uint32(read.fill).view(np.float32)
            past = np.float32(fill / by if fn == Fn.MUL else fill - by)
        constants = (self._scaled_by if fn == Fn.MUL else self._shifted_by)(product, fixed[0], by)
        if constants is None or not _ordinary(past):
            return False
        self.drafts[at] = replace(product, operands=constants)
        operands = list(self.drafts[reader].operands)
        operands[number] = replace(read, ref=source.ref, fill=int(past.view(np.uint32)))
        self.drafts[reader] = replace(self.drafts[reader], operands=operands)
        return True

    def _size(self, ref: Ref) -> int:
        """Words of a value, as long as drafts have one result for each place."""
        return (
            self.inputs[ref[1]]
            if ref[0] == "input"
            else _words(self.drafts[ref[1]])
            if ref[0] == "op"
            else self.arrays[ref[1]].size
        )

    def _alone(self, operand: Operand) -> Draft | None:
        """What makes the result that an operand reads, if nobody else reads it."""
        if operand.ref is None or operand.ref[0] != "op" or self.reads[operand.ref] != 1:
            return None
        return self.drafts[operand.ref[1]]

    def _of_one_number(self, draft: Draft) -> tuple[Operand, Fn, np.float32] | None:
        """Of a map that multiplies a whole value by one number, or adds one to it: the value, MUL or ADD, and the number."""
        if draft.kind != Kind.MAP or draft.fn not in (Fn.MUL, Fn.ADD, Fn.DIV, Fn.SUB):
            return None
        source, by = draft.operands
        if source.ref is None and draft.fn in (Fn.MUL, Fn.ADD):
            source, by = by, source
        if source.ref is None or by.ref is not None or not _whole(draft, source):
            return None
        if self._size(source.ref) != _words(draft):
            return None
        number = np.uint32(by.fill).view(np.float32)
        with np.errstate(all="ignore"):
            number = {Fn.DIV: np.float32(1) / number, Fn.SUB: -number}.get(draft.fn, number)
        return (source, Fn.MUL if draft.fn in (Fn.MUL, Fn.DIV) else Fn.ADD, number) if _ordinary(number) else None

    def _scaled_by(self, product: Draft, number: int, by: np.float32) -> list[Operand] | None:
        weights = self._scaled(product, product.operands[number], np.array([by]))
        return weights and [*product.operands[:number], weights, *product.operands[number + 1 :]]

    def _shifted_by(self, product: Draft, number: int, by: np.float32) -> list[Operand] | None:
        """Other initial values: with the shift times the sum of the weights that a place of the last axis reads."""
        weights, init, axes = product.operands[number], product.operands[2], len(product.dims)
        words = self.arrays[weights.ref[1]]
        places = None if weights.guards else _places(product, weights, words.size)
        row = self._row(init, init.coefs[:axes], product.dims[-1] if product.dims else 1)
        if places is None or row is None:
            return None
        sums = words.view(np.float32)[places].sum(axis=1, dtype=np.float64)
        with np.errstate(all="ignore"):
            row = (row + by * sums).astype(np.float32)
        return [*product.operands[:2], self._row_operand(row, len(init.coefs), axes)] if _ordinary(row) else None


def _number(word: int, of: Draft) -> Operand:
    return Operand(None, [0] * len(of.dims), 0, word)


def _words(draft: Draft) -> int:
    return prod(draft.dims)


def _whole(draft: Draft, operand: Operand) -> bool:
    """Whether a map reads a value word by word from its beginning."""
    return operand.base == 0 and tuple(operand.coefs) == strides_of(tuple(draft.dims)) and not operand.guards


def _places(product: Draft, weights: Operand, count: int) -> np.ndarray | None:
    """The weights that each place of the last axis reads, shape [places, products]; None where other axes have a say, or some are missing."""
    axes = len(product.dims)
    if any(weights.coefs[: max(0, axes - 1)]):
        return None
    last = zip(product.dims[-1:], weights.coefs[axes - 1 : axes] if axes else (), strict=True)
    places = np.array([[weights.base]]) + sum(
        (coef * np.arange(dim)[:, None] for dim, coef in last), np.zeros((1, 1), int)
    )
    for dim, coef in zip(product.reduced, weights.coefs[axes:], strict=True):
        places = (places[:, :, None] + coef * np.arange(dim)).reshape(len(places), -1)
    return places if places.min() >= 0 and places.max() < count else None


def _ordinary(numbers: np.ndarray | np.float32) -> bool:
    """Finite, and zero or normal: nothing is lost by computing with them in another order."""
    size = np.abs(numbers)
    return bool(np.isfinite(size).all() and ((size == 0) | (size >= np.finfo(np.float32).tiny)).all())
