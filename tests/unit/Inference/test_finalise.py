"""Paying, and calling back."""

import pytest

from opg.chain.artifacts import CONTRACTS, artifact, selector
from tests.evm import Reverted, reverts
from tests.market import (
    COLLATERAL,
    NOBODY,
    OPG,
    OTHER_OUTPUT,
    OUTPUT,
    OWNER_FEE_BPS,
    PRICE,
    PROTOCOL_FEE_BPS,
    STAKE,
    WINDOW_SECONDS,
    header,
)

CALLBACK_GAS = 300_000


@pytest.fixture
def answered(market):
    """A request that is answered and final."""
    req = market.ask()
    market.fulfil(req)
    market.after_window()
    return req


def called_back(market, inference, receiver, **changes):
    """A request with this callback, answered and final."""
    req = market.ask(callback=receiver, callback_gas=CALLBACK_GAS, **changes)
    market.fulfil(req)
    market.after_window()
    return req


# paying


def test_the_fee_is_split(market, inference, answered):
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    protocol, owner = PRICE * PROTOCOL_FEE_BPS // 10_000, PRICE * OWNER_FEE_BPS // 10_000
    assert inference.creditOf(market.erin) == protocol
    assert inference.creditOf(market.charlie) == owner
    assert inference.incomeOf(market.bob) == PRICE - protocol - owner


