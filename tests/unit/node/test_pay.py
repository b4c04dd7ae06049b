"""Vouchers: checked before the work, kept with the answer, redeemed together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Semaphore

import pytest

from opg import actions
from opg.chain import Sender, ask_digest, voucher_digest
from opg.chain.deploying import OPG
from opg.chain.events import REORG_BLOCKS
from opg.chain.structs import Ask, Voucher
from opg.chain.typed import sign_digest
from opg.client import Client
from opg.errors import OperatorRefused, PaymentRequired, TransactionRefused
from opg.node import income, redeem_vouchers
from opg.node.errors import WorkerFailed
from opg.node.income import GAS_EACH
from opg.node.workers import Inline
from opg.vouchers import MIN_LIFE_SECONDS, SignedVoucher, VoucherBook, check_voucher, make_voucher
from opg.words import shown
from tests.stage import PRICE, channel
from tests.unit.node.test_infer import body
from tests.unit.node.test_on_chain import again


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
    request = body(stage.chain, paid, picture(), user.account)
    request["voucher"] = make_voucher(stage.chain, user.account, paid.address, version.model_id, PRICE).json()
    first = paid.node.infer(request)
    assert paid.node.infer(request) == first
    assert paid.node.store.voucher_totals(user.address) == {version.model_id: PRICE}


def test_answer_without_a_voucher_costs(stage, paid, user, version, picture):
    client = Client(stage.chain, user.account)
    with paid.serving(), pytest.raises(OperatorRefused, match=f"costs {shown(PRICE)}"):
        client.ask(version.published, paid.address, picture())
    assert paid.node.store.answer_count() == 0


def test_voucher_that_is_not_raised_enough_buys_nothing(paid, client, version, picture):
    with paid.serving():
        client.ask(version.published, paid.address, picture(), PRICE)
        with pytest.raises(OperatorRefused, match=f"must be {shown(2 * PRICE)}"):
            client.ask(version.published, paid.address, picture(1), PRICE - 1)


class Gate(Inline):
    """Executes when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened, self.entered = Event(), Semaphore(0)

    def run(self, version, inputs, urgent=False):
        self.entered.release()
        assert self.opened.wait(120)
        return super().run(version, inputs)


@pytest.fixture
def gate(paid):
    """In front of the paid host's executor."""
    paid.node.pool = Gate()
    return paid.node.pool


def request_for(stage, paid, user, version, tensors, total):
    voucher = make_voucher(stage.chain, user.account, paid.address, version.model_id, total)
    return body(stage.chain, paid, tensors, user.account) | {"voucher": voucher.json()}


def test_two_answers_cannot_be_had_for_one_voucher(stage, paid, gate, user, version, picture):
    """The second is refused before anybody works for it."""
    first, second = (request_for(stage, paid, user, version, picture(n), PRICE) for n in range(2))
    with ThreadPoolExecutor() as threads:
        running = threads.submit(paid.node.infer, first)
        assert gate.entered.acquire(timeout=60)
        with pytest.raises(PaymentRequired, match=f"must be {shown(2 * PRICE)}"):
            paid.node.infer(second)
        gate.opened.set()
        assert running.result()["answer"]["request"] == first_digest(stage, first)
    assert paid.node.store.answer_count() == 1


def test_requests_that_overtake_each_other_are_both_paid(stage, paid, gate, user, version, picture):
    first, second = (request_for(stage, paid, user, version, picture(n), (n + 1) * PRICE) for n in range(2))
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(paid.node.infer, each) for each in (second, first)]
        for _ in running:
            assert gate.entered.acquire(timeout=60)
        gate.opened.set()
        assert all(each.result() for each in running)
    assert paid.node.store.voucher_totals(user.address) == {version.model_id: 2 * PRICE}
    with pytest.raises(PaymentRequired, match=f"must be {shown(3 * PRICE)}"):
        paid.node.infer(request_for(stage, paid, user, version, picture(2), 2 * PRICE))


def test_same_request_twice_at_once_is_one_answer(stage, paid, gate, user, version, picture):
    request = request_for(stage, paid, user, version, picture(), PRICE)
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(paid.node.infer, request) for _ in range(3)]
        assert gate.entered.acquire(timeout=60)
        gate.opened.set()
        first, *others = (each.result() for each in running)
    assert all(other == first for other in others)
    assert paid.node.store.channel(channel_of(user, paid, version))[1] == PRICE


def test_what_was_not_answered_is_not_owed(stage, paid, user, version, picture):
    class Broken(Inline):
        def run(self, version, inputs, urgent=False):
            raise WorkerFailed("it died")

    request = request_for(stage, paid, user, version, picture(), PRICE)
    paid.node.pool = Broken()
    with pytest.raises(WorkerFailed):
        paid.node.infer(request)
    paid.node.pool = Inline()
    assert paid.node.infer(request)
    assert paid.node.store.channel(channel_of(user, paid, version))[1] == PRICE


