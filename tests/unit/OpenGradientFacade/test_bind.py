"""Which version a content identifier means."""

import pytest

from tests.evm import reverts
from tests.market import NOBODY, OPG, header
from tests.unit.OpenGradientFacade.conftest import CID, PICTURE, Facade


@pytest.fixture
def later(facade, market):
    """A later version of the same file, described."""
    version = market.publish([64])
    facade.at.describe(version, [PICTURE], sender=market.charlie)
    return version


def test_anyone_binds_what_was_published(facade, market):
    assert facade.at.versionOf(CID) == market.version
    assert facade.at.versionOf("other") == 0


def test_identifier_is_the_one_on_chain(facade, market):
    version = market.models.publish(
        market.model, header([64]), b"\1" * 32, "bafyother", "", 1, sender=market.charlie
    ).value
    facade.at.describe(version, [PICTURE], sender=market.charlie)
    facade.at.bind(version, sender=market.dave)
    assert facade.at.versionOf("bafyother") == version
    assert facade.at.versionOf(CID) == market.version


def test_earlier_version_prevails(facade, market, later):
    with reverts("BoundEarlier", CID, market.version):
        facade.at.bind(later, sender=market.charlie)


def test_a_version_is_bound_once(facade, market):
    with reverts("BoundEarlier", CID, market.version):
        facade.at.bind(market.version, sender=market.dave)


def test_earlier_version_takes_the_place_of_a_later_one(market):
    late = market.publish([64])
    first, market.version = market.version, late
    facade = Facade(market)
    assert facade.at.versionOf(CID) == late
    facade.at.describe(first, [PICTURE], sender=market.charlie)
    facade.at.bind(first, sender=market.dave)
    assert facade.at.versionOf(CID) == first


def test_deprecated_version_gives_way(facade, market, later):
    market.models.deprecate(market.version, sender=market.charlie)
    with reverts("DeprecatedVersion", market.version):
        facade.run()
    with reverts("DeprecatedModel", market.version):
        facade.at.bind(market.version, sender=market.dave)
    facade.at.bind(later, sender=market.dave)
    assert facade.at.versionOf(CID) == later


def test_version_that_nobody_described_is_not_bound(facade, market):
    version = market.publish([64])
    with reverts("NotDescribed", version):
        facade.at.bind(version, sender=market.charlie)
    with reverts("NoSuchVersion"):
        facade.at.bind(99, sender=market.charlie)


def test_users_own_choice_comes_first(facade, market, later):
    market.inference.offer(later, OPG, sender=market.bob)
    facade.at.prefer(CID, later, market.bob, sender=market.alice)
    assert facade.at.preferenceOf(market.alice, CID) == (later, market.bob.address)
    assert facade.run().event("Requested").request.version == later
    facade.deposit(market.dave)
    assert facade.run(sender=market.dave).event("Requested").request.version == market.version
    facade.at.prefer(CID, 0, NOBODY, sender=market.alice)
    assert facade.run().event("Requested").request.version == market.version


def test_nobody_prefers_a_version_of_another_file(facade, market):
    with reverts("OtherModel", "bafyother", CID):
        facade.at.prefer("bafyother", market.version, NOBODY, sender=market.alice)
