"""A client believes nothing: every way in which a reply can be wrong is found before the words are used."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account

from opg.answers import SignedAnswer
from opg.chain import answer_digest, sign_digest
from opg.chain.deploying import OPG
from opg.client import FRESH_SECONDS, Client
from opg.errors import BadAnswer, NotStaked, OperatorRefused, OperatorUnreachable, UnknownVersion
from opg.node import Node
from opg.versions import bundle, read_published
from opg.vouchers import VoucherBook
from tests.stage import PRICE, channel, create

STRANGER = Account.from_key("0x" + "5a" * 32)


class Tampering(Node):
    """A node whose replies are changed on the way out; `resign` makes the signature fit again."""

    change = None
    resign = None

    def infer(self, body):
        signed = SignedAnswer.from_json(super().infer(body))
        changed = self.change(signed) if self.change else signed
        if self.resign:
            digest = answer_digest(changed.answer, self.chain.id, self.inference)
            changed = replace(
                changed, digest=digest, key=self.resign.address, signature=sign_digest(digest, self.resign)
            )
        return {**changed.json(), "tensors": []}


@pytest.fixture
def tampering(host):
    return host(kind=Tampering)


@pytest.fixture
def ask(stage, user, version, picture, tampering):
    """Asks over real HTTP, with a reply changed in some way."""

    def ask(change=None, resign=None, now=None):
        tampering.node.change, tampering.node.resign = change, resign
        client = Client(stage.chain, user.account, now=now)
        with tampering.serving():
            return client.ask(version.published, tampering.address, picture())

    return ask


def in_answer(**fields):
    return lambda signed: replace(signed, answer=replace(signed.answer, **fields))


def test_untouched_reply_is_accepted(ask, version, picture):
    assert ask().signed.outputs == version.execute(picture())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (in_answer(request=b"x" * 32), "another request"),
        (in_answer(version=2), "another model version"),
        (in_answer(operator=STRANGER.address), "another operator's"),
        (in_answer(input=b"x" * 32), "another input"),
        (in_answer(output=b"x" * 32), "not the ones that were signed"),
        (lambda s: replace(s, outputs=(bytes(40),)), "not the ones that were signed"),
        (lambda s: replace(s, outputs=(s.outputs[0] + bytes(1),)), "not whole words"),
        (lambda s: replace(s, outputs=(b"",)), "not whole words"),
        (lambda s: replace(s, outputs=()), "not whole words"),
        (in_answer(issued_at=1), "issued at 1"),
        (lambda s: replace(s, digest=b"x" * 32), "digest"),
        (lambda s: replace(s, signature=bytes(65)), "signature"),
        (lambda s: replace(s, signature=s.signature[:-1]), "signature"),
        (lambda s: replace(s, key=STRANGER.address), "signature"),
    ],
)
def test_changed_reply_is_not_accepted(ask, change, reason):
    with pytest.raises(BadAnswer, match=reason):
        ask(change)


@pytest.mark.parametrize(
    "told", [None, [], "x", [{}], [{"values": [[9.0] * 10]}], [{"shape": [3, 5]}], [{"shape": [-1, -10], "dtype": "double"}]]
)  # fmt: skip
def test_numbers_are_those_of_the_signed_words_whatever_the_operator_tells(stage, user, version, picture, host, told):
    """Only how they are called and arranged is the operator's word."""
    made = host()
    honest = made.node.infer
    made.node.infer = lambda body: honest(body) | {"tensors": told}
    with made.serving():
        reply = Client(stage.chain, user.account).ask(version.published, made.address, picture())
    (right,) = version.show_outputs(version.execute(picture()))
    assert reply.tensors[0]["values"] == right["values"][0]


def test_other_words_with_a_fitting_signature_are_an_answer_that_can_be_disputed(ask, tampering):
    """A lie is not visible in a signed reply, only by executing again; but it is evidence."""
    lie = (bytes(40),)

    def tell(signed):
        return replace(signed, outputs=lie, answer=replace(signed.answer, output=bundle(lie)))

    assert ask(tell, resign=tampering.key).signed.outputs == lie


def test_key_of_a_stranger_signs_for_nobody(ask):
    with pytest.raises(BadAnswer, match="is no key of"):
        ask(resign=STRANGER)


def test_contract_that_signs_is_no_key_to_rely_on(ask, stage, tampering):
    """Attack 13's mirror: a contract key (ERC-1271) could deny the answer before it is on chain. The contracts know this one as
    the operator's and take its signature; a client does not.
    """
    wallet = create(tampering.operator, "ContractKey", tampering.key.address)
    tampering.operator.send("Staking", "register", wallet, tampering.url)

    def by_contract(signed):
        digest = answer_digest(signed.answer, stage.chain.id, tampering.node.inference)
        made = replace(signed, key=wallet, signature=sign_digest(digest, tampering.key))
        stage.local.advance(30)  # a view sees the newest block, which must not be older than the answer
        given, _ = stage.chain.read("Inference", "liability", made.answer.abi(), made.evidence.abi())
        assert given == made.digest
        return made

    with pytest.raises(BadAnswer, match="is a contract, which can take its signature back"):
        ask(by_contract)


