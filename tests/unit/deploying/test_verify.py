"""Every deviation that is planted is found, and named; nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_account import Account

from opg.chain import Deployment
from opg.chain.artifacts import artifact, role_id
from opg.chain.deploying import BOUNDS, LOCAL, OPG, SUPPLY
from opg.deploy import Check, Runner, plan_of, verify, verify_plan
from opg.deploy.plan import ADMIN, At, Plan, Wire, parts_of, wiring_of
from opg.errors import NotDeployed
from tests.unit.deploying.conftest import HOLDER, NETWORK, Deployed

EVE = Account.from_key("0x" + "e7" * 32).address


def differences(deployed: Deployed, claimed: Deployment | None = None) -> list[Check]:
    checks = verify_plan(deployed.local.chain, deployed.plan, claimed, deployed.rehearsal, [deployed.deployer.address])
    return [check for check in checks if not check.ok]


def named(deployed: Deployed, claimed: Deployment | None = None) -> set[tuple[str, str]]:
    return {(check.group, check.name) for check in differences(deployed, claimed)}


def test_what_was_deployed_by_the_plan_has_no_difference(deployed):
    assert differences(deployed) == []


def test_life_is_no_difference(deployed):
    deployed.act(HOLDER.address, "OPG", "burn", 5 * OPG)
    deployed.act(HOLDER.address, "OPG", "transfer", EVE, 5 * OPG)
    deployed.act(HOLDER.address, "Models", "register", "mine", 100)
    assert differences(deployed) == []


def test_where_nothing_is_deployed_it_says_where_it_would_be(deployed):
    other = plan_of(replace(NETWORK, salt="never"))
    with pytest.raises(NotDeployed, match=other.addresses["Genesis"]):
        verify_plan(deployed.local.chain, other, rehearsal=deployed.rehearsal)


# ---------------------------------------------------------------------- roles and what votes can do


def grant(contract: str, role: str, to: Callable[[Deployed], str]) -> Callable[[Deployed], None]:
    return lambda d: d.act(d.plan.addresses["OPGTimelock"], contract, "grantRole", role_id(role), to(d))


def revoke(contract: str, role: str, holder: str) -> Callable[[Deployed], None]:
    return lambda d: d.act(
        d.plan.addresses["OPGTimelock"], contract, "revokeRole", role_id(role), d.plan.addresses[holder]
    )


def by_vote(contract: str, function: str, *arguments: object) -> Callable[[Deployed], None]:
    return lambda d: d.act(d.plan.addresses["OPGTimelock"], contract, function, *arguments)


def module(name: str) -> Callable[[Deployed], str]:
    return lambda d: d.plan.addresses[name]


def stored(contract: str, view: str, value: int, width: int) -> Callable[[Deployed], None]:
    """Overwrites what a view without arguments reads, `width` bytes of one storage slot, as no function could."""

    def plant(d: Deployed) -> None:
        chain, address = d.local.chain, d.plan.addresses[contract]
        call = chain.contract(contract).functions[view]()
        now = int(call.call()) if not isinstance(call.call(), str) else int(call.call(), 16)
        touched = d.local.rpc(
            "eth_createAccessList", {"to": address, "data": call._encode_transaction_data()}, "latest"
        )
        ((slot,),) = (entry["storageKeys"] for entry in touched["accessList"] if entry["address"] == address.lower())
        word = bytes(chain.w3.eth.get_storage_at(address, int(slot, 16)))
        assert word.count(now.to_bytes(width, "big")) == 1
        word = word.replace(now.to_bytes(width, "big"), value.to_bytes(width, "big"))
        d.local.rpc("anvil_setStorageAt", address, slot, "0x" + word.hex())

    return plant


def hidden_role(d: Deployed) -> None:
    """A role without an event: mapping(role => RoleData) lies in Staking's slot of that mapping."""
    role, who = role_id("SLASHER_ROLE"), d.deployer.address
    data = d.local.chain.contract("Staking").functions.hasRole(role, who)._encode_transaction_data()
    address = d.plan.addresses["Staking"]
    touched = d.local.rpc("eth_createAccessList", {"to": address, "data": data}, "latest")
    ((slot,),) = (entry["storageKeys"] for entry in touched["accessList"] if entry["address"] == address.lower())
    d.local.rpc("anvil_setStorageAt", address, slot, "0x" + "00" * 31 + "01")


def mint(d: Deployed) -> None:
    stored("OPG", "totalSupply", SUPPLY + 1, 32)(d)


def patch(name: str, change: Callable[[bytearray, Deployed], None]) -> Callable[[Deployed], None]:
    """Runtime code that is not what it was."""

    def plant(d: Deployed) -> None:
        code = bytearray(d.local.chain.w3.eth.get_code(d.plan.addresses[name]))
        change(code, d)
        d.local.rpc("anvil_setCode", d.plan.addresses[name], "0x" + code.hex())

    return plant


def flip(at: int) -> Callable[[bytearray, Deployed], None]:
    def change(code: bytearray, _: Deployed) -> None:
        code[at] ^= 1

    return change


