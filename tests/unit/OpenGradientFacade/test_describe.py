"""What a version's inputs are called, and who answers by default: the model's owner says so."""

import pytest

from tests.evm import reverts
from tests.unit.OpenGradientFacade.conftest import MASK, PICTURE


@pytest.fixture
def fresh(market):
    """A version with two inputs, not described."""
    return market.publish([64, 3])


def test_description_is_what_was_said(facade, market, fresh):
    facade.at.describe(fresh, [PICTURE, MASK], sender=market.charlie)
    names = [(each.name, each.integer, each.low, each.high, each.shape) for each in facade.at.inputsOf(fresh)]
    assert names == [("image", False, 0, 0, [1, 64]), ("mask", True, 0, 1, [3])]


def test_only_the_models_owner_describes(facade, market, fresh):
    with reverts("NotModelOwner", fresh, market.dave):
        facade.at.describe(fresh, [PICTURE, MASK], sender=market.dave)
    market.models.transferFrom(market.charlie, market.dave, market.model, sender=market.charlie)
    facade.at.describe(fresh, [PICTURE, MASK], sender=market.dave)


def test_description_is_for_ever(facade, market):
    with reverts("AlreadyDescribed", market.version):
        facade.at.describe(market.version, [PICTURE | {"name": "x"}], sender=market.charlie)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [PICTURE],
        [MASK, PICTURE],
        [PICTURE, MASK, MASK | {"name": "more", "shape": [1]}],
        [PICTURE, MASK | {"shape": [4]}],
        [PICTURE, MASK | {"shape": [0]}],
        [PICTURE, MASK | {"name": "image"}],
        [PICTURE, MASK | {"low": 2}],
        [PICTURE, MASK | {"low": -(2**31) - 1}],
        [PICTURE, MASK | {"high": 2**32}],
        [PICTURE | {"high": 1}, MASK],
        [PICTURE | {"low": -1}, MASK],
    ],
)
def test_description_has_to_fit_the_version(facade, market, fresh, inputs):
    with reverts("BadDescription", fresh):
        facade.at.describe(fresh, inputs, sender=market.charlie)


@pytest.mark.parametrize("limits", [{"low": -(2**31)}, {"low": 1}, {"low": 0, "high": 2**32 - 1}])
def test_description_may_go_to_the_limits(facade, market, fresh, limits):
    facade.at.describe(fresh, [PICTURE, MASK | limits], sender=market.charlie)
    mask = facade.at.inputsOf(fresh)[1]
    assert {name: getattr(mask, name) for name in limits} == limits


def test_only_the_models_owner_lists_operators(facade, market):
    with reverts("NotModelOwner", market.version, market.bob):
        facade.at.setOperators(market.version, [market.bob], sender=market.bob)
    facade.at.setOperators(market.version, [market.dave, market.bob], sender=market.charlie)
    assert facade.at.operatorsOf(market.version) == [market.dave.address, market.bob.address]


def test_list_of_operators_is_bounded(facade, market):
    most = facade.at.MAX_OPERATORS()
    with reverts("TooManyOperators", most + 1, most):
        facade.at.setOperators(market.version, [market.bob] * (most + 1), sender=market.charlie)
    facade.at.setOperators(market.version, [market.bob] * most, sender=market.charlie)
    assert facade.run().event("Requested").operator == market.bob.address
