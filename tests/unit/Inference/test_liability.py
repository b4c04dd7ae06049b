"""Whose answer it is, and until when it can be disputed."""

import pytest

from tests.evm import reverts
from tests.market import NO_EVIDENCE, NOBODY, WINDOW_SECONDS, list_path, list_root

# by signature

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # order of secp256k1


def test_a_signed_answer_is_the_operators(market, inference):
    answer = market.answer()
    expected = (market.digest(answer), market.evm.now + WINDOW_SECONDS)
    assert inference.liability(answer, market.signed(answer)) == expected


def test_an_over_window_is_no_error(market, inference):
    answer = market.answer()
    evidence = market.signed(answer)
    market.evm.sleep(10 * WINDOW_SECONDS)
    assert inference.liability(answer, evidence).disputableUntil == answer["issuedAt"] + WINDOW_SECONDS


@pytest.mark.parametrize("field", ["request", "version", "input", "output", "operator", "issuedAt"])
def test_no_field_is_unsigned(market, inference, field):
    """Attack 11."""
    answer = market.answer()
    evidence = market.signed(answer)
    value = answer[field]
    changed = value - 1 if isinstance(value, int) else market.alice.address if isinstance(value, str) else b"\0" * 32
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer | {field: changed}, evidence)


def test_another_contracts_answer_is_not_this_ones(market, inference):
    """Attack 11."""
    answer = market.answer()
    evidence = market.signed(answer)
    other = market.deploy_inference()
    with reverts("NotTheOperatorsAnswer"):
        other.liability(answer, evidence)


def test_another_key_does_not_sign(market, inference):
    answer = market.answer()
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, market.signed(answer, key=market.dave))
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, market.signed(answer, key=market.dave, named=market.frank))


def test_the_operators_own_account_is_not_its_key(market, inference):
    answer = market.answer()
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, market.signed(answer, key=market.bob))


def test_the_mirrored_signature_counts_for_nothing(market, inference):
    """Attack 11: s and n − s would be two signatures of one answer."""
    answer = market.answer()
    key, signature, *rest = market.signed(answer)
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    mirrored = signature[:32] + (N - s).to_bytes(32, "big") + bytes([55 - v])
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, (key, mirrored, *rest))


@pytest.mark.parametrize("signature", [b"\1", b"\0" * 65, b"\xff" * 64, b"\xff" * 66])
def test_bytes_that_are_no_signature(market, inference, signature):
    answer = market.answer()
    for key in (market.frank, NOBODY):
        with reverts("NotTheOperatorsAnswer"):
            inference.liability(answer, (key, signature, 0, 0, []))


def test_a_retired_key_stays_liable_for_its_time_alone(market, inference):
    """Attack 11: a key change neither frees from old answers nor makes new ones."""
    old = market.answer()
    market.evm.sleep(10)
    market.staking.register(market.erin, "", sender=market.bob)
    market.evm.sleep(10)
    inference.liability(old, market.signed(old))
    new = market.answer()
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(new, market.signed(new))
    inference.liability(new, market.signed(new, key=market.erin))
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(old, market.signed(old, key=market.erin))


def test_the_future_has_to_come_first(market, inference):
    answer = market.answer(issuedAt=market.evm.now + 1)
    evidence = market.signed(answer)
    with reverts("IssuedInTheFuture", market.evm.now + 1):
        inference.liability(answer, evidence)
    market.evm.sleep(1)
    inference.liability(answer, evidence)


def test_a_contract_may_be_the_key(market, inference, evm):
    key = evm.deploy("ContractKey", market.dave)
    market.staking.register(key, "", sender=market.bob)
    answer = market.answer()
    inference.liability(answer, market.signed(answer, key=market.dave, named=key))
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, market.signed(answer, key=market.erin, named=key))


def test_a_key_that_becomes_a_contract_takes_nothing_back(market, inference, evm):
    """Attack 1: an account may give itself code (EIP-7702) that denies what it signed before."""
    answer = market.answer()
    evidence = market.signed(answer)
    denier = evm.deploy("RevertingReceiver")
    give_code(evm, market.frank, denier)
    inference.liability(answer, evidence)


def give_code(evm, account, contract):
    """What a set-code transaction does, as far as a contract can see."""
    import pyrevm

    code = evm.backend.code(contract.address)
    evm.backend.evm.insert_account_info(account.address, pyrevm.AccountInfo(balance=10**24, code=code))
    assert evm.backend.code(account.address) == code


def test_a_contract_key_that_denies_its_recorded_answers_is_too_late(market, inference, evm):
    """Attack 1: what is recorded or committed needs the key no more."""
    key = evm.deploy("ContractKey", market.dave)
    market.staking.register(key, "", sender=market.bob)
    surfaced, batched = market.answer(), market.answer(request=b"\1" * 32)
    market.surface(surfaced, market.signed(surfaced, key=market.dave, named=key))
    leaves = [market.digest(batched)]
    batch_id = inference.commit(market.bob, leaves[0], 1, "cid", sender=market.bob).value
    key.repudiate(sender=market.dave)
    inference.liability(surfaced, NO_EVIDENCE)
    inference.liability(batched, (NOBODY, b"", batch_id, 0, []))


