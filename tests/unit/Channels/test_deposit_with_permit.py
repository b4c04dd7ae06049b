"""One transaction instead of two."""

import pytest

from tests.evm import reverts
from tests.typed import sign, vrs

PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


@pytest.fixture
def erin(opg, alice, erin):
    opg.transfer(erin, 100, sender=alice)
    return erin


@pytest.fixture
def permit(evm, opg, channels, erin):
    """Erin's permit for 100 wei: deadline, v, r, s."""
    deadline = evm.now + 60
    return deadline, *vrs(sign(erin, opg, "OPG", PERMIT, (erin, channels, 100, 0, deadline)))


def test_a_permit_is_used_and_the_deposit_taken(opg, channels, permit, erin, bob):
    channels.depositWithPermit(bob, 100, *permit, sender=erin)
    assert channels.channel(erin, bob).deposited == 100
    assert (opg.balanceOf(erin), opg.allowance(erin, channels)) == (0, 0)


def test_a_permit_sent_in_front_does_no_harm(opg, channels, permit, erin, bob, dave):
    """Attack 14: copied from the mempool."""
    opg.permit(erin, channels, 100, *permit, sender=dave)
    channels.depositWithPermit(bob, 100, *permit, sender=erin)
    assert channels.channel(erin, bob).deposited == 100


def test_nobody_deposits_with_the_permit_of_another(opg, channels, permit, erin, bob, dave):
    with reverts("ERC20InsufficientAllowance", channels, 0, 100):
        channels.depositWithPermit(bob, 100, *permit, sender=dave)
    assert opg.balanceOf(erin) == 100


def test_without_a_good_permit_an_allowance_is_missing(evm, channels, permit, erin, bob):
    evm.sleep(61)
    with reverts("ERC20InsufficientAllowance", channels, 0, 100):
        channels.depositWithPermit(bob, 100, *permit, sender=erin)


def test_a_permit_does_not_undo_leaving(channels, permit, erin, bob):
    channels.depositWithPermit(bob, 100, *permit, sender=erin)
    channels.startClose(bob, sender=erin)
    with reverts("ChannelClosing"):
        channels.depositWithPermit(bob, 100, *permit, sender=erin)
