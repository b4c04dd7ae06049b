"""What the SDK sends becomes an ordinary on-chain request."""

import struct

import pytest

from tests.evm import reverts
from tests.market import COLLATERAL, INPUT_WORDS, MIN_RESPONSE_SECONDS, NOBODY, OPG, OUTPUT, PRICE
from tests.unit.OpenGradientFacade.conftest import CID, DEPOSIT, MASK, PICTURE, SHAPE, tensor

WORDS = b"".join(struct.pack(">f", i / 10) for i in range(INPUT_WORDS))


def inputs_of(receipt):
    return [bytes(each) for each in receipt.event("Requested").inputs]


def test_words_are_the_numbers_nearest(facade):
    assert inputs_of(facade.run()) == [WORDS]


def test_request_is_the_users_purse_asking_at_the_operators_price(facade, market):
    now = market.evm.now
    request = facade.run().event("Requested").request
    assert (request.user, request.operator) == (facade.escrow.address, market.bob.address)
    assert (request.version, request.fee, request.mode) == (market.version, PRICE, 0)
    assert request.deadline == now + MIN_RESPONSE_SECONDS
    assert facade.escrow.available() == DEPOSIT - PRICE
    assert market.token.balanceOf(facade.at) == 0


def test_sdk_finds_the_id_of_the_request_in_the_events(facade):
    receipt = facade.run()
    request_id = receipt.event("Requested").requestId
    told = receipt.event("ModelInferenceEvent")
    assert told.inferenceID == "0x" + request_id.hex()
    assert (told.request.mode, told.request.modelCID) == (0, CID)
    empty = ([], [], [], False)
    assert tuple(receipt.event("InferenceResult").output) == empty
    assert tuple(receipt.value) == empty
    asked = receipt.event("Asked")
    assert (asked.requestId, asked.user, asked.fee) == (request_id, facade.market.alice.address, PRICE)


def test_answer_is_paid_as_any(facade, market):
    request = facade.run().event("Requested").request
    market.fulfil(request)
    market.after_window()
    market.inference.finalise(request, [OUTPUT], sender=market.dave)
    assert market.inference.incomeOf(market.bob) > 0
    assert facade.escrow.available() == DEPOSIT - PRICE


def test_two_inputs_come_in_the_versions_order_whatever_the_order_sent(facade, market):
    market.version = market.publish([3, 4])
    facade.at.describe(market.version, [MASK, PICTURE | {"shape": [2, 2]}], sender=market.charlie)
    facade.at.setOperators(market.version, [market.bob], sender=market.charlie)
    market.inference.offer(market.version, PRICE, sender=market.bob)
    facade.at.prefer(CID, market.version, "0x" + "00" * 20, sender=market.alice)
    mask = tensor("mask", [(1, 0), (0, 0), (10, 1)], [3])
    image = tensor("image", [(1, 0), (2, 0), (-3, 0), (5, 1)], [2, 2])
    wanted = [struct.pack(">3i", 1, 0, 1), struct.pack(">4f", 1, 2, -3, 0.5)]
    assert inputs_of(facade.run(mask, image)) == wanted
    assert inputs_of(facade.run(image, mask)) == wanted
    with reverts("IntegerOutOfRange"):
        facade.run(image, tensor("mask", [(1, 0), (0, 0), (2, 0)], [3]))
    with reverts("NotAnInteger"):
        facade.run(image, tensor("mask", [(1, 0), (0, 0), (5, 1)], [3]))
    with reverts("InputMissing", "image"):
        facade.run(mask, mask)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
def test_inputs_of_any_length(facade, market, count):
    market.version = market.publish([count])
    facade.at.describe(market.version, [PICTURE | {"shape": [count]}], sender=market.charlie)
    market.inference.offer(market.version, PRICE, sender=market.bob)
    facade.at.prefer(CID, market.version, market.bob, sender=market.alice)
    numbers = [(3 * i + 1, 0) for i in range(count)]
    assert inputs_of(facade.run(tensor(numbers=numbers, shape=[count]))) == [
        struct.pack(f">{count}f", *(value for value, _ in numbers))
    ]


def test_version_that_is_not_described_is_refused(facade, market):
    """Nobody knows the order of its inputs, not even that there are none."""
    version = market.publish([1])
    facade.at.prefer(CID, version, market.bob, sender=market.alice)
    for tensors in ([], [tensor()]):
        with reverts("NotDescribed", version):
            facade.run(*tensors)


