"""A fixed supply that can only shrink."""

from tests.evm import artifact, reverts

SUPPLY = 10**27


def test_the_whole_supply_goes_to_one_account(opg, alice):
    assert opg.totalSupply() == opg.balanceOf(alice) == SUPPLY
    assert (opg.name(), opg.symbol(), opg.decimals()) == ("OPG", "OPG", 18)


def test_nothing_mints_pauses_or_owns():
    functions = {entry["name"].lower() for entry in artifact("OPG")["abi"] if entry["type"] == "function"}
    assert not [name for name in functions for word in ("mint", "pause", "owner", "role", "upgrade") if word in name]


def test_a_holder_burns_its_own(opg, alice):
    opg.burn(10, sender=alice)
    assert opg.totalSupply() == opg.balanceOf(alice) == SUPPLY - 10


def test_nobody_burns_what_is_not_allowed_to_it(opg, alice, bob):
    with reverts("ERC20InsufficientAllowance", bob, 0, 1):
        opg.burnFrom(alice, 1, sender=bob)
    opg.approve(bob, 1, sender=alice)
    opg.burnFrom(alice, 1, sender=bob)
    assert opg.totalSupply() == SUPPLY - 1
