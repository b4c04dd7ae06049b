"""Two receipts of one operator that say different things about one question: its stake, without a game."""

from __future__ import annotations

import time

from opg.answers import SignedAnswer
from opg.chain.events import emitted
from opg.chain.sender import Sender
from opg.errors import NothingToDispute, TransactionRefused
from opg.log import say

PROVE_GAS = 600_000  # three times what it takes
TWO_SECONDS = 2.0


class Equivocation:
    """One proof: announced, and given in a later second. Nothing is remembered here that cannot be read from the chain again.

    Raises `NothingToDispute` for two answers that may both be right.
    """

    def __init__(self, sender: Sender, one: SignedAnswer, other: SignedAnswer) -> None:
        questions = [(each.answer.operator, each.answer.version, each.answer.input) for each in (one, other)]
        if questions[0] != questions[1]:
            raise NothingToDispute(
                "the answers are not of one operator to one version and input",
                "dispute the wrong one: opg dispute RECEIPT",
            )
        if one.answer.output == other.answer.output:
            raise NothingToDispute("both answers say the same", "there is nothing to win")
        self.sender, self.one, self.other = sender, one, other
        self._announced_since: float | None = None  # as far as is known here

    def step(self) -> bool:
        """Does what is to do now. True: the proof is given. Raises `TransactionRefused`, `BadAnswer` for a signature that the key did not make."""
        chain, me = self.sender.chain, self.sender.address
        seal = bytes(chain.read("Equivocations", "sealOf", me, self.one.digest, self.other.digest))
        announced = int(chain.read("Equivocations", "announcedAt", seal))
        if not announced:
            for each in (self.one, self.other):
                each.check_signature(chain)
            self.sender.send("Equivocations", "announce", seal)
            say("announced a proof", operator=self.one.answer.operator, seal=seal)
            return False
        self._announced_since = self._announced_since or time.monotonic()
        halves = [part for each in (self.one, self.other) for part in (each.answer.abi(), each.evidence.abi())]
        try:
            sent = self.sender.send("Equivocations", "prove", *halves)
        except TransactionRefused as problem:
            if problem.name != "NotAnnounced":
                raise
            # The node tries it in the second of its newest block, which is the announcement's. Whatever the chain's clock shows, the next block is later by now.
            if time.monotonic() < self._announced_since + TWO_SECONDS:
                return False
            sent = self.sender.send("Equivocations", "prove", *halves, gas=PROVE_GAS)
        for args in emitted(chain, sent, "Equivocations", "Equivocated"):
            say(
                "proved two answers to one question",
                operator=args["operator"],
                slashed=args["slashed"],
                bounty=args["bounty"],
            )
        return True
