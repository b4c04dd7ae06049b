"""The route of the opengradient SDK: answers of on-chain requests as fixed-point numbers."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from opg import actions
from opg.chain.deploying import OPG
from opg.errors import BadInput, UnknownVersion
from opg.node import create_app
from opg.node.board import Board, OnChain
from opg.node.errors import Busy, NotAnsweredYet
from opg.node.routes_opengradient import MAX_WAITING, Waiting, fixed_point, model_output
from opg.tensor import Spec, pack
from scripts.liar import LyingExecutor

PATH = "/artela-network/artela-rollkit/inference/tx/"
REQUEST = bytes(range(32))


def read_as_the_sdk(value: str, decimals: int) -> np.float32:
    """What the SDK's `convert_to_float32` makes of a JSON number."""
    return np.float32(Decimal(int(value)) / (10 ** Decimal(int(decimals))))


def output_of(spec: Spec, words: np.ndarray) -> list[dict]:
    (tensor,) = model_output([spec], [pack(words)])["numbers"]
    assert (tensor["name"], tensor["shape"]) == (spec.name, list(spec.shape))
    return tensor["values"]


def test_every_finite_float32_comes_back_from_the_sdk():
    rng = random.Random(1)
    words = [0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000, 0x4B800000]
    words += [1 << bit for bit in range(32)] + [rng.getrandbits(32) for _ in range(10_000)]
    array = np.array([word for word in words if word & 0x7F800000 != 0x7F800000], np.uint32)
    assert len(array) > 9_900
    values = output_of(Spec("scores", "float32", array.shape), array)
    back = np.array([read_as_the_sdk(**each) for each in values], np.float32).view(np.uint32)
    assert (back == array).all()
    assert all(-(2**127) <= int(each["value"]) < 2**127 for each in values)


def test_fixed_point_comes_back_through_the_contract(evm):
    rng = random.Random(2)
    words = [word for word in (rng.getrandbits(32) for _ in range(300)) if word & 0x7F800000 != 0x7F800000]
    words += [0, 0x80000000, 1, 0x80000001, 0x7F7FFFFF]
    pairs = [fixed_point(float(np.uint32(word).view(np.float32))) for word in words]
    assert evm.deploy("FixedPointHarness").toFloat32(pairs) == words


def test_integers_and_truths_are_themselves():
    whole = output_of(Spec("n", "int64", (3,)), np.array([5, 2**32 - 1, 2**31], np.uint32))
    assert [each["value"] for each in whole] == ["5", "-1", str(-(2**31))]
    truths = output_of(Spec("b", "bool", (2,)), np.array([1, 0], np.uint32))
    assert [each["value"] for each in truths] == ["1", "0"]


@pytest.mark.parametrize("word", [0x7F800000, 0xFF800000, 0x7FC00000])
def test_numbers_that_are_not_finite_are_refused(word):
    with pytest.raises(BadInput, match="'scores' holds NaN or infinity"):
        output_of(Spec("scores", "float32", (1,)), np.array([word], np.uint32))


# ------------------------------------------------------------------ over HTTP


@pytest.fixture
def asked(stage, host, user, version, picture):
    """A host, and a request to it that waits."""
    made = host()
    request_id, _ = actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 60)
    return made, "0x" + request_id.hex()


def get(host, name):
    return TestClient(create_app(host.node), raise_server_exceptions=False).get(PATH + name)


def scores_of(reply):
    result = json.loads(base64.b64decode(reply.json()["inference_results"][0]))
    (tensor,) = result["InferenceResult"]["VanillaResult"]["model_output"]["numbers"]
    return np.array([read_as_the_sdk(**each) for each in tensor["values"]], np.float32).reshape(tensor["shape"])


def right_scores(version, picture):
    return np.frombuffer(version.execute(picture())[0], ">f4").reshape(1, 10)


def answered(host):
    host.node.tick()
    host.node.tick()


