"""Three operators, one of which lies and one of which crashes, five customers and two watchtowers, each a process; then the books.

With OPG_DEEP=1 for five minutes, with block times and one liar after another.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from opg.chain.deploying import LOCAL, OPG, SUPPLY
from opg.chain.local import LocalChain
from opg.chain.structs import Evidence
from tests.books import check_solvent
from tests.conftest import DEEP
from tests.network import CUSTOMER_OPG, GONE, PRICE_ON_CHAIN, TOWER_OPG, Network, Operator

SECONDS = 300 if DEEP else 12
CRASH_EVERY = (10.0, 40.0) if DEEP else (3.0, 6.0)
LIARS = 6 if DEEP else 1
ON_CHAIN = 0.03 if DEEP else 0.1
PAUSE = 0.4 if DEEP else 0.3
BLOCK_SECONDS = 1
BPS = 10_000
OWNER_BPS = 1_000


@pytest.fixture
def network(tmp_path: Path):
    with (
        LocalChain() as local,
        Network(local, tmp_path, seed=6, on_chain=ON_CHAIN, pause=PAUSE, workers=int(DEEP)) as made,
    ):
        yield made


def test_every_answer_ends_and_the_honest_lose_nothing(network: Network):
    network.open()
    if DEEP:  # as on a real chain, transactions wait for a block
        network.local.rpc("evm_setAutomine", False)
        network.local.rpc("evm_setIntervalMining", BLOCK_SECONDS)
    network.trade(SECONDS, CRASH_EVERY, LIARS, towers=DEEP)
    if DEEP:
        network.local.rpc("evm_setIntervalMining", 0)
        network.local.rpc("evm_setAutomine", True)
    network.close()
    check_something_happened(network)
    for operator in network.honest:
        check_nothing_is_lost_or_committed_twice(network, operator)
    network.settle()
    check_every_answer_has_ended(network)
    check_every_request_has_ended(network)
    check_solvent(network.chain, [each.address for each in network.people()])
    network.leave()
    check_wallets(network)


def check_something_happened(network: Network) -> None:
    """Else the rest would prove nothing."""
    receipts = [each for customer in network.customers for each in customer.receipts()]
    asked = Counter(network.operator(each.answer.operator).name for each in receipts)
    wrong = [each for each in network.answers() if not network.is_right(each)]
    crasher = next(each for each in network.operators if each.name == "crasher")
    print(f"answers {dict(asked)}, wrong {len(wrong)}, liars {len(network.liars)}, kills {crasher.kills}")
    assert all(asked[name] > 0 for name in ("honest", "crasher", "liar"))
    assert len(receipts) >= 2 * SECONDS
    assert crasher.kills >= SECONDS // 60 + 1
    assert wrong and all(network.operator(each.answer.operator).name == "liar" for each in wrong)
    assert sum(1 for customer in network.customers for _ in customer.requests()) >= 5


def check_nothing_is_lost_or_committed_twice(network: Network, operator: Operator) -> None:
    """What customers hold is what is on the operator's disk; it is in one batch; and vouchers only ever went up."""
    with operator.store() as store:
        committed = [
            (int(event.args["batchId"]), bytes(event.args["root"]), int(event.args["count"]))
            for event in network.events(("Inference", "Committed"))
            if event.args["operator"] == operator.address
        ]
        leaves = [digest for _, root, _ in committed for digest in store.batch_digests(root)]
        assert len(leaves) == len(set(leaves)) == sum(count for _, _, count in committed)
        for customer in network.customers:
            mine = [each for each in customer.receipts() if each.answer.operator == operator.address]
            assert {each.digest for each in mine} <= set(leaves)
            for each in mine:
                kept = store.answer(each.digest)
                assert kept is not None and (kept.signature, kept.outputs) == (each.signature, each.outputs)
            held = store.voucher_totals(customer.account.address).get(1, 0)
            assert held == len(mine) * operator.price
    history = [*operator.past, operator.vouchers()]
    for earlier, later in pairwise(history):
        assert all(later[channel] >= total for channel, total in earlier.items())


def check_every_answer_has_ended(network: Network) -> None:
    """Right ones can no longer be disputed and were never refuted; wrong ones are refuted, or have cost all the stake there was."""
    now = network.chain.now()
    for each in network.answers():
        if not network.is_right(each):
            assert network.paid_for(each)
            continue
        assert not network.refuted(each.digest)
        if each.signature:
            evidence = Evidence(key=each.key, signature=each.signature)
            _, until = network.chain.read("Inference", "liability", each.answer.abi(), evidence.abi())
            assert until < now
    assert not network.open_games()


def check_every_request_has_ended(network: Network) -> None:
    """Paid when it was answered right, given back when it was not. Who is honest has answered all of them."""
    ends = {
        bytes(event.args["requestId"]): event.name
        for event in network.events(*(("Inference", name) for name in ("Finalised", "Expired", "Refunded")))
    }
    right = {each.answer.request: network.is_right(each) for each in network.answers()}
    for customer in network.customers:
        for number, request, _ in customer.requests():
            assert network.state(number) == GONE
            expected = {True: "Finalised", False: "Refunded", None: "Expired"}[right.get(number)]
            assert ends[number] == expected
            if network.operator(request.operator) in network.honest:
                assert expected == "Finalised"


def check_wallets(network: Network) -> None:
    """To the last wei: fees, shares, bounties, and what was slashed. All have left, so all of it is in their wallets."""
    paid, slashed, bounties = Counter(), Counter(), Counter()
    spent: Counter[str] = Counter()
    for customer in network.customers:
        me = customer.account.address
        for each in customer.receipts():
            operator = network.operator(each.answer.operator)
            paid[operator.address] += operator.price
            spent[me] += operator.price
    finalised = {bytes(event.args["requestId"]) for event in network.events(("Inference", "Finalised"))}
    for customer in network.customers:
        for number, request, _ in customer.requests():
            if number in finalised:
                paid[request.operator] += PRICE_ON_CHAIN
                spent[customer.account.address] += PRICE_ON_CHAIN
    burned = 0
    for event in network.events(("Staking", "Slashed")):
        slashed[event.args["operator"]] += int(event.args["fromOwn"])
        bounties[event.args["beneficiary"]] += int(event.args["bounty"])
        burned += int(event.args["burned"])

    fees = sum(paid.values())
    treasury, owner = fees * LOCAL.protocol_fee_bps // BPS, fees * OWNER_BPS // BPS
    balance = network.stage.balance
    for each in network.honest:
        assert slashed[each.address] == 0
        share = paid[each.address] * (BPS - LOCAL.protocol_fee_bps - OWNER_BPS) // BPS
        assert balance(each.address) == each.stake + share
    for each in network.customers:
        me = each.account.address
        assert balance(me) == CUSTOMER_OPG * OPG - spent[me] + bounties[me]
    for tower, _ in network.towers:
        assert balance(tower.address) == TOWER_OPG * OPG + bounties[tower.address]
    assert balance(network.stage.owner.address) == owner
    assert balance(network.stage.treasury.address) == treasury
    for each in network.liars:
        share = paid[each.address] * (BPS - LOCAL.protocol_fee_bps - OWNER_BPS) // BPS
        assert balance(each.address) == each.stake + share - slashed[each.address]
        lies = sum(each.address == told.answer.operator and not network.is_right(told) for told in network.answers())
        assert slashed[each.address] >= min(each.stake, LOCAL.penalty * lies)
    assert SUPPLY - int(network.chain.read("OPG", "totalSupply")) == burned
    assert sum(bounties.values()) + burned == sum(slashed.values())
