"""A customer as a process: asks the market one picture after another, some of them on chain, until it is told to stop.

    python -m tests.customer --data FOLDER --seed 1 --audit 0.5 --pause 0.2 --on-chain 0.1

Its receipts are in FOLDER, its on-chain requests in FOLDER/requests.jsonl.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
from pathlib import Path

from opg import actions
from opg.chain.deploying import OPG
from opg.errors import NoOperator, OPGError
from opg.log import say
from opg.market import Market, Terms
from opg.versions import LoadedVersion, load_version
from scripts.stage import DIGITS, Digits

VERSION = 1
ANSWER_SECONDS = 600
RECOVER_TRIES = 60


class Customer:
    """`market` asks for it; what it does is drawn with `seed`."""

    def __init__(self, market: Market, version: LoadedVersion, terms: Terms, seed: int, on_chain: float) -> None:
        self.market, self.version, self.terms, self.on_chain = market, version, terms, on_chain
        self.draw = random.Random(seed)
        self.digits = Digits.load()

    def deal(self) -> None:
        """Asks once. That nobody answers is a customer's life."""
        tensors = self.version.parse_inputs([self.digits.picture(self.draw.randrange(len(self.digits.images)))])
        try:
            if self.draw.random() < self.on_chain:
                self._request(tensors)
            else:
                self.market.infer_words(VERSION, tensors, self.terms, self.version)
        except NoOperator as problem:
            say("nobody", why=str(problem))

    def recover(self) -> bool:
        """Fetches what was lost on the way; whether nothing is left that could still come."""
        client = self.market.client
        waiting = {sent["operator"] for _, sent in client.book.sent()}
        for operator in waiting:
            try:
                _, endpoint = self.market.chain.read("Staking", "operatorInfo", operator)
                client.recover(operator, endpoint)
            except OPGError as problem:
                say("cannot recover", operator=operator, why=str(problem))
                return False
        return True

    def _request(self, tensors: tuple[bytes, ...]) -> None:
        candidates = self.market.candidates(VERSION, self.terms)
        if not candidates:
            return
        operator = self.draw.choice(candidates).operator
        deadline = self.market.chain.now() + ANSWER_SECONDS
        try:
            request_id, request = actions.request(self.market.sender, VERSION, operator, tensors, OPG, deadline)
        except OPGError as problem:  # it was slashed just now, or all its stake is behind other requests
            say("not requested", why=str(problem))
            return
        line = {"id": request_id.hex(), "request": request.json(), "inputs": [each.hex() for each in tensors]}
        with open(self.market.folder / "requests.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    for name in ("audit", "pause", "on-chain"):
        parser.add_argument(f"--{name}", type=float, required=True)
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    given.data.mkdir(parents=True, exist_ok=True)
    with Market.from_environment(given.data) as market:
        version = load_version(market.chain, VERSION, DIGITS)
        terms = Terms(OPG, deposit=OPG, audit=given.audit)
        customer = Customer(market, version, terms, given.seed, given.on_chain)
        say("trading")
        while not stop.is_set():
            customer.deal()
            stop.wait(customer.draw.uniform(0, 2 * given.pause))
        for _ in range(RECOVER_TRIES):
            if customer.recover():
                say("done")
                return 0
            threading.Event().wait(1)
    return 1


if __name__ == "__main__":
    sys.exit(main())