def test_answer_has_the_words_on_chain(asked, version, picture):
    host, name = asked
    answered(host)
    assert (scores_of(get(host, name)) == right_scores(version, picture)).all()
    assert (scores_of(get(host, name.removeprefix("0x"))) == right_scores(version, picture)).all()


def test_another_node_of_the_same_model_has_it_too(asked, host, version, picture):
    mine, name = asked
    other = host()
    answered(mine)
    other.node.tick()
    assert (scores_of(get(other, name)) == right_scores(version, picture)).all()


def test_node_that_forgot_has_its_own_from_its_log(asked, version, picture):
    host, name = asked
    answered(host)
    host.node.board = Board()
    assert (scores_of(get(host, name)) == right_scores(version, picture)).all()


def test_signed_answers_off_chain_are_nobody_elses(asked, version, digits):
    host, _ = asked
    made = host.node.infer({"version": version.id, "inputs": [digits.picture(0).tolist()]})
    waiting = Waiting(host.node, wait=0.3, grace=0)
    with pytest.raises(UnknownVersion):
        asyncio.run(waiting.answer(bytes.fromhex(made["answer"]["request"][2:])))


def test_answer_that_is_not_finite_is_refused_with_a_reason(stage, host, user, version, picture):
    """A liar's, whose wrong bit makes it infinite."""
    liar = host(executor=LyingExecutor(2, 5))
    request_id, _ = actions.request(user, version.id, liar.address, picture(), OPG, stage.chain.now() + 60)
    answered(liar)
    reply = get(liar, request_id.hex())
    assert not np.isfinite(np.frombuffer(liar.node.board.get(request_id).outputs[0], ">f4")).all()
    assert (reply.status_code, reply.json()["kind"]) == (422, "BadInput")


@pytest.mark.parametrize("name", ["x", "0x12", "0" * 63, "é" * 64])
def test_what_is_no_id_is_refused(host, name):
    assert get(host(), name).status_code == 400


def test_unknown_requests_are_not_waited_for_long(stage, host):
    with pytest.raises(UnknownVersion, match="no such request"):
        asyncio.run(Waiting(host().node, wait=60, grace=0.1).answer(REQUEST))


def test_request_that_nobody_answers_ends_the_wait(asked):
    host, name = asked
    with pytest.raises(NotAnsweredYet):
        asyncio.run(Waiting(host.node, wait=0.3, grace=0.1).answer(bytes.fromhex(name[2:])))


def test_reply_waits_for_the_answer(asked):
    host, name = asked

    async def story():
        asking = asyncio.create_task(Waiting(host.node, wait=120, grace=0.1).answer(bytes.fromhex(name[2:])))
        await asyncio.sleep(0.3)
        assert not asking.done()
        await asyncio.to_thread(answered, host)
        return await asking

    assert asyncio.run(story()).outputs


def test_node_that_stops_lets_nobody_wait(asked):
    host, name = asked
    host.node.drain()
    with pytest.raises(Busy, match="about to stop"):
        asyncio.run(Waiting(host.node, wait=20).answer(bytes.fromhex(name[2:])))


def test_no_more_wait_than_there_is_room_for():
    node = SimpleNamespace(board=Board(), store=SimpleNamespace(answer_to=lambda _: None))
    waiting = Waiting(node)
    waiting.count = MAX_WAITING
    with pytest.raises(Busy):
        asyncio.run(waiting.answer(REQUEST))


def test_board_keeps_the_newest_that_fit():
    board = Board(max_bytes=100)
    for number in range(5):
        board.show(bytes([number]), OnChain(1, b"", (bytes(40),)))
    assert [board.get(bytes([number])) is not None for number in range(5)] == [False, False, False, True, True]
    board.show(bytes([3]), OnChain(1, b"new", (bytes(60),)))
    assert board.get(bytes([3])).digest == b"new"
    assert board.get(bytes([4])) is not None
