"""An owner advises against a version."""

from tests.evm import reverts


def test_it_is_announced_and_seen(models, publish, alice):
    publish()
    receipt = models.deprecate(1, sender=alice)
    event = receipt.event("VersionDeprecated")
    assert (event.versionId, event.modelId) == (1, 1)
    assert models.version(1).deprecated and models.terms(1).deprecated


def test_nothing_else_of_it_changes(models, publish, alice):
    publish()
    publish(cid="other")
    before, other = models.version(1), models.version(2)
    models.deprecate(1, sender=alice)
    assert models.version(1)[:3] == before[:3]
    assert models.version(1)[4:] == before[4:]
    assert models.version(2) == other


def test_only_the_present_owner(models, publish, alice, bob):
    publish()
    models.approve(bob, 1, sender=alice)
    with reverts("NotModelOwner", 1, bob):
        models.deprecate(1, sender=bob)
    models.transferFrom(alice, bob, 1, sender=alice)
    with reverts("NotModelOwner", 1, alice):
        models.deprecate(1, sender=alice)
    models.deprecate(1, sender=bob)


def test_once(models, publish, alice):
    publish()
    models.deprecate(1, sender=alice)
    with reverts("AlreadyDeprecated", 1):
        models.deprecate(1, sender=alice)


def test_there_must_be_one(models, alice):
    with reverts("NoSuchVersion", 1):
        models.deprecate(1, sender=alice)
