"""A module loses its role while its games run: nothing that anybody is owed may hang on it."""

import pytest

from tests.evm import reverts
from tests.market import OUTPUT


@pytest.fixture
def role(inference):
    return inference.DISPUTER_ROLE()


@pytest.fixture
def contested(market, inference, role):
    """A request whose answer dave contested before governance dismissed him."""
    req = market.ask()
    digest = market.fulfil(req)
    inference.contest(digest, sender=market.dave)
    inference.revokeRole(role, market.dave, sender=market.admin)
    return req, digest


def test_its_games_do_not_count(market, inference, contested):
    """Attack 15: the fee is paid although the game never ends."""
    req, digest = contested
    assert inference.answerState(digest).openGames == 0
    market.after_window()
    assert inference.isFinal(digest)
    inference.finalise(req, [OUTPUT], sender=market.alice)


@pytest.mark.parametrize("verb", ["release", "refute"])
def test_its_games_end_without_a_meaning(market, inference, contested, verb):
    """So that it can give bonds back; it is told."""
    _, digest = contested
    receipt = getattr(inference, verb)(digest, sender=market.dave)
    assert (receipt.value, receipt.events) == (False, [])
    assert not inference.answerState(digest).refuted


def test_it_contests_no_more(market, inference, contested, role):
    with reverts("AccessControlUnauthorizedAccount", market.dave, role):
        inference.contest(contested[1], sender=market.dave)


def test_it_never_comes_back(market, inference, contested, role):
    """What was final meanwhile must stay final."""
    assert inference.retired(market.dave)
    with reverts("ModuleRetired", market.dave):
        inference.grantRole(role, market.dave, sender=market.admin)


def test_it_may_have_another_role(market, inference, contested):
    inference.grantRole(inference.DEFAULT_ADMIN_ROLE(), market.dave, sender=market.admin)


def test_who_gives_the_role_back_is_retired_too(market, inference, role):
    inference.renounceRole(role, market.dave, sender=market.dave)
    assert inference.retired(market.dave)


def test_who_never_had_the_role_is_not_retired(market, inference, role):
    inference.revokeRole(role, market.erin, sender=market.admin)
    inference.grantRole(role, market.erin, sender=market.admin)
    assert not inference.retired(market.erin)


def test_other_roles_come_and_go(market, inference):
    admin = inference.DEFAULT_ADMIN_ROLE()
    inference.grantRole(admin, market.dave, sender=market.admin)
    inference.revokeRole(admin, market.dave, sender=market.admin)
    assert not inference.retired(market.dave)
    inference.grantRole(admin, market.dave, sender=market.admin)


def test_another_module_takes_over(market, inference, contested, role):
    _, digest = contested
    inference.grantRole(role, market.erin, sender=market.admin)
    assert inference.contest(digest, sender=market.erin).event("Contested").openGames == 1
    assert not inference.release(digest, sender=market.dave).value
    assert inference.refute(digest, sender=market.erin).value
    assert inference.answerState(digest) == (inference.answerState(digest).recordedAt, 0, True)


def test_modules_do_not_count_each_others_games(market, inference, role):
    """One module at a time: what one has begun, another neither ends nor joins."""
    inference.grantRole(role, market.erin, sender=market.admin)
    digest = market.surface()
    inference.contest(digest, sender=market.dave)
    with reverts("ContestedElsewhere", digest, market.dave):
        inference.contest(digest, sender=market.erin)
    for verb in ("release", "refute"):
        with reverts("NotContested", digest):
            getattr(inference, verb)(digest, sender=market.erin)
    inference.release(digest, sender=market.dave)
    inference.contest(digest, sender=market.erin)