# by batch


def answers(market, count):
    return [market.answer(request=i.to_bytes(32, "big")) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_each_answer_of_a_batch_is_the_operators(market, inference, count):
    batch = answers(market, count)
    market.evm.sleep(50)
    evidence = market.committed(batch, 0)
    leaves = [market.digest(each) for each in batch]
    for i, each in enumerate(batch):
        expected = (leaves[i], market.evm.now + WINDOW_SECONDS)
        assert inference.liability(each, (*evidence[:3], i, list_path(leaves, i))) == expected


def test_a_batch_answers_window_begins_when_it_is_issued(market, inference):
    """A batch may hold an answer that is issued after it: the later of both counts."""
    answer = market.answer(issuedAt=market.evm.now + 500)
    evidence = market.committed([answer], 0)
    with reverts("IssuedInTheFuture"):
        inference.liability(answer, evidence)
    market.evm.sleep(500)
    assert inference.liability(answer, evidence).disputableUntil == answer["issuedAt"] + WINDOW_SECONDS


def test_no_batch_no_evidence(market, inference):
    answer = market.answer()
    for batch_id in (0, 1):
        with reverts("NoSuchBatch", batch_id):
            inference.liability(answer, (NOBODY, b"", batch_id, 0, []))


@pytest.mark.parametrize("wrong", ["index", "path", "short", "long", "answer", "operator"])
def test_a_wrong_place_in_a_batch(market, inference, wrong):
    batch = answers(market, 3)
    key, signature, batch_id, index, path = market.committed(batch, 1)
    answer = batch[1]
    if wrong == "index":
        index = 5  # leads along the same path, were it not out of range
    elif wrong == "path":
        path = [path[0], b"\1" * 32]
    elif wrong == "short":
        path = path[:1]
    elif wrong == "long":
        path = [*path, bytes(32)]
    elif wrong == "answer":
        answer = batch[2]
    else:
        answer = answer | {"operator": market.alice.address}
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(answer, (key, signature, batch_id, index, path))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_place_behind_the_last_is_none(market, inference, count):
    """Of a full tree it leads along the path of the first: an answer has one place only."""
    batch = answers(market, count)
    leaves, evidence = [market.digest(each) for each in batch], market.committed(batch, 0)
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(batch[0], (*evidence[:3], count, list_path(leaves, 0)))


def test_the_depth_follows_from_the_count(market, inference):
    """Attack 23: a path through a deeper tree than the count says leads to the root, and proves nothing."""
    leaves = [market.digest(each) for each in answers(market, 4)]
    batch_id = inference.commit(market.bob, list_root(leaves), 2, "cid", sender=market.bob).value
    with reverts("NotTheOperatorsAnswer", leaves[1]):
        inference.liability(answers(market, 4)[1], (NOBODY, b"", batch_id, 1, list_path(leaves, 1)))


def test_padding_is_no_answer(market, inference):
    """Attack 9: the fourth leaf of three is not there, whatever its path."""
    batch = answers(market, 3)
    evidence = market.committed(batch, 2)
    leaves = [market.digest(each) for each in batch]
    with reverts("NotTheOperatorsAnswer"):
        inference.liability(batch[2], (*evidence[:3], 3, list_path(leaves, 3)))


def test_another_operators_batch_proves_nothing(market, inference):
    """Attack 10: to commit to a victim's name makes the victim liable for nothing."""
    market.staking.register(market.dave, "", sender=market.dave)
    market.staking.stake(10**22, sender=market.dave)
    answer = market.answer()
    batch_id = inference.commit(market.dave, market.digest(answer), 1, "cid", sender=market.dave).value
    with reverts("NotTheOperatorsAnswer", market.digest(answer)):
        inference.liability(answer, (NOBODY, b"", batch_id, 0, []))


# on chain already


def test_a_recorded_answer_needs_no_evidence(market, inference):
    answer = market.answer()
    market.evm.sleep(100)
    market.surface(answer)
    assert inference.liability(answer, NO_EVIDENCE).disputableUntil == market.evm.now + WINDOW_SECONDS


def test_the_record_decides_even_when_there_is_more_evidence(market, inference):
    """Nothing final is disputable: committing a final answer later opens no new window."""
    answer = market.answer()
    market.surface(answer)
    until = market.evm.now + WINDOW_SECONDS
    market.after_window()
    evidence = market.committed([answer], 0)
    assert inference.isFinal(market.digest(answer))
    assert inference.liability(answer, evidence).disputableUntil == until
    assert inference.liability(answer, market.signed(answer)).disputableUntil == until


def test_a_fulfilled_answer_needs_no_evidence(market, inference):
    receipt = market.ask_receipt()
    answer = market.answer(request=receipt.value)
    market.fulfil(receipt.event("Requested").request)
    assert inference.liability(answer, NO_EVIDENCE).answerHash == market.digest(answer)