def test_deprecated_version_is_not_asked(stage, user, version, picture, host):
    stage.owner.send("Models", "deprecate", version.id)
    published = read_published(stage.chain, version.id)
    with pytest.raises(UnknownVersion, match="deprecated"):
        Client(stage.chain, user.account).ask(published, host().address, picture())


@pytest.mark.parametrize("seconds", [-FRESH_SECONDS - 5, FRESH_SECONDS + 5])
def test_stale_and_future_answers_are_not_accepted(ask, stage, tampering, seconds):
    def shift(signed):
        return replace(signed, answer=replace(signed.answer, issued_at=signed.answer.issued_at + seconds))

    with pytest.raises(BadAnswer, match="it was issued at"):
        ask(shift, resign=tampering.key)


def test_operator_whose_stake_left_meanwhile_is_not_trusted(ask, tampering):
    def leave(signed):
        tampering.operator.send("Staking", "startThaw", 600 * OPG)
        return signed

    with pytest.raises(NotStaked):
        ask(leave)


def test_unstaked_operator_is_not_even_asked(stage, user, version, picture):
    idle = stage.person()
    idle.send("Staking", "register", STRANGER.address, "http://127.0.0.1:9")
    with pytest.raises(NotStaked, match="minimum stake"):
        Client(stage.chain, user.account).ask(version.published, idle.address, picture())


def test_operator_that_is_down_is_unreachable(stage, user, version, picture, host):
    with pytest.raises(OperatorUnreachable, match="no operator answers"):
        Client(stage.chain, user.account).ask(version.published, host().address, picture())


def test_operator_without_an_endpoint_is_unreachable(stage, user, version, picture):
    silent = stage.operator(1_500, stage.local.account(), "ipfs://somewhere")
    with pytest.raises(OperatorUnreachable, match="names no HTTP endpoint"):
        Client(stage.chain, user.account).ask(version.published, silent.address, picture())


def test_operators_own_words_are_passed_on(stage, user, version, host):
    made = host()
    with made.serving(), pytest.raises(OperatorRefused, match="has 1 words") as refused:
        Client(stage.chain, user.account).ask(version.published, made.address, (bytes(4),))
    assert "float32 of shape [1, 64]" in refused.value.advice


def test_receipt_survives_its_file(ask, tmp_path):
    signed = ask().signed
    signed.save(tmp_path / "receipts" / "one.json")
    assert SignedAnswer.load(tmp_path / "receipts" / "one.json") == signed


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"answer": {}}', "null"])
def test_file_that_is_no_receipt_is_refused(tmp_path, content):
    path = tmp_path / "one.json"
    path.write_text(content)
    with pytest.raises(BadAnswer):
        SignedAnswer.load(path)


def test_price_can_be_asked_for(stage, user, host):
    made = host(price=PRICE)
    with made.serving():
        assert Client(stage.chain, user.account).price(made.address) == PRICE


def test_lost_book_is_made_up_for_by_the_chain(stage, user, host, version, picture, tmp_path):
    from opg.node import redeem_vouchers

    made = host(price=PRICE)
    channel(user, made)
    with made.serving():
        Client(stage.chain, user.account, VoucherBook(tmp_path / "a.json")).ask(
            version.published, made.address, picture(), PRICE
        )
        redeem_vouchers(made.node.store, made.node.sender)
        Client(stage.chain, user.account, VoucherBook(tmp_path / "b.json")).ask(
            version.published, made.address, picture(1), PRICE
        )
    assert made.node.store.voucher_totals(user.address) == {version.model_id: 2 * PRICE}


def test_book_remembers_what_was_paid(stage, user, host, version, picture, tmp_path):
    made = host(price=PRICE)
    channel(user, made)
    with made.serving():
        for number in range(2):
            book = VoucherBook(tmp_path / "book.json")
            Client(stage.chain, user.account, book).ask(version.published, made.address, picture(number), PRICE)
    assert (
        VoucherBook(tmp_path / "book.json").paid(stage.chain, user.address, made.address, version.model_id) == 2 * PRICE
    )


def test_executing_again_finds_a_lie(stage, user, host, version, picture):
    from scripts.liar import LyingExecutor

    client = Client(stage.chain, user.account)
    for executor, right in ((None, True), (LyingExecutor(4, 1), False)):
        made = host(executor=executor)
        with made.serving():
            reply = client.ask(version.published, made.address, picture())
        assert client.check_locally(reply.signed, version) is right
