"""What an `Inference` may be deployed with. Attack 2: nothing of it can change under a request or an answer."""

import pytest

from tests.evm import artifact, reverts
from tests.market import DAY, HOUR, NOBODY, WINDOW_SECONDS


def test_window_is_what_was_deployed(inference):
    assert inference.windowSeconds() == WINDOW_SECONDS


@pytest.mark.parametrize(
    ("parameter", "low", "high", "largest"),
    [
        ("windowSeconds", 600, 30 * DAY, 2**32 - 1),
        ("maxResponseSeconds", 60, 30 * DAY, 2**32 - 1),
        ("minResponseSeconds", 10, HOUR, 2**32 - 1),
        ("collateral", 1, 10**25, 2**96 - 1),
        ("maxCallbackGas", 0, 5_000_000, 2**32 - 1),
        ("protocolFeeBps", 0, 1_000, 2**16 - 1),
    ],
)
def test_parameters_are_bounded(market, parameter, low, high, largest):
    for inside in (low, high):
        market.deploy_inference(**{parameter: inside})
    for outside in {max(low - 1, 0), min(high + 1, largest), largest} - {low, high}:
        with reverts("OutOfBounds"):
            market.deploy_inference(**{parameter: outside})


def test_the_treasury_is_somebody(market):
    with reverts("OutOfBounds", "treasury", 0, 1, 2**160 - 1):
        market.deploy_inference(treasury=NOBODY)


def test_no_function_changes_what_has_begun(inference):
    """Attack 2. Votes set two parameters, of requests that are made later: see test_vote.py."""
    abi = artifact("Inference")["abi"]
    writers = {e["name"] for e in abi if e.get("stateMutability") == "nonpayable" and "name" in e}
    assert writers == {
        "offer", "prepay", "request", "fulfil", "finalise", "expire", "refund", "withdrawCredit", "payIncome",
        "commit", "surface", "contest", "release", "refute",
        "grantRole", "revokeRole", "renounceRole", "setCollateral", "setProtocolFeeBps",
    }  # fmt: skip
