"""The same life of a request that the demo shows, through Brownie: deployed, asked, answered, paid; and a lie, judged."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from opg.chain import Answer, Chain
from opg.chain.deploying import LOCAL, OPG, SUPPLY
from opg.challenge import is_right
from opg.deploy import Network, deploy, plan_of
from opg.game import ChallengerMind, Game, OperatorMind, Phase, Revealed
from opg.tensor import pack, trace
from opg.versions import bundle, compile_file, load_version
from scripts.liar import LyingExecutor
from scripts.stage import BINDINGS, DIGITS, Digits

LIE_OP, LIE_ELEMENT = 2, 5
FEE = OPG


@pytest.fixture
def world(contracts, local):
    """Everything deployed by the script, the digits model published, an operator staked."""
    from brownie import accounts

    guardian, holder, treasury, owner, operator, user, challenger = accounts[:7]
    network = Network("brownie", local.chain.id, guardian.address, {holder.address: SUPPLY}, treasury.address, LOCAL)
    deployment = deploy(local.chain, local.account(), plan_of(network))
    at = {name: getattr(contracts, name).at(address) for name, address in deployment.addresses.items()}
    w = SimpleNamespace(**{name.lower(): contract for name, contract in at.items()}, deployment=deployment, local=local)
    w.treasury, w.owner, w.operator, w.user, w.challenger = treasury, owner, operator, user, challenger
    for person in (operator, user, challenger):
        w.opg.transfer(person, 2_000 * OPG, {"from": holder})
    for person, contract in ((operator, w.staking), (user, w.inference), (challenger, w.disputes)):
        w.opg.approve(contract, 2_000 * OPG, {"from": person})

    w.compiled = compile_file(DIGITS, BINDINGS)
    w.models.register("digits", 1_000, {"from": owner})
    header, hashed = w.compiled.program.header, w.compiled.artifact_hash
    w.models.publish(1, header, hashed, DIGITS.name, w.compiled.bindings, 1, {"from": owner})
    w.staking.register(operator, "http://localhost", {"from": operator})
    w.staking.stake(1_400 * OPG, {"from": operator})
    w.inference.offer(1, FEE, {"from": operator})
    w.input = w.compiled.inputs[0].to_words(Digits.load().picture(0))
    w.trace = trace(w.compiled.program, [w.input])
    return w


def ask(w):
    """The terms of a request, as the chain wrote them down."""
    deadline = w.local.chain.now() + 300
    nobody = "0x" + "00" * 20
    asked = w.inference.request(1, w.operator, [pack(w.input)], 0, FEE, deadline, nobody, 0, {"from": w.user})
    return asked.events["Requested"]["request"]


def answer(w, terms, computed):
    """The answer that came of these outputs."""
    done = w.inference.fulfil(terms, [pack(words) for words in computed.outputs], {"from": w.operator})
    return Answer.of(done.events["Fulfilled"]["answer"]), done.events["Fulfilled"]["answerHash"]


def test_version_on_chain_is_what_its_file_compiles_to(world):
    chain = Chain(world.local.url, world.deployment)
    assert load_version(chain, 1, DIGITS).program.root == world.compiled.program.root


def test_honest_answer_is_paid_in_full(world):
    terms = ask(world)
    given, digest = answer(world, terms, world.trace)
    assert given.output == bundle(tuple(pack(words) for words in world.trace.outputs))
    assert not world.inference.isFinal(digest)
    world.local.advance(LOCAL.window_seconds + 1)
    assert world.inference.isFinal(digest)
    outputs = [pack(words) for words in world.trace.outputs]
    world.inference.finalise(terms, outputs, {"from": world.user})
    shares = {who: world.inference.creditOf(who) for who in (world.owner, world.treasury)}
    assert list(shares.values()) == [FEE // 10, FEE * 3 // 100]
    world.inference.payIncome(world.operator, {"from": world.user})
    world.staking.withdrawCredit(world.operator, {"from": world.operator})
    assert world.opg.balanceOf(world.staking) == world.staking.stakeOf(world.operator)[0]
    assert world.opg.balanceOf(world.inference) == shares[world.owner] + shares[world.treasury]


def test_missed_deadline_is_refunded_and_costs_the_operator(world):
    terms = ask(world)
    world.local.advance(301)
    world.inference.expire(terms, {"from": world.user})
    assert world.inference.creditOf(world.user) == FEE
    assert world.staking.creditOf(world.user) == LOCAL.collateral // 2
    assert world.staking.stakeOf(world.operator)[0] == 1_400 * OPG - LOCAL.collateral


def test_lie_of_one_bit_is_judged(world):
    """Every move by the same minds that the node and the watchtower play with."""
    w = world
    lying = LyingExecutor(LIE_OP, LIE_ELEMENT).trace(w.compiled.program, [w.input])
    terms = ask(w)
    given, _ = answer(w, terms, lying)
    version = load_version(Chain(w.local.url, w.deployment), 1, DIGITS)
    assert not is_right(version, given, (pack(w.input),))

    nothing = ("0x" + "00" * 20, b"", 0, 0, [])
    opened = w.disputes.open(given.abi(), nothing, {"from": w.challenger})
    game_id = opened.events["Opened"]["gameId"]
    levels, chunk = [], None
    operator, challenger = OperatorMind(lying), ChallengerMind(w.trace)
    while True:
        game = Game.of([bytes(v) if isinstance(v, bytes) else v for v in w.disputes.game(game_id)])
        if game.phase.is_over:
            break
        if game.phase.waits_for_operator:
            move, person = operator.move(game), w.operator
        else:
            move, person = challenger.move(game, Revealed(levels, chunk)), w.challenger
        sent = getattr(w.disputes, move.verb)(*move.arguments(bytes(game_id), given.abi()), {"from": person})
        for name in ("TraceRevealed", "NodesRevealed"):
            if name in sent.events:
                levels.append([bytes(node) for node in sent.events[name]["children"]])
        if "ChunkRevealed" in sent.events:
            chunk = bytes(sent.events["ChunkRevealed"]["chunk"])

    assert game.phase == Phase.CHALLENGER_WON
    proven = sent.events["Proven"]
    assert (proven["opIndex"], proven["element"]) == (LIE_OP, LIE_ELEMENT)
    assert proven["claimed"] == int(lying.results[LIE_OP][LIE_ELEMENT])
    assert proven["right"] == int(w.trace.results[LIE_OP][LIE_ELEMENT])
    assert bin(proven["claimed"] ^ proven["right"]).count("1") == 1
    assert w.staking.creditOf(w.challenger) == LOCAL.penalty // 2
    w.staking.burnSlashed({"from": w.user})
    assert w.opg.totalSupply() == 10**9 * OPG - LOCAL.penalty // 2
    w.local.advance(1)  # no request ends in the second of its answer
    w.inference.refund(terms, {"from": w.user})
    assert w.inference.creditOf(w.user) == FEE
    assert np.any(lying.outputs[0] != w.trace.outputs[0])
