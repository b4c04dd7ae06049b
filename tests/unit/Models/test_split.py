"""Whoever holds the token earns the share, of fees and of resales, also of models derived from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, reverts
from tests.lineage import Lineage


def test_the_owner_is_paid(models, alice):
    assert models.split(1, 10_000) == ([alice.address], [2_500])


def test_a_sale_moves_the_share(models, alice, bob):
    """Attack 17: revenue follows the token, the size of the share never changes."""
    models.transferFrom(alice, bob, 1, sender=alice)
    assert models.split(1, 10_000) == ([bob.address], [2_500])
    assert models.royaltyInfo(1, 10_000) == (bob.address, 2_500)


def test_parents_are_paid_out_of_the_models_share(models, alice, bob):
    models.registerDerived("better", 4_000, [(1, 3_000)], sender=bob)
    assert models.split(2, 10_000) == ([bob.address, alice.address], [2_800, 1_200])


def test_a_sale_of_an_ancestor_moves_its_share_of_every_descendant(models, alice, bob, charlie):
    models.registerDerived("better", 4_000, [(1, 3_000)], sender=bob)
    models.transferFrom(alice, charlie, 1, sender=alice)
    assert models.split(2, 10_000) == ([bob.address, charlie.address], [2_800, 1_200])


def test_a_version_pays_what_its_model_pays(models, publish, alice, bob):
    models.registerDerived("better", 4_000, [(1, 3_000)], sender=bob)
    publish(2, sender=bob)
    assert models.splitOfVersion(1, 10_000) == models.split(2, 10_000)
    with reverts("NoSuchVersion", 2):
        models.splitOfVersion(2, 1)


def test_dust_is_the_owners(models, alice, bob):
    """Attack 17: an income of 3 wei, a third of it promised: the parent's part is rounded down."""
    models.registerDerived("better", 5_000, [(1, 6_667)], sender=bob)
    assert models.split(2, 6) == ([bob.address, alice.address], [1, 2])
    assert models.split(2, 7) == ([bob.address, alice.address], [1, 2])
    assert models.split(2, 2) == ([bob.address, alice.address], [1, 0])


@pytest.mark.parametrize("model_id", [0, 2])
def test_no_model_has_no_payees(models, model_id):
    for ask in (models.split, models.royaltyInfo):
        with reverts("NoSuchModel", model_id):
            ask(model_id, 1)
    for ask in (models.lineage, models.licenceOf, models.metadataUriOf, models.tokenURI):
        with reverts("NoSuchModel", model_id):
            ask(model_id)


def test_a_resale_pays_the_seller_side_alone(models, alice, bob):
    """ERC-2981 has room for one receiver: the model's own owner has the share of the whole lineage."""
    models.registerDerived("better", 4_000, [(1, 3_000)], sender=bob)
    assert models.royaltyInfo(2, 10_000) == (bob.address, 4_000)


@given(price=st.integers(0, 2**256 - 1), fee_bps=st.integers(0, 5_000))
def test_a_royalty_is_the_share_of_any_price(price, fee_bps):
    evm, owner = Evm(), account(1)
    models = evm.deploy("Models")
    models.register("digits", fee_bps, sender=owner)
    assert models.royaltyInfo(1, price) == (owner.address, price * fee_bps // 10_000)


def test_every_small_fee_adds_up(models, bob):
    """All fees up to 600 wei, of a lineage whose parts never come out even: shares sum, and none ever falls as the fee rises but by
    the dust.
    """
    lineage = Lineage()
    for fee_bps, parents in ((2_500, []), (3_333, [(1, 3_333)]), (4_999, [(2, 6_667), (1, 1_111)])):
        assert lineage.add(fee_bps, parents) is None
        if parents:
            models.registerDerived(f"{lineage.count}", fee_bps, parents, sender=bob)
    previous = [0, 0, 0]
    for fee in range(600):
        amounts = models.split(3, fee)[1]
        assert amounts == list(lineage.split(3, fee).values())
        assert sum(amounts) == fee * 4_999 // 10_000
        assert all(now >= before for now, before in zip(amounts[1:], previous[1:], strict=True))
        assert amounts[0] >= previous[0] - 2
        previous = amounts


def test_a_fee_beyond_all_bounds_is_refused(models):
    """No product wraps around."""
    assert models.split(1, 2**256 // 2_500)[1] == [2**256 // 2_500 * 2_500 // 10_000]
    with reverts("Panic", 0x11):
        models.split(1, 2**256 // 2_500 + 1)


family = st.lists(
    st.tuples(st.integers(0, 5_000), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4_000)), max_size=3)),
    min_size=1,
    max_size=9,
)
fees = st.one_of(st.integers(0, 50), st.integers(0, 10**27), st.integers(2**199, 2**200 - 1))


@given(family=family, fee=fees)
def test_every_lineage_is_split_as_the_books_say(family, fee):
    """Attack 17: cycles (none can be named), deep lineage, dust. Shares of one fee sum to the fee's share."""
    evm, lineage = Evm(), Lineage()
    models = evm.deploy("Models")
    for number, (fee_bps, drawn) in enumerate(family):
        parents = [(1 + parent % lineage.count, bps) for parent, bps in drawn] if lineage.count else []
        problem = lineage.add(fee_bps, parents)
        owner = account(number % 4)
        if problem:
            with reverts(*problem):
                models.registerDerived(f"{number}", fee_bps, parents, sender=owner)
            continue
        model_id = models.registerDerived(f"{number}", fee_bps, parents, sender=owner).value
        assert model_id == lineage.count
        assert models.lineage(model_id) == lineage.shown(model_id)
        accounts, amounts = models.split(model_id, fee)
        assert accounts == [models.ownerOf(i) for i in lineage.parts(model_id)]
        assert amounts == list(lineage.split(model_id, fee).values())
        assert sum(amounts) == fee * fee_bps // 10_000


@given(
    fee_bps=st.integers(0, 5_000),
    promises=st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
    fee=st.integers(0, 10**27) | st.integers(0, 10_000),
)
def test_a_higher_fee_never_pays_anybody_less(fee_bps, promises, fee):
    """Monotonic in the fee, for ancestors and for the rest; the owner's dust moves by less than a wei an ancestor."""
    lineage = Lineage()
    lineage.add(0, [])
    for _ in promises[1:]:
        lineage.add(0, [])
    shares = [bps // len(promises) or 1 for bps in promises]
    lineage.add(fee_bps, [(i + 1, bps) for i, bps in enumerate(shares)])
    low, high = lineage.split(lineage.count, fee), lineage.split(lineage.count, fee + 1)
    ancestors = [i for i in low if i != lineage.count]
    assert all(low[i] <= high[i] for i in ancestors)
    assert sum(low.values()) <= sum(high.values()) <= sum(low.values()) + 1
    assert high[lineage.count] >= low[lineage.count] - len(ancestors)