@pytest.mark.parametrize("fee", [0, 1, 7, 9_999, 10_001, 999_999 * OPG + 1])
def test_dust_is_nobodys_but_the_operators(market, inference, fee):
    """Attack 17: shares are rounded down, and all parts are the fee."""
    inference.offer(market.version, 0, sender=market.bob)
    req = market.ask(fee=fee)
    market.fulfil(req)
    market.after_window()
    inference.finalise(req, [OUTPUT], sender=market.dave)
    parts = [inference.creditOf(market.erin), inference.creditOf(market.charlie), inference.incomeOf(market.bob)]
    assert parts[:2] == [fee * PROTOCOL_FEE_BPS // 10_000, fee * OWNER_FEE_BPS // 10_000]
    assert sum(parts) == fee


def test_what_was_asked_for_nothing_pays_nobody(market, inference):
    """No event says that somebody was paid."""
    inference.offer(market.version, 0, sender=market.bob)
    req = market.ask(fee=0)
    market.fulfil(req)
    market.after_window()
    events = [event.name for event in inference.finalise(req, [OUTPUT], sender=market.dave).events]
    assert events == ["Unlocked", "Finalised"]


def test_shares_never_pass_the_fee(market, inference):
    """Attack 17: the most that a protocol and an owner may take leaves an operator something."""
    greedy = market.models.register("greedy", 5_000, sender=market.charlie).value
    with reverts("FeeTooHigh"):
        market.models.register("greedier", 5_001, sender=market.charlie)
    other = market.deploy_inference(protocolFeeBps=1_000)
    market.staking.grantRole(market.staking.LOCKER_ROLE(), other, sender=market.admin)
    market.token.approve(other, PRICE, sender=market.alice)
    market.model, market.inference = greedy, other
    market.version = market.publish([64])
    other.offer(market.version, PRICE, sender=market.bob)
    req = market.ask()
    market.fulfil(req)
    market.after_window()
    other.finalise(req, [OUTPUT], sender=market.dave)
    assert other.incomeOf(market.bob) == PRICE * 4_000 // 10_000


def test_paying_needs_no_role(market, inference, answered):
    """Attack 15: governance took every role of the contract while the request ran."""
    staking = market.staking
    for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
        staking.revokeRole(role, inference, sender=market.admin)
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    assert inference.incomeOf(market.bob) > 0
    assert staking.stakeOf(market.bob).locked == 0


def test_ancestors_are_paid(market, inference):
    """A model made from charlie's pays him, whoever owns it now, as was promised when it was registered."""
    derived = market.models.registerDerived("derived", 4_000, [(market.model, 2_500)], sender=market.dave).value
    args = (derived, header([64]), b"\1" * 32, "cid", "", 1)
    market.version = market.models.publish(*args, sender=market.dave).value
    inference.offer(market.version, PRICE, sender=market.bob)
    req = market.ask()
    market.fulfil(req)
    market.after_window()
    inference.finalise(req, [OUTPUT], sender=market.erin)
    income = PRICE * 4_000 // 10_000
    assert inference.creditOf(market.charlie) == income // 4
    assert inference.creditOf(market.dave) == income - income // 4
    assert inference.incomeOf(market.bob) == PRICE - income - PRICE * PROTOCOL_FEE_BPS // 10_000


def test_a_share_is_fixed_when_asked_and_follows_the_token(market, inference, answered):
    """Attack 17: a price raised in flight. Neither share nor lineage has a setter; what is not settled yet goes with a sale."""
    market.models.transferFrom(market.charlie, market.alice, market.model, sender=market.charlie)
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    assert inference.creditOf(market.charlie) == 0
    assert inference.creditOf(market.alice) == PRICE * OWNER_FEE_BPS // 10_000


def test_a_deprecated_version_is_still_paid(market, inference, answered):
    market.models.deprecate(market.version, sender=market.charlie)
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    assert inference.incomeOf(market.bob) > 0


def test_credits_leave_only_when_fetched(market, inference, answered):
    """Attack 15: no payee can block the others."""
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    for who in (market.charlie, market.erin):
        inference.withdrawCredit(who, sender=who)
    inference.payIncome(market.bob, sender=market.bob)
    assert market.token.balanceOf(inference) == 0


def test_the_collateral_is_free_again(market, inference, answered):
    assert market.staking.freeStake(market.bob) == STAKE - COLLATERAL
    inference.finalise(answered, [OUTPUT], sender=market.dave)
    assert market.staking.freeStake(market.bob) == STAKE


def test_only_answered_requests_are_paid(market, inference):
    req = market.ask()
    with reverts("WrongRequestState", inference.hashRequest(req)):
        inference.finalise(req, [OUTPUT], sender=market.bob)


def test_a_request_is_paid_once(market, inference, answered):
    """Attack 16."""
    inference.finalise(answered, [OUTPUT], sender=market.bob)
    with reverts("WrongRequestState", inference.hashRequest(answered)):
        inference.finalise(answered, [OUTPUT], sender=market.bob)


def test_the_window_has_to_pass_to_the_last_second(market, inference):
    req = market.ask()
    answer_hash = market.fulfil(req)
    market.evm.sleep(WINDOW_SECONDS)
    with reverts("NotFinal", answer_hash):
        inference.finalise(req, [OUTPUT], sender=market.bob)
    market.evm.sleep(1)
    inference.finalise(req, [OUTPUT], sender=market.bob)


def test_a_contested_answer_is_not_paid(market, inference):
    req = market.ask()
    answer_hash = market.fulfil(req)
    inference.contest(answer_hash, sender=market.dave)
    market.after_window()
    with reverts("NotFinal", answer_hash):
        inference.finalise(req, [OUTPUT], sender=market.bob)
    inference.release(answer_hash, sender=market.dave)
    inference.finalise(req, [OUTPUT], sender=market.bob)


def test_a_refuted_answer_is_not_paid(market, inference):
    req = market.ask()
    answer_hash = market.fulfil(req)
    market.refute(answer_hash)
    market.after_window()
    with reverts("NotFinal", answer_hash):
        inference.finalise(req, [OUTPUT], sender=market.bob)


@pytest.mark.parametrize("outputs", [[OTHER_OUTPUT], [OUTPUT, OUTPUT], [OUTPUT[:-4]], [OUTPUT + bytes(4)], []])
def test_only_the_outputs_of_the_answer_are_delivered(market, inference, answered, outputs):
    with reverts("WrongOutputs"):
        inference.finalise(answered, outputs, sender=market.bob)


# calling back


def test_the_answer_is_delivered(market, inference, evm):
    receiver = evm.deploy("RecordingReceiver")
    req = called_back(market, inference, receiver)
    receipt = inference.finalise(req, [OUTPUT], sender=market.dave)
    assert receipt.event("Finalised").callbackSucceeded
    assert (receiver.calls(), receiver.lastRequestId(), receiver.lastOutput()) == (
        1,
        receipt.events[-1].requestId,
        OUTPUT,
    )


@pytest.mark.parametrize("callback", [NOBODY, "0x" + "ab" * 20])
def test_without_code_nothing_is_called(market, inference, callback):
    req = called_back(market, inference, callback)
    assert not inference.finalise(req, [OUTPUT], sender=market.dave).event("Finalised").callbackSucceeded
    assert inference.incomeOf(market.bob) > 0


@pytest.mark.parametrize(
    ("bomb", "arguments"),
    [("RevertingReceiver", ()), ("GasBomb", ()), ("ReturnBomb", (True,))],
    ids=["reverts", "gas", "revert data"],
)
def test_a_callback_that_fails_never_blocks_payment(market, inference, evm, bomb, arguments):
    """Attacks 15 and 16."""
    req = called_back(market, inference, evm.deploy(bomb, *arguments))
    receipt = inference.finalise(req, [OUTPUT], sender=market.dave)
    assert not receipt.event("Finalised").callbackSucceeded
    assert inference.incomeOf(market.bob) > 0
    assert market.staking.freeStake(market.bob) == STAKE


@pytest.mark.parametrize("fails", [False, True])
def test_return_data_is_not_copied(market, inference, evm, fails):
    """Attack 16: 320,000 bytes cost the callback 225,000 gas; to copy them would cost the caller as much."""
    req = called_back(market, inference, evm.deploy("ReturnBomb", fails))
    receipt = inference.finalise(req, [OUTPUT], sender=market.dave)
    assert receipt.event("Finalised").callbackSucceeded != fails
    assert 225_000 < receipt.gas_used < 225_000 + 130_000


def test_a_callback_that_failed_is_not_tried_again(market, inference, evm):
    req = called_back(market, inference, evm.deploy("RevertingReceiver"))
    inference.finalise(req, [OUTPUT], sender=market.dave)
    with reverts("WrongRequestState"):
        inference.finalise(req, [OUTPUT], sender=market.dave)


def test_a_reentrant_callback_gets_nothing_more(market, inference, evm):
    """Attack 16: it is its own operator's friend and tries every door; then it fetches what it is owed, once."""
    receiver = evm.deploy("ReentrantReceiver", inference)
    req = market.ask(callback=receiver, callback_gas=1_000_000)
    receiver.arm(req, [OUTPUT], sender=market.alice)
    market.fulfil(req)
    market.ask(fee=10 * PRICE)  # a fee and a collateral of others, to be paid from a second time
    market.after_window()
    assert inference.finalise(req, [OUTPUT], sender=market.dave).event("Finalised").callbackSucceeded
    assert (receiver.calls(), receiver.attempts(), receiver.successes()) == (1, 4, 0)


def test_a_reentrant_payee_fetches_its_share_once(market, inference, evm):
    """Attack 16: the callback owns the model, so it is owed something while it is called."""
    receiver = evm.deploy("ReentrantReceiver", inference)
    market.models.transferFrom(market.charlie, receiver, market.model, sender=market.charlie)
    req = market.ask(callback=receiver, callback_gas=1_000_000)
    receiver.arm(req, [OUTPUT], sender=market.alice)
    market.fulfil(req)
    market.after_window()
    inference.finalise(req, [OUTPUT], sender=market.dave)
    owed = PRICE * OWNER_FEE_BPS // 10_000
    assert (receiver.calls(), receiver.attempts(), receiver.successes()) == (1, 5, 0)
    assert receiver.fetched() == market.token.balanceOf(receiver) == owed
    assert market.token.balanceOf(inference) == PRICE - owed


def test_where_nothing_is_called_no_gas_is_asked_for(market, inference):
    req = market.ask(callback_gas=CALLBACK_GAS)
    market.fulfil(req)
    market.after_window()
    inference.finalise(req, [OUTPUT], sender=market.dave, gas=CALLBACK_GAS)


def test_a_callback_is_never_starved(market, inference, evm):
    """Attack 16: whatever gas is sent, the callback has all that was paid for, or nothing happens at all."""
    receiver = evm.deploy("RecordingReceiver")
    req = called_back(market, inference, receiver)
    mark = evm.snapshot()
    outcomes = set()
    for gas in range(CALLBACK_GAS, CALLBACK_GAS + 160_000, 1_500):
        try:
            receipt = inference.finalise(req, [OUTPUT], sender=market.dave, gas=gas)
        except Reverted as error:
            outcomes.add(error.name)
        else:
            assert receipt.event("Finalised").callbackSucceeded
            assert receiver.gasGiven() >= CALLBACK_GAS - 1_000  # what its dispatcher used
            outcomes.add("paid")
        evm.revert(mark)
        mark = evm.snapshot()
    assert {"NotEnoughGas", "paid"} <= outcomes


def test_a_callback_gets_no_more_than_was_paid_for(market, inference, evm):
    """Attack 16."""
    receiver = evm.deploy("RecordingReceiver")
    req = called_back(market, inference, receiver)
    inference.finalise(req, [OUTPUT], sender=market.dave)
    assert receiver.gasGiven() <= CALLBACK_GAS


@pytest.mark.parametrize("name", CONTRACTS)
def test_no_contract_takes_a_callback_for_an_order(name):
    """Attack 16: whoever is named as callback is called by `Inference`, which may lock and slash; so nothing of ours listens to that call."""
    (entry,) = (each for each in artifact("IAnswerReceiver").abi if each["type"] == "function")
    functions = [each for each in artifact(name).abi if each["type"] == "function"]
    assert selector(entry) not in map(selector, functions)
    assert all(each["type"] != "fallback" for each in artifact(name).abi)


@pytest.mark.parametrize("name", ["staking", "token", "models", "inference"])
def test_a_callback_to_one_of_us_fails_and_nothing_else(market, inference, name):
    """Attack 16."""
    req = market.ask(callback=getattr(market, name).address, callback_gas=100_000)
    market.fulfil(req)
    market.after_window()
    before = market.staking.stakeOf(market.bob)
    event = inference.finalise(req, [OUTPUT], sender=market.dave).event("Finalised")
    assert not event.callbackSucceeded
    assert market.staking.stakeOf(market.bob) == (before.active, 0, 0)
