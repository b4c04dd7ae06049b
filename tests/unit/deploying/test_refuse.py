"""What is wrong is said in words before the first transaction, and nothing is sent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from opg.chain.deploying import SUPPLY
from opg.chain.local import LocalChain, free_port
from opg.deploy import Runner, plan_of
from opg.deploy.proxy import PROXY_CODE, PROXY_SENDER, PROXY_TRANSACTION
from opg.deploy.rehearsal import rehearse
from opg.deploy.runner import L1_FEE_ORACLE
from opg.errors import DeploymentStuck, Underfunded
from tests.unit.deploying.conftest import HOLDER, NETWORK, SEA_YAML

KEY = "0x" + "5e" * 32


def refused(result, *words: str) -> None:
    code, _, err = result
    assert code == 1
    assert "Traceback" not in err and KEY not in err
    for each in words:
        assert each in err, err


@pytest.fixture
def connected(cli, sea, monkeypatch):
    monkeypatch.setenv("SEA_RPC", sea.url)
    return cli


@pytest.fixture
def funded(sea, connected, monkeypatch):
    account = sea.account()
    monkeypatch.setenv("OPG_PRIVATE_KEY", account.key.hex())
    return account


def test_no_url(cli, monkeypatch):
    monkeypatch.setenv("OPG_PRIVATE_KEY", KEY)
    refused(cli("deploy", "sea"), "no Ethereum node is named", "SEA_RPC")


def test_no_key(connected):
    refused(connected("deploy", "sea"), "no key to sign with", "OPG_PRIVATE_KEY", "--keystore")


def test_wrong_password(connected, tmp_path, monkeypatch):
    (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(KEY, "right", kdf="pbkdf2", iterations=2)))
    monkeypatch.setenv("OPG_PASSWORD", "wrong")
    refused(connected("deploy", "sea", "--keystore", "key.json"), "does not open")


def test_nobody_answers(cli, monkeypatch):
    monkeypatch.setenv("OPG_PRIVATE_KEY", KEY)
    monkeypatch.setenv("SEA_RPC", f"http://127.0.0.1:{free_port()}")
    refused(cli("deploy", "sea"), "no Ethereum node answers")


def test_another_chain(cli, monkeypatch):
    monkeypatch.setenv("OPG_PRIVATE_KEY", KEY)
    with LocalChain(5) as other:
        monkeypatch.setenv("SEA_RPC", other.url)
        refused(cli("deploy", "sea"), "serves chain 5; sea is chain 84532", "SEA_RPC")


def test_underfunded_deployer_is_told_how_much_is_missing(connected, sea, tmp_path, monkeypatch):
    (tmp_path / "networks" / "sea.yaml").write_text(SEA_YAML + "salt: poor\n")
    account = Account.create()
    monkeypatch.setenv("OPG_PRIVATE_KEY", account.key.hex())
    with sea.restored():
        sea.rpc("anvil_setBalance", account.address, hex(10**15))
        result = connected("deploy", "sea")
        refused(result, account.address, "has 0.001000 ETH", "may take")
        assert re.search(r"create Disputes\s*│\s*[\d,]+\s*│", result[1]), "no table of costs"
        missing = float(re.search(r"send ([\d.]+) ETH", result[2])[1])
        assert sea.chain.w3.eth.get_transaction_count(account.address) == 0
        sea.rpc("anvil_setBalance", account.address, hex(10**15 + int(missing * 10**18) + 10**15))
        assert connected("deploy", "sea", "--dry-run")[0] == 0


def test_costs_cover_what_is_used(empty_sea, plan, rehearsal):
    account = empty_sea.account(0)
    runner = Runner(empty_sea.chain, account, plan, gas=rehearsal.gas)
    costs = runner.costs()
    enough = sum(cost.at_most for cost in costs)
    empty_sea.rpc("anvil_setBalance", account.address, hex(enough - 1))
    with pytest.raises(Underfunded):
        runner.check_funds()
    empty_sea.rpc("anvil_setBalance", account.address, hex(enough))
    runner.check_funds()
    runner.run()
    assert runner.used == {cost.label: cost.gas for cost in costs if cost.at_most}
    spent = enough - empty_sea.chain.w3.eth.get_balance(account.address)
    assert spent <= sum(cost.wei for cost in costs) * 1.3


def test_gas_that_is_refunded_in_the_end_is_there_meanwhile(empty_sea):
    """Whoever gets the whole supply empties Genesis' balance: the storage that is freed gives gas back, afterwards."""
    plan = plan_of(replace(NETWORK, allocations={HOLDER.address: SUPPLY}))
    runner = Runner(empty_sea.chain, empty_sea.account(), plan, gas=rehearse(plan).gas)
    runner.run()
    assert runner.pending() == []


