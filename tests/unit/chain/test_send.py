"""Transactions: refusals in the contract's words, nonces, the log."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import requests
from eth_account import Account

from opg.chain import Sender, sender
from opg.chain.deploying import OPG
from opg.errors import TransactionRefused
from opg.words import moment


def test_refusal_names_the_contracts_error_and_its_arguments(stage):
    operator = stage.operator(1_500, stage.local.account(), "http://x", opg=1_500)
    operator.send("Staking", "startThaw", 100 * OPG)
    until = stage.chain.block("latest")["timestamp"] + stage.chain.read("Staking", "thawingSeconds")
    with pytest.raises(TransactionRefused) as refused:
        operator.send("Staking", "finishThaw", 1)
    assert (refused.value.name, refused.value.arguments) == ("ThawingNotOver", {"until": until})
    assert f"ThawingNotOver(until={moment(until)})" in str(refused.value)
    assert refused.value.advice


def test_refusal_shows_amounts_as_people_count_them(stage):
    operator = stage.operator(1_500, stage.local.account(), "http://x", opg=1_500)
    with pytest.raises(TransactionRefused, match=r"StakeLocked\(free=1,500 OPG, wanted=1,500.5 OPG\)") as refused:
        operator.send("Staking", "startThaw", 1_500 * OPG + OPG // 2)
    assert refused.value.arguments == {"free": 1_500 * OPG, "wanted": 1_500 * OPG + OPG // 2}


def test_error_of_another_contract_is_known_too(stage, user):
    with pytest.raises(TransactionRefused) as refused:
        user.send("Channels", "deposit", user.address, OPG)
    assert refused.value.name == "ERC20InsufficientAllowance"


def test_connection_that_breaks_after_sending_loses_nothing(stage, user, monkeypatch):
    """Whoever is told that nobody answers would send it again."""
    eth, broken = user.chain.w3.eth, iter([requests.ConnectionError()] * 3)
    real = eth.get_transaction_receipt

    def receipt(of):
        for problem in broken:
            raise problem
        return real(of)

    monkeypatch.setattr(eth, "get_transaction_receipt", receipt)
    sent = user.send("OPG", "transfer", stage.owner.address, OPG)
    assert sent.receipt["status"] == 1


def test_account_without_ether_is_told_so(stage):
    with pytest.raises(TransactionRefused, match="insufficient funds"):
        Sender(stage.chain, Account.create()).send("Models", "register", "m", 0)


def test_transaction_that_fails_in_its_block_is_refused_with_the_error(stage, user):
    with pytest.raises(TransactionRefused) as refused:
        user.send("OPG", "transfer", stage.owner.address, 101 * OPG, gas=100_000)
    assert refused.value.name == "ERC20InsufficientBalance"
    assert refused.value.arguments["needed"] == 101 * OPG


def test_running_out_of_gas_is_called_by_its_name(stage, user):
    with pytest.raises(TransactionRefused, match="OutOfGas"):
        user.send("OPG", "transfer", stage.owner.address, OPG, gas=25_000)


def test_two_senders_with_one_key_do_not_collide(stage, user):
    others = [Sender(stage.chain, user.account) for _ in range(3)]
    to = stage.owner.address
    before = stage.balance(to)
    threads = [
        threading.Thread(target=lambda s=s: [s.send("OPG", "transfer", to, 1) for _ in range(3)]) for s in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stage.balance(to) - before == 9


def test_log_has_what_was_paid(stage, user):
    ether = stage.chain.w3.eth.get_balance(user.address)
    sent = user.send("OPG", "transfer", stage.owner.address, 1)
    assert user.log[-1] == replace(sent, receipt=None)
    assert sent.gas > 21_000
    assert ether - stage.chain.w3.eth.get_balance(user.address) == sent.cost


def test_log_does_not_grow_for_ever(stage, user, monkeypatch):
    monkeypatch.setattr(sender, "KEPT", 3)
    made = Sender(stage.chain, user.account)
    for number in range(8):
        made.send("OPG", "transfer", stage.owner.address, 1, label=str(number))
        assert made.count == number + 1
        assert made.log[-1].label == str(number)
        assert all(each.receipt is None for each in made.log)
        assert min(number + 1, 3) <= len(made.log) <= 6
