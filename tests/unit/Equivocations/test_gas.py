"""Whole transactions on a real node."""

from tests.unit.Equivocations.conftest import Twice


def test_what_a_proof_costs(anvil_evm, gas_snapshot):
    """By signatures, the second of its kind: less than a game's opening and end, and there is nothing in between."""
    market = Twice(anvil_evm)
    market.announced_and_proven(market.one, market.other)
    more = [each | {"request": b"\x09" * 32} for each in (market.one, market.other)]
    seal = market.equivocations.sealOf(market.alice, *map(market.digest, more))
    announced = market.equivocations.announce(seal, sender=market.alice)
    anvil_evm.sleep(1)
    proven = market.prove(*more)
    assert announced.gas_used + proven.gas_used <= 250_000
    gas_snapshot("Equivocations.announce", announced)
    gas_snapshot("Equivocations.prove", proven)
