"""The small language in which all other tests are written."""

import pytest

from tests.evm import Evm, Reverted, reverts


@pytest.fixture(params=["revm", "anvil"])
def chain(request):
    chain = Evm(request.param)
    yield chain
    chain.close()


@pytest.fixture
def token(chain, alice):
    return chain.deploy("OPG", alice, sender=alice)


def test_a_transaction_returns_its_value_and_its_events(token, alice, bob):
    receipt = token.transfer(bob, 5, sender=alice)
    assert receipt.value is True
    sent = receipt.event("Transfer")
    assert (sent.args["from"], sent.to, sent.value) == (alice.address, bob.address, 5)
    assert token.balanceOf(bob) == 5


def test_an_error_has_its_name_and_arguments(token, alice, bob):
    with reverts("ERC20InsufficientBalance", bob, 0, 1):
        token.transfer(alice, 1, sender=bob)


def test_another_error_is_not_taken_for_the_expected_one(token, alice, bob):
    with pytest.raises(AssertionError, match="not ERC20InsufficientAllowance"), reverts("ERC20InsufficientAllowance"):
        token.transfer(alice, 1, sender=bob)


def test_other_arguments_are_not_taken_for_the_expected_ones(token, alice, bob):
    with pytest.raises(AssertionError, match="not "), reverts("ERC20InsufficientBalance", bob, 0, 2):
        token.transfer(alice, 1, sender=bob)


def test_a_call_that_succeeds_does_not_pass_for_a_revert(token, alice, bob):
    with pytest.raises(AssertionError, match="did not revert"), reverts("ERC20InsufficientBalance"):
        token.transfer(bob, 1, sender=alice)


def test_a_reverted_transaction_changes_nothing(token, alice, bob):
    before = token.balanceOf(alice)
    with pytest.raises(Reverted):
        token.transfer(bob, before + 1, sender=alice)
    assert (token.balanceOf(alice), token.balanceOf(bob)) == (before, 0)


def test_a_transaction_needs_a_sender(token, bob):
    with pytest.raises(AssertionError, match="sender="):
        token.transfer(bob, 1)


def test_a_snapshot_brings_back_balances_and_time(chain, token, alice, bob):
    mark, then = chain.snapshot(), chain.now
    token.transfer(bob, 5, sender=alice)
    chain.sleep(1_000)
    assert chain.now >= then + 1_000
    chain.revert(mark)
    assert (token.balanceOf(bob), chain.now) == (0, then)


def test_mining_adds_that_many_blocks(chain):
    def number() -> int:
        return chain.backend.number if chain.engine == "revm" else int(chain.backend.rpc("eth_blockNumber"), 16)

    before = number()
    chain.mine(3)
    assert number() == before + 3
