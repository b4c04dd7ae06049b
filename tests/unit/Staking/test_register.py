"""Operators and the life of their serving keys."""

import pytest

from tests.evm import reverts
from tests.market import NOBODY


def test_register_needs_a_key(staking, dave):
    with reverts("ZeroKey"):
        staking.register(NOBODY, "https://dave.example", sender=dave)


def test_register_makes_an_operator(staking, dave, frank):
    receipt = staking.register(frank, "https://dave.example", sender=dave)
    assert receipt.event("KeyRotated").previous == NOBODY
    assert staking.operatorInfo(dave) == (frank.address, "https://dave.example")


def test_same_key_changes_the_endpoint_alone(staking, bob):
    receipt = staking.register(bob, "https://elsewhere.example", sender=bob)
    assert [event.name for event in receipt.events] == ["EndpointSet"]
    assert staking.operatorInfo(bob).endpoint == "https://elsewhere.example"


def test_keys_serve_from_rotation_to_rotation(evm, staking, dave, erin, frank):
    first = evm.now
    staking.register(erin, "", sender=dave)
    evm.sleep(100)
    second = evm.now
    staking.register(frank, "", sender=dave)
    evm.sleep(100)

    assert [staking.isKeyAt(dave, erin, t) for t in (first - 1, first, second, second + 1)] == [
        False,
        True,
        True,
        False,
    ]
    assert [staking.isKeyAt(dave, frank, t) for t in (second - 1, second, evm.now)] == [False, True, True]


@pytest.mark.parametrize("seconds", [0, 1, 1000])
def test_a_retired_key_never_returns(evm, staking, dave, erin, frank, seconds):
    staking.register(erin, "", sender=dave)
    staking.register(frank, "", sender=dave)
    evm.sleep(seconds)
    with reverts("KeyUsed", erin):
        staking.register(erin, "", sender=dave)


def test_another_operators_key_gives_no_power_over_it(staking, bob, dave, frank):
    """Attack 10. A key may serve two operators: what it signs names one of them."""
    staking.register(frank, "", sender=bob)
    staking.register(frank, "", sender=dave)
    assert staking.actsFor(bob, frank) and staking.actsFor(dave, frank)
    assert not staking.actsFor(bob, dave) and not staking.actsFor(dave, bob)


def test_only_the_operator_and_its_present_key_act(staking, bob, erin, frank):
    staking.register(erin, "", sender=bob)
    staking.register(frank, "", sender=bob)
    assert [staking.actsFor(bob, who) for who in (bob, frank, erin, NOBODY)] == [True, True, False, False]


def test_nobody_acts_for_an_operator_without_a_key(staking, erin):
    assert not staking.actsFor(erin, NOBODY)
    assert not staking.isKeyAt(erin, NOBODY, 0)
