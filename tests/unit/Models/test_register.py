"""Registering a model mints it to whoever asks."""

import pytest

from tests.evm import reverts


def test_the_caller_owns_the_model(models, bob):
    receipt = models.register("speech", 100, sender=bob)
    assert receipt.value == models.modelCount() == 2
    assert models.ownerOf(2) == bob.address
    event = receipt.event("ModelRegistered")
    assert (event.modelId, event.owner, event.args["name"], event.feeBps) == (2, bob.address, "speech", 100)
    assert event.parents == []
    assert models.lineage(2) == (100, 0, [2], [1_000_000])


def test_ids_count_from_one(models):
    assert models.modelCount() == 1
    assert models.ownerOf(1)
    with reverts("ERC721NonexistentToken", 0):
        models.ownerOf(0)


def test_it_is_an_erc721(models):
    assert (models.name(), models.symbol()) == ("OPG Models", "OPGM")
    erc165, erc721, metadata, erc2981, erc4906 = "01ffc9a7", "80ac58cd", "5b5e139f", "2a55205a", "49064906"
    assert all(models.supportsInterface(each) for each in (erc165, erc721, metadata, erc2981, erc4906))
    assert not models.supportsInterface("ffffffff")


def test_a_name_is_unique_among_those_its_account_registered(models, alice, bob):
    with reverts("NameTaken", alice, "digits"):
        models.register("digits", 0, sender=alice)
    models.register("digits", 0, sender=bob)
    assert (models.modelIdOf(alice, "digits"), models.modelIdOf(bob, "digits")) == (1, 2)


def test_a_name_stays_taken_when_the_model_is_sold(models, alice, bob):
    models.transferFrom(alice, bob, 1, sender=alice)
    with reverts("NameTaken", alice, "digits"):
        models.register("digits", 0, sender=alice)
    assert models.register("digits", 0, sender=bob).value == 2


@pytest.mark.parametrize(
    "name", ["", "x" * 65, 'a"b', "a'b", "a\\b", "a\nb", "a\x00b", "a\x1fb", "a\x7fb", "à", "\u202e"]
)
def test_a_name_that_could_deceive_is_refused(models, bob, name):
    with reverts("BadName", name):
        models.register(name, 0, sender=bob)


@pytest.mark.parametrize("name", ["x", "x" * 64, " ~", "a b", "#%&<>{}[]!/"])
def test_a_printable_name_is_taken(models, bob, name):
    models.register(name, 0, sender=bob)
    assert models.modelIdOf(bob, name) == 2


def test_a_share_is_bounded(models, bob):
    """Attack 17: shares above 100 %."""
    models.register("half", 5_000, sender=bob)
    with reverts("FeeTooHigh", 5_001, 5_000):
        models.register("more", 5_001, sender=bob)
