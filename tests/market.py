"""The contracts around on-chain answers, ready for use, and what an honest participant computes itself.

market = Market(evm)
req = market.ask()                        # alice asks bob; the terms that the contract wrote down
digest = market.fulfil(req)
market.after_window()
market.inference.finalise(req, [OUTPUT], sender=alice)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_account import Account

from opg.chain.structs import Answer
from opg.chain.typed import answer_digest
from opg.tensor import commitment
from opg.tensor.commitment import ListTree
from tests.evm import Contract, Evm, Receipt, account

OPG = 10**18
HOUR = 3600
DAY = 24 * HOUR
NOBODY = "0x" + "00" * 20
NO_EVIDENCE = (NOBODY, b"", 0, 0, [])
OPTIMISTIC = 0
OBLIGATION = b"\1" * 32  # what a module locks stake for, when no test asks

MIN_STAKE = 1_000 * OPG
STAKE = 10_000 * OPG
THAWING_SECONDS = 7 * DAY
JAIL_SECONDS = DAY
BURN_BPS = 5_000
WINDOW_SECONDS = DAY
MIN_RESPONSE_SECONDS = 60
MAX_RESPONSE_SECONDS = HOUR
COLLATERAL = 100 * OPG
MAX_CALLBACK_GAS = 1_000_000
PROTOCOL_FEE_BPS = 200
OWNER_FEE_BPS = 1_000
PRICE = 3 * OPG

INPUT_WORDS, OUTPUT_WORDS = 64, 10
INPUT = b"".join((0x3F800000 + 7919 * i).to_bytes(4, "big") for i in range(INPUT_WORDS))
OUTPUT = b"".join((0x3E000000 + 104729 * (i * 7 % 10)).to_bytes(4, "big") for i in range(OUTPUT_WORDS))
OTHER_OUTPUT = OUTPUT[::-1]


def list_root(leaves: list[bytes]) -> bytes:
    """Root of a list tree."""
    return ListTree(leaves).root


def list_path(leaves: list[bytes], index: int) -> list[bytes]:
    """The siblings of one leaf, bottom-up."""
    return ListTree(leaves).path(index)


def bundle(tensors: Sequence[bytes]) -> bytes:
    """Commitment to the inputs, or the outputs, of one answer; packed big-endian words."""
    return commitment.bundle([commitment.unpack(words) for words in tensors])


def header(input_words: list[int], salt: int = 1) -> dict:
    """The header of a program; no test here looks behind its roots."""
    return {
        "inputWords": input_words,
        "constantCount": 0,
        "opCount": 5,
        "constantsRoot": bytes(32),
        "opsRoot": salt.to_bytes(32, "big"),
        "outputs": [4],
    }


def deploy_guardian(evm: Evm) -> Contract:
    """The emergency brake: account 0 speaks for the votes, account 9 is the guardian."""
    return evm.deploy("Guardian", account(0), account(9), 7 * DAY, 30 * DAY)


def deploy_staking(evm: Evm, token: Contract, guardian: Contract | None = None, **changes: int) -> Contract:
    """`Staking` with this file's parameters, but for those that are named."""
    guardian = guardian or deploy_guardian(evm)
    params = {"min_stake": MIN_STAKE, "thawing_seconds": THAWING_SECONDS, "burn_bps": BURN_BPS} | changes
    return evm.deploy("Staking", token, account(0), guardian, *params.values())


