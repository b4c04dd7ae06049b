"""The `opengradient` SDK as it is published, in an environment of its own: asked through the facade, answered by a node, disputable."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import requests
from web3.logs import DISCARD

from opg import actions, facade
from opg.chain.deploying import LOCAL, OPG
from opg.chain.events import find_events
from opg.storage import file_cid
from opg.tensor import unpack
from opg.versions import load_version
from opg.watchtower import Watchtower
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS, Digits, Stage
from tests.stage import make_host

DEPOSIT, PRICE = 10 * OPG, OPG  # `make_host` offers for one OPG
SDK_VERSION = "1.1.4"
SECONDS = 300
TX = "/artela-network/artela-rollkit/inference/tx/"

ASK = """
import importlib.metadata, json, os, sys
import numpy as np
import opengradient as og
rpc, facade, api, cid, mode, pixels = json.loads(sys.argv[1])
alpha = og.Alpha(private_key=os.environ["SDK_KEY"], rpc_url=rpc, inference_contract_address=facade, api_url=api)
told = {"version": importlib.metadata.version("opengradient"), "answers": []}
try:
    for each in pixels:
        result = alpha.infer(cid, og.InferenceMode[mode], {"image": np.array(each, np.float32).reshape(1, 64)})
        (scores,) = result.model_output.values()
        told["answers"].append({"hash": result.transaction_hash, "shape": scores.shape, "scores": [float(s) for s in scores.ravel()]})
except Exception as problem:
    told["problem"] = f"{type(problem).__name__}: {problem}"
print(json.dumps(told))
"""


class World:
    """The digits model published under its real content identifier, somebody with a deposit, and the SDK."""

    def __init__(self, local, python, folder) -> None:
        self.stage = Stage(local, replace(LOCAL, min_response_seconds=60))  # a busy machine is no late operator
        self.chain, self.python, self.folder = self.stage.chain, python, folder
        self.owner, self.user = self.stage.person(), self.stage.person(opg=100)
        self.cid = str(file_cid(DIGITS))
        model = actions.register_model(self.owner, "digits", 1_000)
        self.stage.version_id = actions.publish(self.owner, model, self.stage.compiled, self.cid)
        self.version = load_version(self.chain, self.stage.version_id, DIGITS)
        facade.deposit(self.user, DEPOSIT, PRICE)

    @contextmanager
    def serving(self, executor=None):
        """A staked operator's node over HTTP, with its background work; the model's owner lists it."""
        host = make_host(self.stage, self.folder / "node.sqlite", executor=executor, poll_seconds=0.2)
        facade.open_to_sdk(self.owner, self.version.id, self.stage.compiled, [host.address])
        stop = threading.Event()
        worker = threading.Thread(target=host.node.run, args=(stop,))
        worker.start()
        try:
            with host.serving():
                yield host
        finally:
            stop.set()
            worker.join()
            host.node.store.close()

    def sdk(self, host, *numbers, cid="", mode="VANILLA"):
        """What the SDK tells about these pictures."""
        pixels = [Digits.load().picture(number).ravel().tolist() for number in numbers]
        at = self.chain.deployment.address("OpenGradientFacade")
        asked = json.dumps([self.chain.url, at, host.url, cid or self.cid, mode, pixels])
        env = {"PATH": os.environ["PATH"], "SDK_KEY": self.user.account.key.hex()}
        done = subprocess.run(
            [self.python, "-c", ASK, asked], capture_output=True, text=True, timeout=SECONDS, env=env, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["version"] == SDK_VERSION
        return told

    def right(self, number):
        """The words of the right scores."""
        return unpack(self.version.execute(self.version.parse_inputs([Digits.load().picture(number).tolist()]))[0])

    def read(self, contract, function, *arguments):
        return self.chain.read(contract, function, *arguments)

    def request_of(self, answer):
        """Id and terms of the request that the SDK's transaction made."""
        receipt = self.chain.w3.eth.get_transaction_receipt(answer["hash"])
        (made,) = self.chain.contract("Inference").events.Requested().process_receipt(receipt, errors=DISCARD)
        return bytes(made["args"]["requestId"]), made["args"]["request"]


@pytest.fixture
def world(local, clients_python, tmp_path):
    return World(local, clients_python, tmp_path)


def words(answer):
    return np.array(answer["scores"], np.float32).view(np.uint32)


def test_unmodified_sdk_reads_digits_and_its_user_pays(world):
    pictures = range(3)
    with world.serving() as host:
        told = world.sdk(host, *pictures)
        assert "problem" not in told, told["problem"]
        for number, answer in zip(pictures, told["answers"], strict=True):
            assert (words(answer) == world.right(number)).all()
            assert answer["shape"] == [1, 10]
            assert int(np.argmax(answer["scores"])) == Digits.load().labels[number]
        assert facade.available(world.chain, world.user.address) == DEPOSIT - 3 * PRICE
        world.stage.local.advance(LOCAL.window_seconds + 1)
        share = PRICE - PRICE // 10 - PRICE * LOCAL.protocol_fee_bps // 10_000
        until = time.monotonic() + SECONDS
        while world.read("Inference", "incomeOf", host.address) < 3 * share and time.monotonic() < until:
            time.sleep(0.2)
        assert world.read("Inference", "incomeOf", host.address) == 3 * share
    assert facade.withdraw(world.user) == DEPOSIT - 3 * PRICE
    assert world.stage.balance(world.user.address) == 100 * OPG - 3 * PRICE


def test_liars_answer_through_the_facade_loses_and_the_fee_comes_back(world):
    lie = LyingExecutor(len(world.version.program.encoded) - 1, 3, bit=10)
    with world.serving(lie) as host:
        (answer,) = world.sdk(host, 5)["answers"]
        assert (words(answer) != world.right(5)).sum() == 1
        request_id, terms = world.request_of(answer)
        tower = Watchtower(world.chain, world.stage.person(opg=100), [DIGITS], world.folder / "tower.sqlite")
        until = time.monotonic() + SECONDS
        digest = host.node.board.get(request_id).digest
        while not world.read("Inference", "answerState", digest)[2] and time.monotonic() < until:
            tower.tick()
            time.sleep(0.05)
        assert world.read("Inference", "answerState", digest)[2], "the liar was not judged in time"
        world.stage.local.advance(1)
        world.stage.bank.send("Inference", "refund", terms)
        assert facade.available(world.chain, world.user.address) == DEPOSIT
        assert world.read("Staking", "creditOf", tower.sender.address) == LOCAL.penalty // 2
        assert requests.get(host.url + TX + request_id.hex(), timeout=60).status_code == 410
        assert find_events(world.chain, [("Inference", "Refunded")], request_id)
    assert facade.withdraw(world.user) == DEPOSIT


def test_sdk_tells_its_user_that_a_question_was_refused(world):
    with world.serving() as host:
        for refused in (world.sdk(host, 0, cid="bafyunknown"), world.sdk(host, 0, mode="TEE")):
            assert refused["answers"] == []
            assert "revert reason: 0x" in refused["problem"]
    assert facade.available(world.chain, world.user.address) == DEPOSIT