def test_data_fee_of_a_rollup_is_counted(sea, deployed_once, plan, rehearsal):
    """PUSH4 fee, MSTORE, RETURN 32 bytes: an oracle that always asks for the same."""
    other = plan_of(replace(plan.network, salt="rollup"))
    with sea.restored():
        runner = Runner(sea.chain, sea.account(), other, gas=rehearsal.gas)
        before = {cost.label: cost.at_most for cost in runner.costs()}
        sea.rpc("anvil_setCode", L1_FEE_ORACLE, "0x63000f42405f5260205ff3")
        after = {cost.label: cost.at_most for cost in runner.costs()}
        assert {after[label] - before[label] for label in before} == {2 * 0x000F4240}


def test_manifest_that_is_not_there(connected):
    """What the advice names are options of that command, or other words for its arguments."""
    refused(connected("verify-deployment", "none.json"), "no deployment manifest at none.json", "name a network")
    (Path("networks") / "lake.yaml").write_text(SEA_YAML + "explorers: {sourcify: http://127.0.0.1/}\n")
    refused(connected("publish-sources", "lake"), "no deployment manifest", "opg deploy lake", "--folder")


def test_network_without_explorers_says_so(connected):
    refused(connected("publish-sources", "sea"), "sea names no explorers", "docs/deploying.md")


def test_guardian_cannot_be_the_deployer(funded, connected, tmp_path):
    text = re.sub(r"guardian: .*", f'guardian: "{funded.address}"', SEA_YAML)
    (tmp_path / "mine.yaml").write_text(text)
    refused(connected("deploy", "mine.yaml"), "the guardian is the deployer")


def test_something_else_at_the_proxys_address(empty_sea, plan):
    empty_sea.rpc("anvil_setCode", "0x4e59b44847b379578588920cA78FbF26c0B4956C", "0x00")
    with pytest.raises(DeploymentStuck, match="something else"):
        Runner(empty_sea.chain, empty_sea.account(), plan).run()


def test_chain_that_takes_no_transactions_from_before_eip_155(empty_sea, plan, monkeypatch):
    """Its answer is the one that geth gives; only the sending of this transaction is replaced."""
    runner = Runner(empty_sea.chain, empty_sea.account(), plan)
    message = "only replay-protected (EIP-155) transactions allowed over RPC"

    class Strict:
        def wrap_make_request(self, forward):
            def make_request(method, params):
                if method == "eth_sendRawTransaction" and params[0] == "0x" + PROXY_TRANSACTION.hex():
                    return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": message}}
                return forward(method, params)

            return make_request

    empty_sea.chain.w3.middleware_onion.inject(lambda w3: Strict(), layer=0)
    with pytest.raises(DeploymentStuck, match=r"refuses the transaction.*EIP-155") as stuck:
        runner.run()
    assert "0x4e59b44847b379578588920cA78FbF26c0B4956C" in stuck.value.advice


def test_proxys_transaction_is_the_canonical_one():
    assert Account.recover_transaction(PROXY_TRANSACTION) == PROXY_SENDER
    assert PROXY_CODE in PROXY_TRANSACTION