def test_single_number_has_no_shape(facade, market):
    market.version = market.publish([1])
    facade.at.describe(market.version, [PICTURE | {"shape": []}], sender=market.charlie)
    market.inference.offer(market.version, PRICE, sender=market.bob)
    facade.at.prefer(CID, market.version, market.bob, sender=market.alice)
    receipt = facade.run({**tensor(numbers=[(25, 1)]), "shape": []})
    assert inputs_of(receipt) == [struct.pack(">f", 2.5)]


@pytest.mark.parametrize("name", ["Image", "", "image "])
def test_other_names_are_refused(facade, name):
    with reverts("InputMissing", "image"):
        facade.run(tensor(name))


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (INPUT_WORDS, [INPUT_WORDS]),
        (INPUT_WORDS, [INPUT_WORDS, 1]),
        (INPUT_WORDS, [1, 1, INPUT_WORDS]),
        (63, SHAPE),
        (65, SHAPE),
        (0, []),
    ],
)
def test_other_shapes_are_refused(facade, values, shape):
    with reverts("WrongShape", "image", SHAPE):
        facade.run({**tensor(numbers=[(0, 0)] * values), "shape": shape})


def test_other_counts_are_refused(facade):
    with reverts("WrongInputCount", 2, 1):
        facade.run(tensor(), tensor("more"))
    with reverts("WrongInputCount", 0, 1):
        facade.at.run(CID, 0, {"numbers": [], "strings": []}, sender=facade.market.alice)


def test_texts_are_refused(facade):
    with reverts("StringsNotSupported"):
        facade.run(strings=[{"name": "text", "values": ["hello"]}])


def test_infinity_is_refused(facade):
    with reverts("NumberTooLarge", 1, -39):
        facade.run(tensor(numbers=[(1, -39)] * INPUT_WORDS))


def test_unknown_model_is_refused(facade):
    with reverts("UnknownModel", "bafy"):
        facade.run(model="bafy")


@pytest.mark.parametrize("mode", [1, 2])
def test_modes_that_have_no_verifier_are_refused(facade, mode):
    with reverts("ModeNotSupported", mode):
        facade.run(mode=mode)


def test_without_a_deposit_nothing_is_asked(facade, market):
    with reverts("NoEscrow", market.dave):
        facade.run(sender=market.dave)


def test_too_little_in_escrow_is_refused(facade, market):
    facade.escrow.withdraw(market.alice, DEPOSIT - PRICE + 1, sender=market.alice)
    with reverts("NotEnoughEscrow", PRICE - 1, PRICE):
        facade.run()


def test_nobody_pays_more_than_they_said(facade, market):
    """An operator that raises its price when it sees the question gets nothing."""
    market.inference.offer(market.version, 2 * PRICE + 1, sender=market.bob)
    with reverts("FeeAboveMax", 2 * PRICE + 1, 2 * PRICE):
        facade.run()
    facade.at.setMaxFee(2 * PRICE + 1, sender=market.alice)
    assert facade.run().event("Requested").request.fee == 2 * PRICE + 1


def test_cheapest_that_can_is_asked(facade, market):
    cheap, dear = facade.operator(7, OPG), facade.operator(8, 2 * OPG)
    broke = facade.operator(9, 1, stake=1_000 * OPG)
    facade.at.setOperators(market.version, [market.bob, dear, broke, cheap, market.dave], sender=market.charlie)
    assert facade.at.quote(market.version, NOBODY) == (broke.address, 1)
    for _ in range(10):  # until all its stake is locked behind requests
        facade.run()
    assert market.staking.freeStake(broke) < COLLATERAL
    assert facade.at.quote(market.version, NOBODY) == (cheap.address, OPG)
    market.inference.offer(market.version, 2**96 - 1, sender=cheap)
    assert facade.at.quote(market.version, NOBODY) == (dear.address, 2 * OPG)
    market.staking.startThaw(1_500 * OPG, sender=dear)
    assert facade.run().event("Requested").operator == market.bob.address


def test_of_those_that_ask_the_same_the_first_is_asked(facade, market):
    first, second = facade.operator(7, OPG), facade.operator(8, OPG)
    for listed in ([first, second], [second, first]):
        facade.at.setOperators(market.version, listed, sender=market.charlie)
        assert facade.at.quote(market.version, NOBODY) == (listed[0].address, OPG)


def test_users_preference_comes_first(facade, market):
    facade.operator(7, 1)
    preferred = facade.operator(8, 2)
    facade.at.setOperators(market.version, [facade.evm.accounts[7]], sender=market.charlie)
    facade.at.prefer(CID, 0, preferred, sender=market.alice)
    assert facade.run().event("Requested").operator == preferred.address


def test_without_an_operator_nothing_is_asked(facade, market):
    facade.at.setOperators(market.version, [], sender=market.charlie)
    with reverts("NoOperator", market.version):
        facade.run()
