"""What tests of the watchtower do: asking on chain, and letting everybody do what there is to do."""

from __future__ import annotations

from opg import actions
from opg.chain.deploying import OPG
from opg.games import read_game

ROUNDS = 12


def play(tower, *hosts, rounds=ROUNDS):
    """Everybody does what there is to do, in turns."""
    for _ in range(rounds):
        for host in hosts:
            host.node.tick()
        tower.tick()
        report = tower.report()
        if report["audited"] and not report["waiting"] + report["playing"]:
            return


def game_of(tower, digest):
    chain = tower.chain
    return read_game(chain, bytes(chain.read("Disputes", "gameIdOf", digest, tower.sender.address)))


def ask_on_chain(stage, user, host, picture):
    deadline = stage.chain.now() + 100
    request_id, terms = actions.request(user, stage.version_id, host.address, picture, OPG, deadline)
    host.node.tick()
    host.node.tick()
    return terms, host.node.store.answer_to(request_id)


def refuted(stage, digest):
    return stage.chain.read("Inference", "answerState", digest)[2]


def stakes(stage, host):
    return stage.chain.read("Staking", "stakeOf", host.address)[0]
