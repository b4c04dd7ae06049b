"""What delegators and operators do with their stake: every number in OPG, every refusal with what to do next."""

from __future__ import annotations

import pytest

from opg import actions
from opg.chain import Sender
from opg.chain.deploying import LOCAL, OPG
from opg.vouchers import make_voucher
from opg.words import moment
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_errors import fails
from tests.unit.cli.test_story import good

DAY = 86_400


@pytest.fixture
def operator(stage) -> Sender:
    return stage.operator(1_500, stage.local.account(), "http://operator.example", opg=3_000)


@pytest.fixture
def module(stage) -> Sender:
    """A contract's part, played by a key: it may slash. The roles are the timelock's to give."""
    made = stage.person()
    staking, timelock = stage.chain.contract("Staking"), stage.chain.deployment.address("OPGTimelock")
    for method, value in (("anvil_impersonateAccount", None), ("anvil_setBalance", hex(10**18))):
        stage.local.rpc(method, timelock, *([value] if value else []))
    grant = staking.functions.grantRole(stage.chain.read("Staking", "SLASHER_ROLE"), made.address)
    stage.chain.w3.eth.wait_for_transaction_receipt(grant.transact({"from": timelock}))
    return made


@pytest.fixture
def lent(cli: Cli, stage, operator) -> Sender:
    """Who has 64 OPG with the operator."""
    made = stage.person(opg=250)
    good(cli("stake", "delegate", operator.address, "64", key=made.account))
    return made


def test_stake_is_delegated_earns_and_comes_back(cli: Cli, stage, operator, lent):
    mine = {"key": lent.account}
    shown = good(cli("stake", "show", **mine))
    for words in (f"delegated to {operator.address}", "64 OPG", "0 OPG, the rest from 2", "votes of the stake"):
        assert words in shown
    stage.local.advance(LOCAL.thawing_seconds)
    assert "the rest from the next opg stake settle on" in good(cli("stake", "show", **mine))
    assert "credited: 0 OPG" in good(cli("stake", "settle", lent.address, key=operator.account))
    assert "all of it" in good(cli("stake", "show", **mine))

    stage.pay(operator.address, 391)
    operator.send("OPG", "approve", stage.chain.deployment.address("Staking"), 391 * OPG)
    operator.send("Staking", "reward", operator.address, 391 * OPG)
    assert "16 OPG: opg stake settle" in good(cli("stake", "show", **mine))
    assert "credited: 16 OPG" in good(cli("stake", "settle", **mine))
    assert "16 OPG: opg collect" in good(cli("stake", "show", **mine))
    assert "collected: 16 OPG" in good(cli("collect", **mine))

    assert "thaw 1 of 30 OPG is over at" in good(cli("stake", "undelegate", operator.address, "30", **mine))
    assert "thaw 2 of 34 OPG is over at" in good(cli("stake", "undelegate", operator.address, **mine))
    assert "thaw 2" in good(cli("stake", "show", **mine))
    stage.local.advance(LOCAL.thawing_seconds)
    assert "over: opg stake withdraw 1" in good(cli("stake", "show", lent.address))
    assert "withdrawn: 64 OPG" in good(cli("stake", "withdraw", **mine))
    assert stage.balance(lent.address) == 266 * OPG
    assert operator.address not in good(cli("stake", "show", **mine))


def test_collecting_settles_what_was_delegated(cli: Cli, stage, operator, lent):
    """The delegator's part of what has gathered for the operator elsewhere, too."""
    stage.local.advance(LOCAL.thawing_seconds)
    good(cli("stake", "settle", key=lent.account))
    stage.pay(operator.address, 391)
    operator.send("OPG", "approve", stage.chain.deployment.address("Staking"), 391 * OPG)
    operator.send("Staking", "reward", operator.address, 391 * OPG)
    assert "collected: 16 OPG" in good(cli("collect", key=lent.account))
    assert "collected: 375 OPG" in good(cli("collect", key=operator.account))


def test_who_leaves_takes_its_part_of_what_has_gathered_along(cli: Cli, stage, operator, lent, user):
    """A voucher was redeemed, and the income not sent on: afterwards it would have no part in that."""
    stage.local.advance(LOCAL.thawing_seconds)
    good(cli("stake", "settle", key=lent.account))
    actions.open_channel(user, operator.address, 50 * OPG)
    voucher = make_voucher(stage.chain, user.account, operator.address, 1, 50 * OPG)
    operator.send("Channels", "redeem", *voucher.abi())
    gathered = stage.chain.read("Channels", "incomeOf", operator.address)
    good(cli("stake", "undelegate", operator.address, key=lent.account))
    part = gathered * 64 // (1_500 + 64)
    assert part - 1 <= stage.chain.read("Staking", "creditOf", lent.address) <= part