class Market:
    """bob is an operator with frank as his serving key, alice a user, charlie owns the model, erin is the
    treasury; dave plays the module that judges disputes (`Disputes` has tests of its own)."""

    def __init__(self, evm: Evm, **params: Any):
        self.evm = evm
        self.admin, self.alice, self.bob, self.charlie, self.dave, self.erin, self.frank = map(account, range(7))
        self.token = evm.deploy("OPG", self.admin)
        self.models = evm.deploy("Models")
        self.guardian = deploy_guardian(evm)
        self.staking = deploy_staking(evm, self.token, self.guardian)
        self.inference = self.deploy_inference(**params)
        for role, holder, where in [
            ("LOCKER_ROLE", self.inference, self.staking),
            ("SLASHER_ROLE", self.inference, self.staking),
            ("SLASHER_ROLE", self.dave, self.staking),
            ("DISPUTER_ROLE", self.dave, self.inference),
        ]:
            where.grantRole(getattr(where, role)(), holder, sender=self.admin)
        for who in (self.alice, self.bob, self.dave):
            self.token.transfer(who, 1_000_000 * OPG, sender=self.admin)
            self.token.approve(self.staking, 2**256 - 1, sender=who)
            self.token.approve(self.inference, 2**256 - 1, sender=who)
        self.model = self.models.register("digits", OWNER_FEE_BPS, sender=self.charlie).value
        self.version = self.publish([INPUT_WORDS])
        self.staking.register(self.frank, "https://bob.example", sender=self.bob)
        self.staking.stake(STAKE, sender=self.bob)
        self.inference.offer(self.version, PRICE, sender=self.bob)

    def deploy_inference(self, **changes: Any) -> Contract:
        """`Inference` with this file's parameters, but for those that are named."""
        params = {
            "windowSeconds": WINDOW_SECONDS,
            "minResponseSeconds": MIN_RESPONSE_SECONDS,
            "maxResponseSeconds": MAX_RESPONSE_SECONDS,
            "collateral": COLLATERAL,
            "maxCallbackGas": MAX_CALLBACK_GAS,
            "protocolFeeBps": PROTOCOL_FEE_BPS,
            "treasury": self.erin,
        } | changes
        return self.evm.deploy("Inference", self.token, self.models, self.staking, self.admin, self.guardian, params)

    def publish(self, input_words: list[int], modes: int = 1) -> int:
        """A version of charlie's model."""
        return self.models.publish(
            self.model, header(input_words), b"\1" * 32, "cid", "", modes, sender=self.charlie
        ).value

    def ask_receipt(self, sender: Any = None, **changes: Any) -> Receipt:
        """alice's request, but for what is named."""
        args = {
            "version": self.version,
            "operator": self.bob,
            "inputs": [INPUT],
            "mode": OPTIMISTIC,
            "fee": PRICE,
            "deadline": self.evm.now + 600,
            "callback": NOBODY,
            "callback_gas": 0,
        } | changes
        return self.inference.request(*args.values(), sender=sender or self.alice)

    def ask(self, sender: Any = None, **changes: Any) -> Any:
        """Asks; the request's terms as the contract published them."""
        return self.ask_receipt(sender, **changes).event("Requested").request

    def fulfil(self, req: Any, outputs: list[bytes] | None = None) -> bytes:
        """bob's node answers; the answer's hash."""
        return self.inference.fulfil(req, outputs or [OUTPUT], sender=self.frank).value

    def out_of_jail(self) -> None:
        """Lets bob, who was slashed, take on requests again."""
        self.evm.sleep(JAIL_SECONDS)
        self.staking.rehabilitate(sender=self.bob)

    def after_window(self) -> None:
        """Lets the dispute window of everything recorded so far pass."""
        self.evm.sleep(WINDOW_SECONDS + 1)

    def answer(self, **changes: Any) -> dict:
        """An answer of bob's, issued now, but for what is named."""
        return {
            "request": b"\7" * 32,
            "version": self.version,
            "input": bundle([INPUT]),
            "output": bundle([OUTPUT]),
            "operator": self.bob.address,
            "issuedAt": self.evm.now,
        } | changes

    def digest(self, answer: dict) -> bytes:
        """EIP-712 digest of an answer, computed without the contract."""
        chain_id = self.inference.eip712Domain().chainId  # the in-process chain has one of its own
        return answer_digest(Answer(*answer.values()), chain_id, self.inference.address)

    def signed(self, answer: dict, key: Any = None, named: Any = None) -> tuple:
        """Evidence: the answer under `key`'s signature, said to be of key `named`."""
        key = key or self.frank
        signature = Account.unsafe_sign_hash(self.digest(answer), key.key).signature
        return (named or key, bytes(signature), 0, 0, [])

    def committed(self, answers: list[dict], index: int, **changes: Any) -> tuple:
        """Posts a batch of these answers; evidence for one of them."""
        leaves = [self.digest(each) for each in answers]
        args = {
            "operator": self.bob,
            "root": list_root(leaves),
            "count": len(leaves),
            "cid": "cid",
        } | changes
        batch_id = self.inference.commit(*args.values(), sender=self.frank).value
        return (NOBODY, b"", batch_id, index, list_path(leaves, index))

    def surface(self, answer: dict | None = None, evidence: tuple | None = None, **changes: Any) -> bytes:
        """Puts an answer of bob's on chain; its hash."""
        answer = answer or self.answer()
        args = {"inputs": [INPUT], "outputs": [OUTPUT]} | changes
        return self.inference.surface(
            answer, evidence or self.signed(answer), args["inputs"], args["outputs"], sender=self.dave
        ).value

    def refute(self, digest: bytes) -> None:
        """A game of one second, which ends with the answer wrong."""
        self.inference.contest(digest, sender=self.dave)
        self.evm.sleep(1)
        self.inference.refute(digest, sender=self.dave)
