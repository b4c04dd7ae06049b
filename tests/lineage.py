"""Shares of models in plain Python, as docs/protocol.md defines them: what a registry must say, without its flat form.

A model promises parts of its income to its parents; what a parent gets is its income, shared in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BPS, PARTS = 10_000, 1_000_000
MAX_FEE_BPS, MAX_PAYEES, MAX_DEPTH = 5_000, 8, 8


@dataclass
class Lineage:
    """Models by number from 1: what each takes of a fee, and who has parts of a million of that."""

    fee_bps: list[int] = field(default_factory=lambda: [0])
    depth: list[int] = field(default_factory=lambda: [0])
    known: list[dict[int, int]] = field(default_factory=lambda: [{}])

    @property
    def count(self) -> int:
        return len(self.known) - 1

    def add(self, fee_bps: int, parents: list[tuple[int, int]]) -> tuple | None:
        """Registers a model with parents (number, basis points); or the error that forbids it."""
        if fee_bps > MAX_FEE_BPS:
            return ("FeeTooHigh",)
        if len(parents) >= MAX_PAYEES:
            return ("TooManyAncestors", len(parents), MAX_PAYEES - 1)
        ancestors: dict[int, int] = {}
        promised = 0
        for parent, bps in parents:
            if not 1 <= parent <= self.count:
                return ("NoSuchModel", parent)
            if bps == 0:
                return ("ParentWithoutShare", parent)
            promised += bps
            if promised > BPS:
                return ("SharesTooHigh", promised)
            stream = bps * PARTS // BPS
            up = {i: stream * part // PARTS for i, part in self.known[parent].items()}
            for model, part in {**up, parent: stream - sum(up.values())}.items():
                if part:
                    ancestors[model] = ancestors.get(model, 0) + part
                if len(ancestors) >= MAX_PAYEES:
                    return ("TooManyAncestors", MAX_PAYEES, MAX_PAYEES - 1)
        depth = max((self.depth[parent] + 1 for parent, _ in parents), default=0)
        if depth > MAX_DEPTH:
            return ("TooManyAncestors", depth, MAX_DEPTH)
        self.fee_bps.append(fee_bps)
        self.depth.append(depth)
        self.known.append(ancestors)
        return None

    def parts(self, model: int) -> dict[int, int]:
        """The model first, then its ancestors in the order in which they are reached."""
        return {model: PARTS - sum(self.known[model].values()), **self.known[model]}

    def shown(self, model: int) -> tuple:
        """What `Models.lineage` returns."""
        parts = self.parts(model)
        return self.fee_bps[model], self.depth[model], list(parts), list(parts.values())

    def split(self, model: int, fee: int) -> dict[int, int]:
        """Wei by model. Ancestors' parts are rounded down, the dust is the model's own."""
        income = fee * self.fee_bps[model] // BPS
        up = {i: income * part // PARTS for i, part in self.known[model].items()}
        return {model: income - sum(up.values()), **up}
