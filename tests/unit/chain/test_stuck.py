"""A transaction that is too cheap for its time holds up all later ones of its account, until somebody pays for it."""

from __future__ import annotations

from itertools import count

import pytest
from eth_account.typed_transactions import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3.exceptions import Web3RPCError

from opg.chain import Sender, sender
from opg.errors import TransactionLost
from scripts.bench_node import answer

GWEI = 10**9


class Pool:
    """Transactions of one account in front of anvil, by geth's rules (anvil forgets what is too cheap): they are included in the order of their
    nonces, and a new one takes the place of another when it offers a tenth more.
    """

    def __init__(self, eth, account, monkeypatch):
        self.account = account
        self.include, self.counted = eth.send_raw_transaction, eth.get_transaction_count
        self.least = 0  # wei that a unit of gas costs
        self.waiting = {}
        monkeypatch.setattr(eth, "send_raw_transaction", self.send)
        monkeypatch.setattr(eth, "get_transaction_count", self.count)

    def count(self, address, which):
        latest = self.counted(address, "latest")
        if address != self.account or which == "latest":
            return latest
        return next(nonce for nonce in count(latest) if nonce not in self.waiting)

    def send(self, raw):
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        nonce, offer = fields["nonce"], (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"])
        if nonce < self.count(self.account, "latest"):
            raise Web3RPCError("nonce too low")
        known = self.waiting.get(nonce)
        if known and any(10 * new < 11 * old for new, old in zip(offer, known[0], strict=True)):
            raise Web3RPCError("replacement transaction underpriced")
        self.waiting[nonce] = (offer, raw)
        self.settle()
        return keccak(raw)

    def settle(self):
        while (first := self.count(self.account, "latest")) in self.waiting and self.waiting[first][0][0] >= self.least:
            self.include(self.waiting.pop(first)[1])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(sender, "RAISE_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(sender, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 10)


@pytest.fixture
def pool(stage, user, quick, monkeypatch):
    return Pool(stage.chain.w3.eth, user.address, monkeypatch)


def leave_behind(pool, user, stage, monkeypatch, transfers=1):
    """Transfers that were sent before the price of gas rose tenfold, by a process that has died since."""
    fees = user._fees()
    pool.least = 10 * fees[1]
    with monkeypatch.context() as impatient:
        impatient.setattr(sender, "TIMEOUT_SECONDS", -1)
        for _ in range(transfers):
            with pytest.raises(TransactionLost):
                Sender(stage.chain, user.account).send("OPG", "transfer", stage.owner.address, 1)
    monkeypatch.setattr(Sender, "_fees", lambda _: (20 * fees[0], 20 * fees[1]))


@pytest.mark.parametrize("transfers", [1, 3])
def test_what_a_process_left_behind_holds_up_no_later_transaction(stage, user, pool, monkeypatch, transfers):
    before = stage.balance(stage.owner.address)
    leave_behind(pool, user, stage, monkeypatch, transfers)
    assert len(pool.waiting) == transfers
    Sender(stage.chain, user.account).send("OPG", "transfer", stage.owner.address, 7)
    assert pool.waiting == {}
    assert stage.balance(stage.owner.address) == before + 7


def test_stuck_transaction_that_offered_much_is_pushed_out_too(stage, user, pool, monkeypatch):
    """Nobody knows what it offered: the price is doubled until it is enough."""
    leave_behind(pool, user, stage, monkeypatch)
    ((nonce, (offer, raw)),) = pool.waiting.items()
    pool.waiting[nonce] = ((offer[0], 100 * 10**9), raw)
    Sender(stage.chain, user.account).send("OPG", "transfer", stage.owner.address, 7)
    assert pool.waiting == {}


def test_transaction_that_is_only_slow_is_not_pushed_out(stage, user, pool, monkeypatch):
    """Another process waits for it."""
    before = stage.balance(stage.owner.address)
    leave_behind(pool, user, stage, monkeypatch)
    made = Sender(stage.chain, user.account)
    made.push_out()
    assert len(pool.waiting) == 1
    pool.least = 0
    pool.settle()
    made.push_out()
    assert stage.balance(stage.owner.address) == before + 1


def test_batch_that_is_stuck_is_committed_after_all(stage, host, quick, tmp_path, monkeypatch):
    made = host()
    pool = Pool(stage.chain.w3.eth, made.key.address, monkeypatch)
    made.node.store.keep(answer())
    fees = made.node.sender._fees()
    pool.least = 10 * fees[1]
    with monkeypatch.context() as impatient:
        impatient.setattr(sender, "TIMEOUT_SECONDS", -1)
        with pytest.raises(TransactionLost):
            made.node.commit()
    monkeypatch.setattr(Sender, "_fees", lambda _: (20 * fees[0], 20 * fees[1]))
    for _ in range(100):
        if made.node.commit() is not None:
            break
    assert made.node.store.planned_batch() is None
    assert made.node.store.uncommitted_count() == 0