def test_nothing_leaves_before_its_time(cli: Cli, stage, operator, lent):
    mine = {"key": lent.account}
    fails(cli("stake", "withdraw", **mine), "nothing of yours thaws", "opg stake undelegate")
    good(cli("stake", "undelegate", operator.address, "30", **mine))
    until = moment(stage.chain.read("Staking", "thaw", 1)[4])
    for arguments in ([], ["1"]):
        fails(cli("stake", "withdraw", *arguments, **mine), f"thaw 1 of 30 OPG is not over before {until}", "wait")
    fails(cli("stake", "withdraw", "7", **mine), "you have no thaw 7", "opg stake show")
    stage.local.advance(LOCAL.thawing_seconds)
    fails(cli("stake", "withdraw", "1", key=operator.account), "you have no thaw 1", "opg stake show")
    good(cli("stake", "withdraw", "1", **mine))
    fails(cli("stake", "withdraw", "1", **mine), "you have no thaw 1")


def test_nobody_takes_out_more_than_there_is(cli: Cli, stage, operator, lent):
    fails(cli("stake", "undelegate", operator.address, "100.5", key=lent.account), "you have 64 OPG with")
    fails(cli("stake", "undelegate", operator.address, key=operator.account), "you have nothing with")
    fails(cli("stake", "settle", key=operator.account), "delegates to nobody", "opg stake delegate")


def test_operators_that_are_none_and_dear_ones_are_refused(cli: Cli, stage, operator, lent):
    nobody = stage.person()
    fails(cli("stake", "delegate", nobody.address, "5", key=lent.account), "is no operator", "register")
    assert "commission: 4 % from" in good(cli("stake", "commission", "4", key=operator.account))
    options = ["--max-commission", "3.99"]
    for wait in (0, LOCAL.thawing_seconds):  # announced, then present
        stage.local.advance(wait + 1)
        refused = cli("stake", "delegate", operator.address, "5", *options, key=lent.account)
        fails(refused, "takes 4 % of the income, you accept 3.99 %", "--max-commission")
    good(cli("stake", "delegate", operator.address, "5", key=lent.account))


def test_a_commission_rises_in_announced_steps(cli: Cli, stage, operator, lent):
    mine = {"key": operator.account}
    fails(cli("stake", "commission", "50.01", **mine), "at most 50 %")
    fails(cli("stake", "commission", "5.01", **mine), "by at most 5 % at a time, from 0 % now", "announce 5 %")
    fails(cli("stake", "commission", "much", **mine), "is not a share", "12.5")
    good(cli("stake", "commission", "5", **mine))
    since = moment(stage.chain.read("Staking", "commissionOf", operator.address)[2])
    assert f"0 %, 5 % from {since} on" in good(cli("stake", "show", **mine))


def test_a_jailed_operator_sees_how_long_and_what_is_missing(cli: Cli, stage, operator, module):
    mine = {"key": operator.account}
    fails(cli("stake", "rehabilitate", **mine), "is not in jail")
    module.send("Staking", "slash", operator.address, 800 * OPG, module.address)
    until = moment(stage.chain.read("Staking", "jailedUntil", operator.address))
    fails(cli("stake", "rehabilitate", **mine), f"in jail until {until}", "wait until then")
    assert f"no: in jail until {until}" in good(cli("stake", "show", **mine))
    stage.local.advance(DAY + 1)
    assert "no: in jail; opg stake rehabilitate" in good(cli("stake", "show", operator.address))
    fails(cli("stake", "rehabilitate", **mine), "own stake of 700 OPG is below the minimum of 1,000 OPG", "add 300 OPG")
    assert "OPG are missing to the minimum" in good(cli("operator", "stake", "100", **mine))
    assert "missing" not in good(cli("operator", "stake", "201", **mine))
    assert "is out of jail" in good(cli("stake", "rehabilitate", **mine))
    assert "yes" in good(cli("stake", "show", **mine))


def test_what_slashes_set_aside_is_burned_by_anybody(cli: Cli, stage, operator, module):
    fails(cli("stake", "burn", key=operator.account), "nothing waits to be burned")
    module.send("Staking", "slash", operator.address, 100 * OPG, module.address)
    assert "burned: 50 OPG" in good(cli("stake", "burn", key=operator.account))


def test_an_operator_without_enough_sees_what_is_missing(cli: Cli, stage, operator):
    good(cli("operator", "thaw", "600", key=operator.account))
    shown = good(cli("stake", "show", operator.address))
    for words in ("no: 100 OPG too few", "900 OPG of at least 1,000 OPG", "thaw 1", "600 OPG, until 2"):
        assert words in shown


def test_a_stranger_has_nothing(cli: Cli, stage):
    who = stage.person()
    assert "votes of the stake" in good(cli("stake", "show", who.address))
