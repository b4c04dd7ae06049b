"""Models made from others: what they promise, fixed for ever."""

from fractions import Fraction

import pytest

from tests.evm import reverts
from tests.lineage import MAX_DEPTH, MAX_PAYEES, PARTS, Lineage


@pytest.fixture
def derive(models, bob):
    """Registers models of bob's under names of their own."""
    count = iter(range(100))
    return lambda *parents, fee_bps=4_000: (
        models.registerDerived(f"model {next(count)}", fee_bps, parents, sender=bob).value
    )


def test_its_parents_are_announced(models, bob):
    receipt = models.registerDerived("better", 4_000, [(1, 3_000)], sender=bob)
    event = receipt.event("ModelRegistered")
    assert (event.modelId, event.owner, event.args["name"], event.feeBps) == (2, bob.address, "better", 4_000)
    assert event.parents == [(1, 3_000)]
    assert models.ownerOf(2) == bob.address
    assert models.lineage(2) == (4_000, 1, [2, 1], [700_000, 300_000])


def test_what_a_parent_gets_it_shares_as_it_has_promised(models, derive):
    """A half of a fifth: every generation honours what the earlier have promised."""
    child = derive((1, 2_000))
    grandchild = derive((child, 5_000))
    assert models.lineage(grandchild) == (4_000, 2, [3, 1, 2], [500_000, 100_000, 400_000])


def test_an_ancestor_on_two_ways_is_paid_once_for_both(models, derive):
    """A diamond; and a parent that is named twice."""
    left, right = derive((1, 1_000)), derive((1, 2_000))
    both = derive((left, 3_000), (right, 3_000), (left, 1_000))
    assert models.lineage(both)[2:] == ([4, 1, 2, 3], [300_000, 100_000, 360_000, 240_000])


def test_no_model_is_its_own_ancestor(models, derive):
    """Attack 17: royalty cycles. Parents exist before their children, and promises never change."""
    for unborn in (0, 2, 3, 2**40 + 1, 2**256 - 1):
        with reverts("NoSuchModel", unborn):
            derive((unborn, 1))


def test_no_more_than_all_is_promised(models, derive):
    """Attack 17: shares above 100 %."""
    first = derive((1, 10_000))
    assert models.lineage(first) == (4_000, 1, [2, 1], [0, PARTS])
    with reverts("SharesTooHigh", 10_001):
        derive((1, 10_001))
    with reverts("SharesTooHigh", 10_001):
        derive((1, 5_000), (2, 5_001))
    with reverts("SharesTooHigh", 65_535 + 1):
        derive((1, 1), (2, 65_535))


def test_a_parent_has_a_share(derive):
    with reverts("ParentWithoutShare", 1):
        derive((1, 0))


def test_the_share_of_the_fee_is_bounded_with_parents_too(models, bob):
    models.registerDerived("half", 5_000, [(1, 1)], sender=bob)
    with reverts("FeeTooHigh", 5_001, 5_000):
        models.registerDerived("more", 5_001, [(1, 1)], sender=bob)


def test_names_are_one_list(models, alice):
    with reverts("NameTaken", alice, "digits"):
        models.registerDerived("digits", 0, [(1, 1)], sender=alice)
    with reverts("BadName", ""):
        models.registerDerived("", 0, [(1, 1)], sender=alice)


def test_breadth_is_bounded(models, derive):
    """Attack 17: a lineage that makes settling expensive."""
    parents = [derive() for _ in range(MAX_PAYEES)]
    widest = derive(*((each, 1_000) for each in parents[:-1]))
    assert len(models.lineage(widest)[2]) == MAX_PAYEES
    with reverts("TooManyAncestors", MAX_PAYEES, MAX_PAYEES - 1):
        derive(*((each, 1_000) for each in parents))
    with reverts("TooManyAncestors", MAX_PAYEES, MAX_PAYEES - 1):
        derive((widest, 1_000))


def test_naming_one_parent_again_and_again_is_bounded_too(derive):
    derive(*[(1, 1_000)] * (MAX_PAYEES - 1))
    with reverts("TooManyAncestors", MAX_PAYEES, MAX_PAYEES - 1):
        derive(*[(1, 1_000)] * MAX_PAYEES)


def test_depth_is_bounded_by_those_who_are_paid(models, derive):
    generation = 1
    for _ in range(MAX_PAYEES - 1):
        generation = derive((generation, 5_000))
    assert len(models.lineage(generation)[2]) == MAX_PAYEES
    with reverts("TooManyAncestors", MAX_PAYEES, MAX_PAYEES - 1):
        derive((generation, 5_000))


def test_depth_is_bounded_when_nobody_between_keeps_anything(models, derive):
    """Attack 17: a line of models that pass on all that they get."""
    generation = 1
    for _ in range(MAX_DEPTH):
        generation = derive((generation, 10_000))
    assert models.lineage(generation) == (4_000, MAX_DEPTH, [generation, 1], [0, PARTS])
    with reverts("TooManyAncestors", MAX_DEPTH + 1, MAX_DEPTH):
        derive((generation, 10_000))


def test_the_deepest_line_counts(models, derive):
    deep = derive((derive((1, 1_000)), 1_000))
    assert models.lineage(derive((deep, 1), (1, 1)))[1] == models.lineage(derive((1, 1), (deep, 1)))[1] == 3


def test_less_than_a_millionth_is_no_part_and_goes_to_the_parent(models, derive):
    """A ten-thousandth of a ten-thousandth; what it lacks stays in its parent's share, not in the child's."""
    child = derive((1, 1))
    grandchild = derive((child, 1))
    assert models.lineage(grandchild)[2:] == ([3, 2], [PARTS - 100, 100])


def test_a_share_is_what_was_promised_less_a_millionth_a_generation():
    """Every chain of promises against exact fractions: never more than was promised, and hardly less."""
    for first in (1, 3, 777, 3_333, 9_999, 10_000):
        for second in (1, 7, 3_333, 6_667, 10_000):
            for third in (1, 2_500, 3_333, 9_999):
                lineage = Lineage()
                lineage.add(0, [])
                lineage.add(0, [(1, first)])
                lineage.add(0, [(2, second)])
                lineage.add(0, [(3, third)])
                due = Fraction(first * second * third, 10_000**3) * PARTS
                assert due - 2 < lineage.parts(4).get(1, 0) <= due
                stream = sum(part for model, part in lineage.parts(4).items() if model != 4)
                assert stream == third * PARTS // 10_000