def immutable(name: str, variable: str, value: Callable[[Deployed], int]) -> Callable[[Deployed], None]:
    def change(code: bytearray, d: Deployed) -> None:
        for start, length in artifact(name).immutables[variable]:
            code[start : start + length] = value(d).to_bytes(length, "big")

    return patch(name, change)


def only_first_place(name: str, variable: str, value: int) -> Callable[[Deployed], None]:
    """An immutable that is right where its getter reads it, and wrong where it is used."""

    def change(code: bytearray, _: Deployed) -> None:
        start, length = artifact(name).immutables[variable][-1]
        code[start : start + length] = value.to_bytes(length, "big")

    return patch(name, change)


def number_of(address: str) -> int:
    return int(address, 16)


ADMIN_OF = "{deployer}"
PLANTED = {
    "an extra slasher": (grant("Staking", "SLASHER_ROLE", lambda d: EVE), {("role", f"Staking.SLASHER_ROLE of {EVE}")}),
    "the deployer is admin": (
        grant("Inference", ADMIN, lambda d: d.deployer.address),
        {("role", f"Inference.DEFAULT_ADMIN_ROLE of {ADMIN_OF}")},
    ),
    "an extra proposer": (
        grant("OPGTimelock", "PROPOSER_ROLE", lambda d: EVE),
        {("role", f"OPGTimelock.PROPOSER_ROLE of {EVE}")},
    ),
    "a module has too much": (
        grant("Staking", "LOCKER_ROLE", module("Disputes")),
        {("role", "Staking.LOCKER_ROLE of Disputes")},
    ),
    "a role that nobody knows": (
        grant("Staking", "BACKDOOR", lambda d: EVE),
        {("role", f"Staking.0x{role_id('BACKDOOR').hex()} of {EVE}")},
    ),
    "a role without an event": (hidden_role, {("role", f"Staking.SLASHER_ROLE of {ADMIN_OF}")}),
    "a missing role": (revoke("Staking", "LOCKER_ROLE", "Inference"), {("role", "Staking.LOCKER_ROLE of Inference")}),
    "a timelock without an admin": (
        revoke("OPGTimelock", ADMIN, "OPGTimelock"),
        {("role", "OPGTimelock.DEFAULT_ADMIN_ROLE of OPGTimelock")},
    ),
    "another guardian": (by_vote("Guardian", "setGuardian", EVE), {("wiring", "Guardian.guardian")}),
    "another delay": (by_vote("OPGTimelock", "updateDelay", 11 * 60), {("delay", "OPGTimelock.getMinDelay")}),
    "no delay": (stored("OPGTimelock", "getMinDelay", 0, 32), {("delay", "OPGTimelock.getMinDelay")}),
    "another voting period": (
        stored("OPGGovernor", "votingPeriod", 601, 4),
        {("parameter", "OPGGovernor.votingPeriod")},
    ),
    "another timelock": (
        stored("OPGGovernor", "timelock", number_of(EVE), 20),
        {("wiring", "OPGGovernor.timelock")},
    ),
    "more supply": (mint, {("supply", "total, less what was burned")}),
    "one other byte of code": (patch("Referee", flip(1_000)), {("code", "Referee")}),
    "other metadata": (patch("Referee", flip(-20)), {("code", "Referee metadata")}),
    "no code": (
        lambda d: d.local.rpc("anvil_setCode", d.plan.addresses["Guardian"], "0x"),
        {("code", "Guardian")},
    ),
    "another parameter in the code": (
        immutable("Channels", "Channels.closeSeconds", lambda d: 3_601),
        {("immutable", "Channels: Channels.closeSeconds"), ("parameter", "Channels.closeSeconds")},
    ),
    "a parameter that is wrong where it is used": (
        only_first_place("Channels", "Channels.closeSeconds", 1),
        {("immutable", "Channels: Channels.closeSeconds")},
    ),
    "a module wired to another one": (
        immutable("Channels", "Channels._models", lambda d: number_of(d.plan.addresses["Referee"])),
        {("immutable", "Channels: Channels._models")},
    ),
    "another treasury": (
        immutable("Inference", "Inference.treasury", lambda d: number_of(EVE)),
        {("immutable", "Inference: Inference.treasury"), ("wiring", "Inference.treasury")},
    ),
    "another token": (
        immutable("Staking", "Payouts._opg", lambda d: number_of(EVE)),
        {("immutable", "Staking: Payouts._opg")},
    ),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_what_was_planted_is_named(deployed, plant):
    act, expected = PLANTED[plant]
    act(deployed)
    deployer = deployed.deployer.address
    found = named(deployed)
    assert {(group, name.format(deployer=deployer)) for group, name in expected} <= found
    # where code is gone its views are gone with it; nothing else may differ
    assert found == {(g, n.format(deployer=deployer)) for g, n in expected} or plant == "no code"


# ---------------------------------------------------------------------- another deployment is claimed to be this one


def claim(deployed: Deployed, other: Plan, **changes: str) -> Deployment:
    """Deploys another plan beside, and claims its addresses."""
    chain = deployed.local.chain
    made = Runner(chain, deployed.deployer, other).run()
    return replace(made, addresses=made.addresses | changes)


def only_addresses_beside(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {each for each in found if each[0] != "address"}


def test_another_allocation(deployed):
    other = replace(NETWORK, allocations={HOLDER.address: SUPPLY - 5 * OPG, EVE: 5 * OPG})
    found = named(deployed, claim(deployed, plan_of(other)))
    shares = {("supply", f"allocation to {who}") for who in (HOLDER.address, EVE, "OPGTimelock")}
    assert only_addresses_beside(found) == shares


def test_another_parameter_from_the_beginning(deployed):
    other = replace(NETWORK, parameters=replace(LOCAL, bond=51 * OPG))
    found = named(deployed, claim(deployed, plan_of(other)))
    expected = {("immutable", "Disputes: Disputes.bond"), ("parameter", "Disputes.bond")}
    assert only_addresses_beside(found) == expected


def test_genesis_that_keeps_the_admin_role(deployed):
    wiring = tuple(
        (label, tuple(w for w in wires if w.function != "renounceRole")) for label, wires in wiring_of(NETWORK)
    )
    found = named(deployed, claim(deployed, Plan(NETWORK, parts_of(NETWORK), wiring)))
    expected = {("role", f"{contract}.DEFAULT_ADMIN_ROLE of Genesis") for contract in ("Staking", "Inference")}
    assert only_addresses_beside(found) == expected


def test_deployment_that_is_not_finished(deployed):
    wiring = (wiring_of(NETWORK)[0],)
    found = named(deployed, claim(deployed, Plan(NETWORK, parts_of(NETWORK), wiring)))
    assert ("supply", "left with Genesis") in found
    assert ("supply", "allocation to OPGTimelock") in found


def test_a_contract_from_elsewhere_in_the_manifest(deployed):
    """The right code with the right parameters, but of another deployment: it serves another token."""
    other = Runner(deployed.local.chain, deployed.deployer, plan_of(replace(NETWORK, salt="elsewhere"))).run()
    mixed = replace(
        deployed.deployment, addresses=deployed.deployment.addresses | {"Channels": other.address("Channels")}
    )
    found = named(deployed, mixed)
    wrong = {"Channels._models", "Channels.treasury", "Governed.guardian", "Incomes.staking", "Payouts._opg"}
    views = {"treasury", "guardian", "staking"}
    expected = {("address", "Channels"), *(("wiring", f"Channels.{view}") for view in views)}
    assert found == expected | {("immutable", f"Channels: {variable}") for variable in wrong}


def test_values_out_of_bounds_are_called_so(deployed):
    stored("OPGTimelock", "getMinDelay", 1, 32)(deployed)
    (check,) = differences(deployed)
    assert (check.found, check.bounds) == ("1 (out of bounds)", "600 … 2,592,000")


def test_every_parameter_has_a_check_with_its_bounds(deployed):
    checks = verify(deployed.local.chain, deployed.plan, rehearsal=deployed.rehearsal)
    bounded = {check.name for check in checks if check.bounds}
    assert bounded == {f"{bound.contract}.{bound.getter}" for bound in BOUNDS.values()}


def test_extra_wire_by_the_deployment_itself(deployed):
    wiring = wiring_of(NETWORK)
    extra = Wire("Staking", "grantRole", (role_id("SLASHER_ROLE"), At("Guardian")))
    wiring = ((wiring[0][0], (extra, *wiring[0][1])), wiring[1])
    found = named(deployed, claim(deployed, Plan(NETWORK, parts_of(NETWORK), wiring)))
    assert ("role", "Staking.SLASHER_ROLE of Guardian") in found


def test_command_names_what_differs_and_fails(deployed, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("SEA_RPC", deployed.local.url)
    code, out, _ = cli("verify-deployment", "sea")
    assert code == 0 and " 0 differences" in out and "Disputes: Disputes.bond" in out

    grant("Staking", "SLASHER_ROLE", lambda d: EVE)(deployed)
    code, out, _ = cli("verify-deployment", "sea", "--differences")
    assert code == 1
    assert f"✗ role Staking.SLASHER_ROLE of {EVE}: expected not held, found held" in out
    assert "Disputes.bond" not in out


def test_command_takes_a_manifest_that_somebody_claims(deployed, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("SEA_RPC", deployed.local.url)
    path = tmp_path / "manifest.json"
    deployed.deployment.save(path)
    assert cli("verify-deployment", str(path), "--differences")[0] == 0
    wrong = deployed.deployment.addresses | {"Channels": deployed.deployment.address("Models")}
    replace(deployed.deployment, addresses=wrong).save(path)
    code, out, _ = cli("verify-deployment", str(path), "--differences")
    assert code == 1 and "✗ address Channels" in out and "✗ code Channels" in out
