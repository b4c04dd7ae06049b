"""What a `Staking` may be deployed with. Attack 2: nothing of it can change, so nobody escapes by a change."""

import pytest

from tests.evm import artifact, reverts
from tests.market import BURN_BPS, DAY, HOUR, MIN_STAKE, THAWING_SECONDS, deploy_staking


def test_parameters_are_what_was_deployed(staking):
    assert staking.minStake() == MIN_STAKE
    assert staking.thawingSeconds() == THAWING_SECONDS
    assert staking.burnBps() == BURN_BPS


@pytest.mark.parametrize(
    ("parameter", "name", "low", "high"),
    [
        ("min_stake", "minStake", 1, 10**25),
        ("thawing_seconds", "thawingSeconds", HOUR, 90 * DAY),
        ("burn_bps", "burnBps", 1_000, 9_000),
    ],
)
def test_parameters_are_bounded(evm, token, parameter, name, low, high):
    """Attack 2."""
    for inside in (low, high):
        deploy_staking(evm, token, **{parameter: inside})
    for outside in (0, low - 1, high + 1, 2**256 - 1):
        with reverts("OutOfBounds", name, outside, low, high):
            deploy_staking(evm, token, **{parameter: outside})


def test_no_function_changes_what_has_begun(staking):
    """Attack 2. Whoever adds a setter has to say here what happens to stake that thaws already: nothing; see test_vote.py."""
    writers = {
        e["name"] for e in artifact("Staking")["abi"] if e.get("stateMutability") == "nonpayable" and "name" in e
    }
    assert writers == {
        "register", "stake", "startThaw", "finishThaw", "withdrawCredit", "setCommission", "rehabilitate",
        "delegate", "undelegate", "settle",
        "reward", "lock", "unlock", "slash", "burnSlashed",
        "grantRole", "revokeRole", "renounceRole", "setMinStake",
    }  # fmt: skip
