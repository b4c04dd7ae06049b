"""Killed at any point and run again, a deployment goes on: it sends nothing twice and ends in the same state."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opg.chain import Chain
from opg.chain.local import LocalChain
from opg.deploy import Release, Runner, runner, verify
from opg.deploy.proxy import PROXY_SENDER
from opg.errors import DeploymentStuck
from tests.unit.deploying.conftest import CHAIN_ID, HOLDER

SEND = "eth_sendRawTransaction"
GENESIS_TIME = 1_700_000_000


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Kills the run around the nth transaction that the node has never seen: before it is sent, or right after."""

    def __init__(self, chain: Chain, nth: int, after: bool, known: set[str] | None = None) -> None:
        self.left, self.after, self.known = nth, after, set() if known is None else known
        chain.w3.middleware_onion.inject(lambda w3: self, layer=0)

    def wrap_make_request(self, forward):
        def make_request(method, params):
            if method != SEND or params[0] in self.known:
                return forward(method, params)
            self.left -= 1
            if not self.left and not self.after:
                raise Killed
            answer = forward(method, params)
            self.known.add(params[0])
            if not self.left:
                raise Killed
            return answer

        return make_request


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
    """Each run gets one transaction further, or just before the next; gives how many were killed."""
    known: set[str] = set()
    for kills in itertools.count():
        chain = Chain(local.url)
        Killer(chain, 1, bool(kills % 2), known)
        try:
            Runner(chain, account, plan, folder / "journal.jsonl", rehearsal.gas).run()
        except Killed:
            continue
        return kills


def test_run_that_begins_where_all_is_done_sends_nothing(deployed):
    before = deployed.local.chain.w3.eth.get_transaction_count(deployed.deployer.address)
    again = Runner(deployed.local.chain, deployed.deployer, deployed.plan).run()
    assert again == deployed.deployment
    assert deployed.local.chain.w3.eth.get_transaction_count(deployed.deployer.address) == before


def test_manifest_of_another_deployment_on_the_chain_is_kept(deployed, tmp_path):
    """What is on chain already is only written down here: first beside nothing, then beside itself, then beside another one."""
    said: list[str] = []
    release = Release(deployed.plan.network, deployed.local.chain, deployed.deployer, tmp_path, said.append)
    folder = tmp_path / str(CHAIN_ID)
    for _ in range(2):
        release.run()
        assert not list(folder.glob("[ms]*-0x*"))
    other = json.loads(release.manifest.read_text())
    other["addresses"]["Genesis"] = HOLDER.address
    release.manifest.write_text(json.dumps(other))
    release.run()
    kept = folder / f"manifest-{HOLDER.address}.json"
    assert json.loads(kept.read_text()) == other
    assert (folder / f"sources-{HOLDER.address}" / "OPG.json").is_file()
    assert json.loads(release.manifest.read_text())["addresses"] == deployed.plan.addresses
    assert any("another deployment" in line and str(kept) in line for line in said)


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


@pytest.mark.parametrize("genesis", ["another", "the same"])
def test_journal_of_a_chain_that_was_started_anew_does_no_harm(plan, rehearsal, tmp_path, monkeypatch, genesis):
    """Where the first block tells that it is another chain, the journal is put aside; else what it has can never be sent."""
    monkeypatch.setattr(runner, "LOST_AFTER_SECONDS", 1)
    journal = tmp_path / "journal.jsonl"
    begun, anew = (("--timestamp", str(GENESIS_TIME + step)) for step in (0, genesis == "another"))
    with LocalChain(CHAIN_ID, None, "--disable-default-create2-deployer", *begun) as local:
        account = local.account()
        Killer(local.chain, 4, after=True)
        with pytest.raises(Killed):
            Runner(local.chain, account, plan, journal, rehearsal.gas).run()
    with LocalChain(CHAIN_ID, None, *anew) as local:
        local.rpc("anvil_setBalance", account.address, hex(10**20))
        Runner(local.chain, account, plan, journal, rehearsal.gas).run()
        assert all(check.ok for check in verify(local.chain, plan, rehearsal=rehearsal))
    assert journal.with_suffix(".old").exists() == (genesis == "another")


def test_step_that_somebody_else_runs_just_before_is_done(empty_sea, plan, rehearsal):
    """Steps are anybody's to run: here, between our look at the chain and our transaction."""
    ours, theirs = empty_sea.account(), empty_sea.account()
    other = Runner(Chain(empty_sea.url), theirs, plan, gas=rehearsal.gas)
    chain = Chain(empty_sea.url)

    left = [4, 7]  # Genesis' first steps among all that our run sends

    class Ahead:
        """Runs a step itself once our run has signed it."""

        def __init__(self) -> None:
            self.sent = 0

        def wrap_make_request(self, forward):
            def make_request(method, params):
                self.sent += method == SEND
                if method == SEND and self.sent in left:
                    left.remove(self.sent)
                    other._do(other.pending()[0])
                return forward(method, params)

            return make_request

    chain.w3.middleware_onion.inject(lambda w3: Ahead(), layer=0)
    Runner(chain, ours, plan, gas=rehearsal.gas).run()
    assert not left
    assert all(
        check.ok
        for check in verify(empty_sea.chain, plan, suspects=[ours.address, theirs.address], rehearsal=rehearsal)
    )


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