def test_others_cannot_use_up_what_a_payer_has_ahead(stage, paid, user, version, picture):
    """Vouchers get public when they are redeemed; an old one buys nothing for whoever reads it there."""
    old = request_for(stage, paid, user, version, picture(), PRICE)
    paid.node.infer(old)
    paid.node.infer(request_for(stage, paid, user, version, picture(1), 5 * PRICE))
    thief = stage.person()
    stolen = body(stage.chain, paid, picture(2), thief.account) | {"voucher": old["voucher"]}
    with pytest.raises(PaymentRequired, match="must be"):
        paid.node.infer(stolen)
    own = body(stage.chain, paid, picture(2), user.account) | {"voucher": old["voucher"]}
    assert paid.node.infer(own)


def test_lower_voucher_never_replaces_a_higher_one(stage, paid, user, version, picture):
    for number, total in enumerate((3 * PRICE, 2 * PRICE)):
        paid.node.infer(request_for(stage, paid, user, version, picture(number), total))
    held, spent = paid.node.store.channel(channel_of(user, paid, version))
    assert (held.voucher.total, spent) == (3 * PRICE, 2 * PRICE)


def test_deposit_that_was_just_made_counts(stage, paid, version, picture):
    """The node asks the chain again before it refuses."""
    late = stage.person(opg=10)
    request = request_for(stage, paid, late, version, picture(), PRICE)
    with pytest.raises(PaymentRequired, match="the deposit is 0"):
        paid.node.infer(request)
    channel(late, paid, 1)
    for entry in paid.node.view._entries.values():
        entry.read_at -= 2
    assert paid.node.infer(request)


def test_vouchers_are_redeemed_when_they_are_worth_the_gas(stage, host, user, version, picture):
    gas = stage.chain.w3.eth.gas_price * GAS_EACH
    dear, cheap = (
        host(price=PRICE, redeem_every_seconds=0, redeem_factor=2, eth_in_opg=PRICE / gas * share) for share in (1, 0.1)
    )
    for made, redeemed in ((dear, 0), (cheap, PRICE)):
        channel(user, made)
        made.node.infer(request_for(stage, made, user, version, picture(), PRICE))
        made.node.tick()
        assert stage.chain.read("Channels", "redeemed", user.address, made.address, version.model_id) == redeemed


def test_redemption_that_a_reorganisation_took_away_is_made_again(stage, paid, user, version, picture):
    paid.node.infer(request_for(stage, paid, user, version, picture(), PRICE))
    mark = stage.local.rpc("evm_snapshot")
    assert redeem_vouchers(paid.node.store, paid.node.sender) == PRICE
    assert paid.node.store.unredeemed() == 0
    stage.local.rpc("evm_revert", mark)
    stage.local.rpc("anvil_mine", hex(REORG_BLOCKS + 2))
    paid.node.tick()
    assert paid.node.store.unredeemed() == PRICE
    assert redeem_vouchers(paid.node.store, paid.node.sender) == PRICE
    stage.local.rpc("anvil_mine", hex(REORG_BLOCKS + 2))
    paid.node.tick()
    assert paid.node.store.unredeemed() == 0
    assert paid.node.store.redeemed_until(10**9) == []


def channel_of(user, paid, version):
    return SignedVoucher(Voucher(user.address, paid.address, version.model_id, 0, 0), user.address, b"").channel


def first_digest(stage, request):
    ask = Ask.from_json(request["ask"])
    return "0x" + ask_digest(ask, stage.chain.id, stage.chain.deployment.address("Inference")).hex()


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
    user.send("Channels", "authoriseKey", session.address, stage.chain.now() + 3 * 86_400)
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


def redeemed(stage, user, paid, version):
    return stage.chain.read("Channels", "redeemed", user.address, paid.address, version.model_id)


@pytest.fixture
def patient(host, user):
    """A paid host that does not mind when time is moved."""
    made = host(price=PRICE, max_skew_seconds=0)
    channel(user, made)
    return made


def session_request(stage, made, user, version, tensors, seconds):
    """A request paid by a voucher of a session key that was authorised for some time; and the key."""
    session = stage.local.account()
    user.send("Channels", "authoriseKey", session.address, stage.chain.now() + seconds)
    stage.local.advance(1)
    made.node.tick()
    voucher = make_voucher(stage.chain, session, made.address, version.model_id, PRICE, payer=user.address)
    return body(stage.chain, made, tensors) | {"voucher": voucher.json()}, session.address


def test_voucher_is_redeemed_before_the_key_that_signed_it_ends(stage, patient, user, version, picture):
    request, _ = session_request(stage, patient, user, version, picture(), 7 * 86_400)
    patient.node.infer(request)
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == 0
    stage.local.advance(6 * 86_400 + 60)
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == PRICE


def test_voucher_is_redeemed_before_the_key_that_signed_it_is_revoked(stage, patient, user, version, picture):
    """Else a payer could revoke, wait, close, and have had all answers for nothing."""
    request, key = session_request(stage, patient, user, version, picture(), 300 * 86_400)
    patient.node.infer(request)
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == 0
    user.send("Channels", "revokeKey", key)
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == PRICE


