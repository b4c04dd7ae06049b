"""A proof is announced under a seal, so that whoever reads the mempool comes too late."""

from tests.evm import reverts
from tests.unit.Equivocations.conftest import PENALTY


def test_a_seal_is_kept_with_its_second(market, equivocations, alice):
    seal = equivocations.sealOf(alice, market.digest(market.one), market.digest(market.other))
    receipt = equivocations.announce(seal, sender=alice)
    assert receipt.event("Announced").seal == seal
    assert equivocations.announcedAt(seal) == market.evm.now


def test_a_seal_binds_its_prover_and_both_answers(market, equivocations, alice, dave):
    one, other = market.digest(market.one), market.digest(market.other)
    seals = {equivocations.sealOf(*each) for each in [(alice, one, other), (dave, one, other), (alice, other, one)]}
    assert len(seals) == 3


def test_without_announcing_nothing_is_proven(market, equivocations, alice):
    seal = equivocations.sealOf(alice, market.digest(market.one), market.digest(market.other))
    with reverts("NotAnnounced", seal):
        market.prove(market.one, market.other)


def test_copied_from_the_mempool(market, equivocations, dave):
    """Attack 14: dave sees alice's proof, announces it as his in the same second, and is too late."""
    market.announce(market.one, market.other)
    his = equivocations.sealOf(dave, market.digest(market.one), market.digest(market.other))
    with reverts("NotAnnounced", his):
        market.prove(market.one, market.other, by=dave)
    equivocations.announce(his, sender=dave)
    with reverts("NotAnnounced", his):
        market.prove(market.one, market.other, by=dave)
    assert market.prove(market.one, market.other).value.slashed == PENALTY


def test_a_seal_that_somebody_sends_in_front_is_good_all_the_same(market, equivocations, alice, dave):
    """Attack 14: it is alice's whoever announced it, and nobody makes it younger."""
    seal = equivocations.sealOf(alice, market.digest(market.one), market.digest(market.other))
    equivocations.announce(seal, sender=dave)
    market.evm.sleep(1)
    for who in (alice, dave):
        with reverts("AlreadyAnnounced", seal):
            equivocations.announce(seal, sender=who)
    assert market.prove(market.one, market.other).value.slashed == PENALTY
