"""Killed at any point and run again, a deployment goes on: it sends nothing twice and ends in the same state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opg.chain import Chain
from opg.chain.local import LocalChain
from opg.deploy import Runner, verify
from opg.deploy.proxy import PROXY_SENDER
from opg.errors import DeploymentStuck

SEND = "eth_sendRawTransaction"


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills the run around the nth transaction that it sends: before the node has it, or after, before any receipt."""

    def __init__(self, chain: Chain, nth: int, after: bool) -> None:
        self.nth, self.after, self.sent = nth, after, 0
        self.forward, chain.w3.provider.make_request = chain.w3.provider.make_request, self.make_request

    def make_request(self, method, params):
        if method != SEND:
            return self.forward(method, params)
        self.sent += 1
        if self.sent == self.nth and not self.after:
            raise Killed
        answer = self.forward(method, params)
        if self.sent == self.nth:
            raise Killed
        return answer


@contextmanager
def slow_blocks(local: LocalChain) -> Iterator[None]:
    """Transactions wait for a block, as they do on a live chain."""
    local.rpc("evm_setAutomine", False)
    over = threading.Event()

    def mine() -> None:
        chain = Chain(local.url)  # a connection of its own
        while not over.wait(0.15):
            chain.w3.provider.make_request("evm_mine", [])

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        over.set()
        miner.join()


@pytest.mark.parametrize("blocks", ["at once", "later"])
def test_killed_at_every_transaction_before_and_after_it_is_sent(empty_sea, plan, rehearsal, tmp_path, blocks):
    account = empty_sea.account()
    if blocks == "later":
        with slow_blocks(empty_sea):
            kills = _deploy_being_killed(empty_sea, account, plan, rehearsal, tmp_path)
    else:
        kills = _deploy_being_killed(empty_sea, account, plan, rehearsal, tmp_path)
    own = 2 + len(plan.steps)  # the proxy's ether and Genesis; the proxy's own transaction has a sender of its own
    assert kills == 2 * (own + 1)
    eth = empty_sea.chain.w3.eth
    assert eth.get_transaction_count(account.address) == own, "something was sent twice"
    assert eth.get_transaction_count(PROXY_SENDER) == 1
    assert all(check.ok for check in verify(empty_sea.chain, plan, suspects=[account.address], rehearsal=rehearsal))


def _deploy_being_killed(local, account, plan, rehearsal, folder: Path) -> int:
    """Every run is killed around its first or second transaction, so each is a victim twice; gives how often that was."""
    kills = 0
    while True:
        pending = len(Runner(Chain(local.url), account, plan).pending())
        if not pending:
            return kills
        chain = Chain(local.url)
        Killer(chain, 1, after=bool(kills % 2))
        with pytest.raises(Killed):
            Runner(chain, account, plan, folder / "journal.jsonl", rehearsal.gas).run()
        kills += 1
        if kills % 2 == 0:  # the last one was sent: let it come into a block, without sending anything else
            chain = Chain(local.url)
            Killer(chain, 2, after=False)
            try:
                Runner(chain, account, plan, folder / "journal.jsonl", rehearsal.gas).run()
            except Killed:
                continue


def test_run_that_begins_where_all_is_done_sends_nothing(deployed):
    before = deployed.local.chain.w3.eth.get_transaction_count(deployed.deployer.address)
    again = Runner(deployed.local.chain, deployed.deployer, deployed.plan).run()
    assert again == deployed.deployment
    assert deployed.local.chain.w3.eth.get_transaction_count(deployed.deployer.address) == before


def test_without_the_journal_the_chain_alone_tells_where_it_stopped(empty_sea, plan, rehearsal, tmp_path):
    account = empty_sea.account()
    for number in range(3):
        chain = Chain(empty_sea.url)
        Killer(chain, 5, after=True)
        with pytest.raises(Killed):
            Runner(chain, account, plan, tmp_path / f"{number}.jsonl", rehearsal.gas).run()
    Runner(Chain(empty_sea.url), account, plan, gas=rehearsal.gas).run()
    assert empty_sea.chain.w3.eth.get_transaction_count(account.address) == 2 + len(plan.steps)


def test_another_key_can_go_on(empty_sea, plan, rehearsal, tmp_path):
    first, second = empty_sea.account(), empty_sea.account()
    chain = Chain(empty_sea.url)
    Killer(chain, 9, after=True)
    with pytest.raises(Killed):
        Runner(chain, first, plan, tmp_path / "journal.jsonl", rehearsal.gas).run()
    Runner(Chain(empty_sea.url), second, plan, tmp_path / "journal.jsonl", rehearsal.gas).run()
    checks = verify(empty_sea.chain, plan, suspects=[first.address, second.address], rehearsal=rehearsal)
    assert all(check.ok for check in checks)


def test_journal_of_a_chain_that_is_gone_is_put_aside(empty_sea, plan, rehearsal, tmp_path):
    account, journal = empty_sea.account(), tmp_path / "journal.jsonl"
    chain = Chain(empty_sea.url)
    Killer(chain, 4, after=True)
    with pytest.raises(Killed):
        Runner(chain, account, plan, journal, rehearsal.gas).run()
    with LocalChain(empty_sea.chain.id) as anew:
        anew.rpc("anvil_setBalance", account.address, hex(10**20))
        Runner(anew.chain, account, plan, journal, rehearsal.gas).run()
        assert all(check.ok for check in verify(anew.chain, plan, rehearsal=rehearsal))
    assert journal.with_suffix(".old").exists()


def test_torn_line_at_the_journals_end_is_forgotten(empty_sea, plan, rehearsal, tmp_path):
    account, journal = empty_sea.account(), tmp_path / "journal.jsonl"
    chain = Chain(empty_sea.url)
    Killer(chain, 4, after=False)
    with pytest.raises(Killed):
        Runner(chain, account, plan, journal, rehearsal.gas).run()
    journal.write_text(journal.read_text()[:-100])
    Runner(Chain(empty_sea.url), account, plan, journal, rehearsal.gas).run()
    assert empty_sea.chain.w3.eth.get_transaction_count(account.address) == 2 + len(plan.steps)


def test_two_runs_at_once_are_refused(empty_sea, plan, rehearsal, tmp_path):
    account, journal = empty_sea.account(), tmp_path / "journal.jsonl"
    one, two = (Runner(Chain(empty_sea.url), account, plan, journal, rehearsal.gas) for _ in range(2))
    with one._journal, pytest.raises(DeploymentStuck, match="another process"):
        two.run()
