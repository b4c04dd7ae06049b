"""Vouchers: checked before the work, kept with the answer, redeemed together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opg import actions
from opg.chain import Sender, voucher_digest
from opg.chain.deploying import OPG
from opg.chain.typed import sign_digest
from opg.client import Client
from opg.errors import OperatorRefused, PaymentRequired
from opg.node import redeem_vouchers
from opg.vouchers import SignedVoucher, VoucherBook, check_voucher, make_voucher
from tests.stage import PRICE, channel


@pytest.fixture
def paid(host, user):
    """A host that wants `PRICE` for an answer, with a channel of the user."""
    made = host(price=PRICE)
    channel(user, made)
    return made


@pytest.fixture
def client(stage, user, tmp_path):
    return Client(stage.chain, user.account, VoucherBook(tmp_path / "vouchers.json"))


def test_owner_protocol_and_operator_share_what_was_asked(stage, paid, client, version, picture):
    with paid.serving():
        for number in range(3):
            client.ask(version.published, paid.address, picture(number), PRICE)
    assert redeem_vouchers(paid.node.store, paid.node.sender) == 3 * PRICE
    credits = {who: stage.chain.read("Channels", "creditOf", who) for who in
               (stage.owner.address, stage.treasury.address)}  # fmt: skip
    assert credits[stage.owner.address] == 3 * PRICE // 10
    assert credits[stage.treasury.address] == 3 * PRICE * 3 // 100
    assert sum(credits.values()) + stage.chain.read("Channels", "incomeOf", paid.address) == 3 * PRICE
    assert redeem_vouchers(paid.node.store, paid.node.sender) == 0


def test_asking_again_is_not_paid_again(stage, paid, user, version, picture):
    from tests.unit.node.test_infer import body

    request = body(stage.chain, paid, picture(), user.account)
    request["voucher"] = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE).json()
    first = paid.node.infer(request)
    assert paid.node.infer(request) == first
    assert paid.node.store.voucher_totals(user.address) == {version.model_id: PRICE}


def test_answer_without_a_voucher_costs(stage, paid, user, version, picture):
    client = Client(stage.chain, user.account)
    with paid.serving(), pytest.raises(OperatorRefused, match=f"costs {PRICE} wei"):
        client.ask(version.published, paid.address, picture())
    assert paid.node.store.answer_count() == 0


def test_voucher_that_is_not_raised_enough_buys_nothing(paid, client, version, picture):
    with paid.serving():
        client.ask(version.published, paid.address, picture(), PRICE)
        with pytest.raises(OperatorRefused, match=f"must be {2 * PRICE} wei"):
            client.ask(version.published, paid.address, picture(1), PRICE - 1)


def test_two_answers_cannot_be_had_for_one_voucher(stage, paid, user, version, picture):
    """Both passed the check before either was kept: only one is."""
    from tests.unit.node.test_infer import body

    voucher = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE)
    first = body(stage.chain, paid, picture(), user.account) | {"voucher": voucher.json()}
    second = body(stage.chain, paid, picture(1), user.account) | {"voucher": voucher.json()}
    once = paid.node._voucher

    def check_then_be_overtaken(body, version):
        checked = once(body, version)
        paid.node._voucher = once
        paid.node.infer(second)
        return checked

    paid.node._voucher = check_then_be_overtaken
    with pytest.raises(PaymentRequired, match="must be"):
        paid.node.infer(first)
    assert paid.node.store.answer_count() == 1


def signed(stage, voucher, account):
    digest = voucher_digest(voucher, stage.chain.id, stage.chain.deployment.address("Channels"))
    return SignedVoucher(voucher, account.address, sign_digest(digest, account))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"operator": "0x" + "22" * 20}, "the voucher is for"),
        ({"model_id": 2}, "for model 2"),
        ({"deadline": 1}, "ends too soon"),
        ({"total": 11 * OPG}, "the deposit is"),
        ({"payer": "0x" + "22" * 20}, "does not sign for"),
    ],
)
def test_voucher_that_could_not_be_redeemed_is_refused(stage, paid, user, version, change, reason):
    voucher = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE).voucher
    wrong = signed(stage, replace(voucher, **change), user.account)
    with pytest.raises(PaymentRequired, match=reason):
        check_voucher(stage.chain, wrong, paid.address, version.model_id, {})


def test_changed_voucher_is_refused(stage, paid, user, version):
    good = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE)
    forged = replace(good, voucher=replace(good.voucher, total=2 * PRICE))
    with pytest.raises(PaymentRequired, match="signature"):
        check_voucher(stage.chain, forged, paid.address, version.model_id, {})


def test_one_deposit_does_not_cover_two_models_twice(stage, paid, user, version):
    voucher = make_voucher(stage.chain, user.account, paid.address, version.model_id, 6 * OPG)
    check_voucher(stage.chain, voucher, paid.address, version.model_id, {77: 4 * OPG})
    with pytest.raises(PaymentRequired, match="the deposit is"):
        check_voucher(stage.chain, voucher, paid.address, version.model_id, {77: 4 * OPG + 1})


def test_payer_that_is_leaving_gets_no_more(stage, paid, user, version):
    voucher = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE)
    user.send("Channels", "startClose", paid.address)
    with pytest.raises(PaymentRequired, match="closing"):
        check_voucher(stage.chain, voucher, paid.address, version.model_id, {})


def test_session_key_pays_for_its_payer(stage, paid, user, version):
    session = stage.local.account()
    user.send("Channels", "authoriseKey", session.address, stage.chain.now() + 86_400)
    voucher = make_voucher(stage.chain, session, paid.address, version.model_id, PRICE, payer=user.address)
    check_voucher(stage.chain, voucher, paid.address, version.model_id, {})


def test_node_redeems_by_itself_when_a_payer_leaves(stage, paid, client, user, version, picture):
    with paid.serving():
        client.ask(version.published, paid.address, picture(), PRICE)
    paid.node.tick()
    assert stage.chain.read("Channels", "incomeOf", paid.address) == 0
    user.send("Channels", "startClose", paid.address)
    paid.node.tick()
    assert stage.chain.read("Channels", "redeemed", user.address, paid.address, version.model_id) == PRICE


def test_vouchers_of_many_payers_are_redeemed_in_one_transaction(stage, paid, version, picture, tmp_path):
    payers = [stage.person(opg=10) for _ in range(3)]
    with paid.serving():
        for number, payer in enumerate(payers):
            channel(payer, paid, 1)
            book = VoucherBook(tmp_path / f"{number}.json")
            Client(stage.chain, payer.account, book).ask(version.published, paid.address, picture(number), PRICE)
    sender = Sender(stage.chain, paid.key)
    assert redeem_vouchers(paid.node.store, sender) == 3 * PRICE
    assert [sent.label for sent in sender.log] == ["Channels.redeemMany"]


def test_payer_that_has_gone_does_not_stop_the_others(stage, paid, version, picture, tmp_path):
    stays, leaves = stage.person(opg=10), stage.person(opg=10)
    with paid.serving():
        for number, payer in enumerate((stays, leaves)):
            channel(payer, paid, 1)
            book = VoucherBook(tmp_path / f"{number}.json")
            Client(stage.chain, payer.account, book).ask(version.published, paid.address, picture(number), PRICE)
    leaves.send("Channels", "startClose", paid.address)
    stage.local.advance(stage.chain.read("Channels", "closeSeconds"))
    leaves.send("Channels", "finishClose", paid.address)
    assert redeem_vouchers(paid.node.store, paid.node.sender) == PRICE


def test_what_the_operator_earned_can_be_collected(stage, paid, client, version, picture):
    with paid.serving():
        client.ask(version.published, paid.address, picture(), PRICE)
    redeem_vouchers(paid.node.store, paid.node.sender)
    before = stage.balance(paid.address)
    collected = actions.collect(paid.operator)
    assert collected == PRICE - PRICE // 10 - PRICE * 3 // 100
    assert stage.balance(paid.address) - before == collected
