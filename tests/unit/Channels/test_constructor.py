"""Parameters are bounded in the code; votes set one of them, see test_vote.py."""

import pytest

from tests.evm import artifact, reverts

HOUR, DAY = 3600, 86_400
NOBODY = "0x" + "00" * 20


@pytest.mark.parametrize(("fee_bps", "close_seconds"), [(0, HOUR), (1_000, 30 * DAY)])
def test_parameters_at_their_bounds(evm, opg, models, staking, guardian, frank, fee_bps, close_seconds):
    channels = evm.deploy("Channels", opg, models, staking, guardian, frank, fee_bps, close_seconds)
    assert (channels.protocolFeeBps(), channels.closeSeconds()) == (fee_bps, close_seconds)
    assert (channels.treasury(), channels.staking()) == (frank.address, staking.address)


@pytest.mark.parametrize(
    ("fee_bps", "close_seconds", "problem"),
    [
        (1_001, HOUR, ("protocolFeeBps", 1_001, 0, 1_000)),
        (0, HOUR - 1, ("closeSeconds", HOUR - 1, HOUR, 30 * DAY)),
        (0, 30 * DAY + 1, ("closeSeconds", 30 * DAY + 1, HOUR, 30 * DAY)),
        (0, 0, ("closeSeconds", 0, HOUR, 30 * DAY)),
        (0, 2**256 - 1, ("closeSeconds", 2**256 - 1, HOUR, 30 * DAY)),
    ],
)
def test_parameters_beyond_their_bounds(evm, opg, models, staking, guardian, frank, fee_bps, close_seconds, problem):
    with reverts("OutOfBounds", *problem):
        evm.deploy("Channels", opg, models, staking, guardian, frank, fee_bps, close_seconds)


def test_shares_cannot_burn_in_nobodys_account(evm, opg, models, staking, guardian):
    with reverts("ZeroAddress", "treasury"):
        evm.deploy("Channels", opg, models, staking, guardian, NOBODY, 0, HOUR)


def test_nothing_else_can_be_set_afterwards():
    functions = {e["name"].lower() for e in artifact("Channels")["abi"] if e["type"] == "function"}
    words = ("set", "pause", "owner", "role", "upgrade", "sweep", "rescue")
    assert [name for name in functions for word in words if name.startswith(word)] == ["setprotocolfeebps"]
