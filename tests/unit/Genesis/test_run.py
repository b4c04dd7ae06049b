"""Genesis: what it committed to happens in order, once, by whoever sends it; nothing else ever happens."""

from __future__ import annotations

import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.evm import artifact, reverts

STEP = "(uint8,bytes,(uint32,uint8)[])[]"
NOTHING = bytes(32)


def commit(*steps) -> list[bytes]:
    """Commitments to what is left before each step, and the zero at the end."""
    found = [NOTHING]
    for step in reversed(steps):
        found.insert(0, keccak(encode([STEP, "bytes32"], [step, found[0]])))
    return found


def code_of(name: str) -> bytes:
    return bytes.fromhex(artifact(name)["bytecode"].removeprefix("0x"))


OPG_CODE = code_of("OPG")
CREATE_OPG = (0, OPG_CODE + bytes(32), [(len(OPG_CODE) + 12, 0)])  # its holder is Genesis
CREATE_MODELS = (0, code_of("Models"), [])
TRANSFER = keccak(text="transfer(address,uint256)")[:4]


def give(wei: int, part: int):
    """OPG, part 1, to another part."""
    return (1, TRANSFER + encode(["address", "uint256"], ["0x" + "00" * 20, wei]), [(4 + 12, part)])


@pytest.fixture
def steps():
    return [[CREATE_OPG], [CREATE_MODELS, give(7, 2)]]


@pytest.fixture
def genesis(evm, steps):
    return evm.deploy("Genesis", commit(*steps)[0])


def test_steps_run_in_order_sent_by_anybody(evm, genesis, steps, bob, charlie):
    left = commit(*steps)
    done = genesis.run(steps[0], left[1], sender=bob)
    assert done.event("StepRun").next == left[1] == genesis.next()
    done = genesis.run(steps[1], left[2], sender=charlie)
    assert done.event("PartCreated").part == genesis.partCount() == 2
    assert genesis.next() == NOTHING


def test_parts_are_where_it_was_known_before(evm, genesis, steps):
    expected = [genesis.partAddress(part) for part in range(3)]
    left = commit(*steps)
    made = [
        genesis.run(step, rest, sender=evm.accounts[1]).event("PartCreated").at
        for step, rest in zip(steps, left[1:], strict=True)
    ]
    assert expected == [genesis.address, *made]
    assert evm.at("Models", made[1]).symbol() == "OPGM"


def test_holes_are_filled_with_the_addresses_of_parts(evm, genesis, steps):
    left = commit(*steps)
    for step, rest in zip(steps, left[1:], strict=True):
        genesis.run(step, rest, sender=evm.accounts[1])
    opg = evm.at("OPG", genesis.partAddress(1))
    assert opg.balanceOf(genesis.partAddress(2)) == 7
    assert opg.balanceOf(genesis) == opg.totalSupply() - 7


def test_step_out_of_turn_is_refused(evm, genesis, steps):
    left = commit(*steps)
    with reverts("NotTheNextStep", left[1], left[0]):
        genesis.run(steps[1], left[2], sender=evm.accounts[1])


def test_step_with_one_other_byte_is_refused(evm, genesis, steps):
    left = commit(*steps)
    (to, data, holes) = CREATE_OPG
    for other in ((to, data[:-1] + b"\x01", holes), (to, data, [(holes[0][0], 1)]), (to, data, [])):
        with reverts("NotTheNextStep"):
            genesis.run([other], left[1], sender=evm.accounts[1])
    with reverts("NotTheNextStep"):
        genesis.run(steps[0], left[2], sender=evm.accounts[1])


def test_step_runs_once(evm, genesis, steps):
    left = commit(*steps)
    genesis.run(steps[0], left[1], sender=evm.accounts[1])
    with reverts("NotTheNextStep", left[0], left[1]):
        genesis.run(steps[0], left[1], sender=evm.accounts[1])


def test_nothing_runs_after_the_last_step(evm, genesis, steps):
    left = commit(*steps)
    for step, rest in zip(steps, left[1:], strict=True):
        genesis.run(step, rest, sender=evm.accounts[1])
    for step in ([], [give(1, 2)]):
        with reverts("NotTheNextStep"):
            genesis.run(step, NOTHING, sender=evm.accounts[1])


@pytest.mark.parametrize("too_much", [10**27 + 1, 10**28])
def test_action_that_fails_takes_its_whole_step_back(evm, too_much):
    steps = [[CREATE_OPG], [CREATE_MODELS, give(too_much, 2)]]
    left = commit(*steps)
    genesis = evm.deploy("Genesis", left[0])
    genesis.run(steps[0], left[1], sender=evm.accounts[1])
    with reverts("ERC20InsufficientBalance"):
        genesis.run(steps[1], left[2], sender=evm.accounts[1])
    assert (genesis.next(), genesis.partCount()) == (left[1], 1)


def test_constructor_that_refuses_is_heard(evm):
    staking = code_of("Staking")
    step = [(0, staking + encode(["address"] * 3 + ["uint256"] * 3, ["0x" + "11" * 20] * 3 + [0, 0, 0]), [])]
    left = commit(step)
    with reverts("OutOfBounds"):
        evm.deploy("Genesis", left[0]).run(step, left[1], sender=evm.accounts[1])


def test_part_beyond_one_byte_of_nonce_does_not_exist(genesis):
    assert genesis.partAddress(127)
    with reverts("NoSuchPart", 128):
        genesis.partAddress(128)
