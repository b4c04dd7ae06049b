"""A plan decides every address: by source, parameters, allocations and salt, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import encode

from opg.chain.deploying import OPG, SUPPLY
from opg.chain.local import LocalChain
from opg.deploy import Runner, plan_of
from opg.deploy.plan import At, Plan, Wire, parts_of
from opg.errors import TransactionRefused
from tests.unit.deploying.conftest import HOLDER, NETWORK, with_parameters


def test_addresses_are_the_same_on_every_chain_whoever_deploys(deployed):
    elsewhere = plan_of(replace(NETWORK, chain_id=31337, name="elsewhere", rpc="OTHER", confirmations=9))
    assert elsewhere.addresses == deployed.plan.addresses
    with LocalChain(31337) as local:
        made = Runner(local.chain, local.account(), elsewhere).run()
        for address in made.addresses.values():
            assert local.chain.w3.eth.get_code(address)


@pytest.mark.parametrize(
    "other",
    [
        with_parameters(bond=51 * OPG),
        replace(NETWORK, salt="2"),
        replace(NETWORK, guardian=HOLDER.address),
        replace(NETWORK, treasury=HOLDER.address),
        replace(NETWORK, allocations={HOLDER.address: SUPPLY}),
    ],
)
def test_whatever_else_is_deployed_is_elsewhere(plan, other):
    assert not set(plan_of(other).addresses.values()) & set(plan.addresses.values())


def test_arguments_on_chain_are_those_of_the_plan(deployed):
    """Addresses that were left open in the commitment are filled in on chain, and nothing else is."""
    chain, plan = deployed.local.chain, deployed.plan
    part = next(part for part in plan.parts if part.name == "Disputes")
    transaction = chain.w3.eth.get_transaction(_creation(deployed, "create Disputes"))
    values = plan.arguments(part)
    assert values[:2] == [plan.addresses["OPG"], plan.addresses["Models"]]
    assert plan.encoded_arguments("Disputes") == encode(["address"] * 5 + ["(uint256,uint256,uint256,uint256)"], values)
    assert plan.encoded_arguments("Disputes")[-128:] in bytes(transaction["input"])


def _creation(deployed, label):
    from opg.deploy.history import history

    labels = [step.label for step in deployed.plan.steps]
    past = history(deployed.local.chain, deployed.plan.addresses["Genesis"], len(labels))
    return past.transactions[labels.index(label)]


def test_step_that_the_contracts_refuse_takes_nothing_with_it(sea, deployed_once):
    """A wiring that fails stops the deployment with the contract's own words, before it is paid for."""
    wiring = (("give away what is not there", (Wire("OPG", "transfer", (At("OPGTimelock"), SUPPLY + 1)),)),)
    plan = Plan(replace(NETWORK, salt="refused"), parts_of(NETWORK), wiring)
    with sea.restored():
        deployer = sea.account()
        with pytest.raises(TransactionRefused, match="ERC20InsufficientBalance"):
            Runner(sea.chain, deployer, plan).run()
        assert sea.chain.w3.eth.get_transaction_count(deployer.address) == 1 + len(plan.parts)


def test_part_that_its_constructor_refuses_is_refused_in_its_own_words(sea, deployed_once):
    plan = plan_of(with_parameters(burn_bps=9_001))
    with sea.restored(), pytest.raises(TransactionRefused, match="OutOfBounds.*burnBps"):
        Runner(sea.chain, sea.account(), plan).run()
