"""bob has answered one question twice; alice has noticed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evm import Contract, Evm, Receipt
from tests.market import NO_EVIDENCE, OPG, OTHER_OUTPUT, Market, bundle

PENALTY = 700 * OPG


class Twice(Market):
    """A market with the contract under test in office."""

    def __init__(self, evm: Evm) -> None:
        super().__init__(evm)
        self.equivocations = evm.deploy("Equivocations", self.inference, self.staking, PENALTY)
        self.staking.grantRole(self.staking.SLASHER_ROLE(), self.equivocations, sender=self.admin)
        self.one, self.other = self.answer(), self.answer(output=bundle([OTHER_OUTPUT]))

    def announce(self, first: dict, second: dict, by: Any = None) -> bytes:
        """Announced now, to be proven in the next second."""
        by = by or self.alice
        seal = self.equivocations.sealOf(by, self.digest(first), self.digest(second))
        self.equivocations.announce(seal, sender=by)
        self.evm.sleep(1)
        return seal

    def prove(self, first: dict, second: dict, by: Any = None, evidence: tuple = (None, None)) -> Receipt:
        """By signatures, where no other evidence is given."""
        one, other = (each or self.signed(answer) for each, answer in zip(evidence, (first, second), strict=True))
        return self.equivocations.prove(first, one, second, other, sender=by or self.alice)

    def announced_and_proven(
        self, first: dict, second: dict, by: Any = None, evidence: tuple = (None, None)
    ) -> Receipt:
        self.announce(first, second, by)
        return self.prove(first, second, by, evidence)


@pytest.fixture
def market(evm: Evm) -> Twice:
    return Twice(evm)


@pytest.fixture
def equivocations(market: Twice) -> Contract:
    """The contract under test."""
    return market.equivocations


__all__ = ["NO_EVIDENCE", "PENALTY", "Twice"]