def test_revocation_that_no_event_told_of_is_seen(stage, patient, user, version, picture, monkeypatch):
    request, key = session_request(stage, patient, user, version, picture(), 300 * 86_400)
    patient.node.infer(request)
    patient.node.tick()
    user.send("Channels", "revokeKey", key)
    monkeypatch.setattr(patient.node.duties, "_see", lambda event: None)
    monkeypatch.setattr(income, "LOOK_SECONDS", 0)
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == PRICE


def test_payer_that_leaves_is_not_forgotten(stage, patient, user, version, picture):
    """The key had no ether when the payer left, and the node was started anew long afterwards."""
    patient.node.infer(request_for(stage, patient, user, version, picture(), PRICE))
    user.send("Channels", "startClose", patient.address)
    stage.local.rpc("anvil_setBalance", patient.key.address, "0x0")
    patient.node.tick()
    stage.local.rpc("anvil_mine", hex(REORG_BLOCKS + 36))
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == 0
    stage.local.rpc("anvil_setBalance", patient.key.address, hex(10**19))
    again(patient, stage).tick()
    assert redeemed(stage, user, patient, version) == PRICE


def test_answer_that_was_under_way_when_its_payer_left_is_paid(stage, patient, user, version, picture):
    run = patient.node.pool.run

    def slow(*work):
        user.send("Channels", "startClose", patient.address)
        patient.node.tick()
        return run(*work)

    patient.node.pool.run = slow
    patient.node.infer(request_for(stage, patient, user, version, picture(), PRICE))
    patient.node.tick()
    assert redeemed(stage, user, patient, version) == PRICE


def short_lived(stage, made, user, version, total, seconds):
    until = stage.chain.now() + seconds
    return signed(stage, Voucher(user.address, made.address, version.model_id, total, until), user.account).json()


def test_vouchers_that_end_soon_cannot_spend_a_nodes_ether(stage, patient, user, version, picture):
    """Each would be a transaction of its own; a node without ether cannot defend."""
    for number in (1, 2, 3):
        request = body(stage.chain, patient, picture(number), nonce=number)
        request["voucher"] = short_lived(stage, patient, user, version, number * PRICE, MIN_LIFE_SECONDS - 60)
        with pytest.raises(PaymentRequired, match="ends too soon"):
            patient.node.infer(request)
        request["voucher"] = short_lived(stage, patient, user, version, number * PRICE, MIN_LIFE_SECONDS + 60)
        patient.node.infer(request)
        patient.node.tick()
    assert patient.node.sender.log == []
    assert MIN_LIFE_SECONDS >= 2 * income.SOON_SECONDS


def test_voucher_that_ends_is_left_alone_when_its_gas_costs_more(stage, host, user, version, picture):
    price = stage.chain.w3.eth.gas_price * GAS_EACH
    made = host(price=PRICE, max_skew_seconds=0, eth_in_opg=10 * PRICE / price)
    channel(user, made)
    made.node.infer(request_for(stage, made, user, version, picture(), PRICE))
    stage.local.advance(29 * 86_400 + 60)
    made.node.tick()
    assert made.node.sender.log == []
    made.node.policy = made.node.duties.policy = replace(made.node.policy, eth_in_opg=0)
    made.node.duties.endings._tried.clear()
    made.node.tick()
    assert redeemed(stage, user, made, version) == PRICE


def test_redemption_that_is_refused_is_not_tried_all_the_time(stage, patient, user, version, picture, monkeypatch):
    patient.node.infer(request_for(stage, patient, user, version, picture(), PRICE))
    stage.local.advance(29 * 86_400 + 60)
    endings = patient.node.duties.endings
    assert [len(endings.due()) for _ in range(3)] == [1, 0, 0]
    monkeypatch.setattr(income, "RETRY_SECONDS", 0)
    assert len(endings.due()) == 1


def test_voucher_that_is_over_is_not_tried_again(stage, patient, user, version, picture):
    patient.node.infer(request_for(stage, patient, user, version, picture(), PRICE))
    stage.local.advance(30 * 86_400 + 60)
    assert patient.node.duties.endings.due() == []
    assert patient.node.store.unredeemed() == PRICE


def test_voucher_that_is_refused_takes_no_others_down(stage, paid, version, picture, monkeypatch):
    payers = [stage.person(opg=10) for _ in range(3)]
    for number, payer in enumerate(payers):
        channel(payer, paid, 1)
        paid.node.infer(request_for(stage, paid, payer, version, picture(number), PRICE))
    broken = paid.node.store.vouchers_to_redeem()
    broken[1] = replace(broken[1], signature=bytes(65))
    with pytest.raises(TransactionRefused, match="BadSignature"):
        redeem_vouchers(paid.node.store, paid.node.sender, broken)
    assert [redeemed(stage, payer, paid, version) for payer in payers] == [PRICE, 0, PRICE]


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
