"""Constants that a result is multiplied by, or that are added to it, become part of the operation that makes it.

A batch normalisation behind a convolution, a learnt scale, a division by six: each is an operation over a whole tensor at every inference, and nothing but other
weights for the one before it. Only a result that nobody else reads is folded. What is computed stays the same but for roundings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from opg.tensor.compiler.drafts import Draft, Operand
from opg.tensor.compiler.values import Ref, strides_of
from opg.tensor.functions import Fn
from opg.tensor.program import Kind

Intern = Callable[[np.ndarray], Ref]


class Folder:
    """Rewrites drafts in place: one that scales or shifts becomes its predecessor with other constants, which is then read by nobody."""

    def __init__(self, drafts: list[Draft], arrays: list[np.ndarray], intern: Intern, outputs: Iterable[Ref]) -> None:
        self.drafts, self.arrays, self.intern = drafts, arrays, intern
        self.reads = Counter(outputs)

    def fold(self, needed: Iterable[int]) -> None:
        """All of the drafts that are needed, in order."""
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
            elif before.kind == Kind.MAP and by.ref is None and draft.fn in (Fn.MUL, Fn.DIV):
                made = self._into_scale(draft, before, by.fill)
            if made is not None:
                self.drafts[at] = made

    def _split(self, draft: Draft) -> tuple[Draft, Operand] | None:
        """A map over a whole result that only it reads, and a constant: what made the result, and the constant."""
        if draft.kind != Kind.MAP or draft.fn not in (Fn.MUL, Fn.ADD, Fn.DIV) or len(draft.operands) != 2:
            return None
        for result, by in (draft.operands, draft.operands[::-1]):
            if result.ref is None or result.ref[0] != "op" or (by.ref and by.ref[0] != "constant"):
                continue
            if draft.fn == Fn.DIV and by is draft.operands[0]:
                continue
            before = self.drafts[result.ref[1]]
            whole = result.base == 0 and tuple(result.coefs) == strides_of(tuple(draft.dims)) and not by.guards
            same = np.prod(draft.dims, dtype=int) == np.prod(before.dims, dtype=int)
            if whole and same and not result.guards and self.reads[result.ref] == 1:
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
        axes = len(product.dims)
        if any(weights.coefs[: axes - 1]):
            return None
        places = np.array([weights.base])
        for dim, coef in zip([product.dims[-1], *product.reduced], weights.coefs[axes - 1 :], strict=True):
            places = (places[:, None] + coef * np.arange(dim)).ravel()
        if places.min() < 0 or places.max() >= count:
            return None
        owner = np.full(count, -1)
        of = np.repeat(np.arange(product.dims[-1]), places.size // product.dims[-1])
        owner[places] = of
        return None if (owner[places] != of).any() else np.where(owner < 0, np.float32(1), factor[owner])


def _ordinary(numbers: np.ndarray | np.float32) -> bool:
    """Finite, and zero or normal: nothing is lost by computing with them in another order."""
    size = np.abs(numbers)
    return bool(np.isfinite(size).all() and ((size == 0) | (size >= np.finfo(np.float32).tiny)).all())
