"""Sending what a plan says, once, whatever happens in between.

Every task can tell from the chain whether it is done, and Genesis runs each step only once. So a run begins by looking,
and sends only what is missing. What may be under way when a run was killed is in the journal, and is sent again with the same
nonce, never a second time with another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.exceptions import TransactionNotFound, Web3RPCError

from opg.chain.artifacts import decode_error
from opg.chain.connection import Chain
from opg.chain.deployment import Deployment
from opg.deploy.history import history
from opg.deploy.journal import Attempt, Journal
from opg.deploy.plan import GENESIS, Plan
from opg.deploy.proxy import PROXY, PROXY_CODE, PROXY_GAS, PROXY_PRICE, PROXY_SENDER, PROXY_TRANSACTION
from opg.errors import DeploymentStuck, TransactionRefused, Underfunded
from opg.words import ether

MAX_GAS = 16_777_216  # EIP-7825
GAS_MARGIN = 1.35  # what is refunded in the end, a fifth at most, has to be there meanwhile
TRANSFER_GAS = 21_000
TIP_WEI = 10**9
POLL_SECONDS = 0.05
POLL_SECONDS_LATER = 1.0
RAISE_AFTER_SECONDS = 45
TIMEOUT_SECONDS = 600
DONE_AFTER_POLLS = 5
LOST_AFTER_SECONDS = 15
L1_FEE_ORACLE = "0x420000000000000000000000000000000000000F"  # of OP-stack chains, which charge for data apart

Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """One transaction, and how to see on chain that it has happened. `raw` when it is signed already."""

    label: str
    to: str
    data: bytes
    done: Callable[[], bool]
    value: int = 0
    raw: bytes = b""


@dataclass(frozen=True)
class Cost:
    """Gas and wei of one transaction; `at_most` is what has to be there before it is sent."""

    label: str
    gas: int
    wei: int
    at_most: int


class Runner:
    """Brings a plan onto a chain. `gas` is by label, from a rehearsal; without it the node estimates."""

    def __init__(
        self,
        chain: Chain,
        account: LocalAccount,
        plan: Plan,
        journal: Path | None = None,
        gas: Mapping[str, int] | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.chain, self.account, self.plan = chain, account, plan
        self.gas, self.say = gas or {}, say
        self.used: dict[str, int] = {}
        self.eth = chain.w3.eth
        self._journal = Journal(journal, f"{chain.id} {bytes(chain.block(0)['hash']).hex()}")

    # ------------------------------------------------------------------ what is to do

    def tasks(self) -> list[Task]:
        """Everything, in order, also what is done."""
        genesis = self.plan.addresses[GENESIS]
        missing = max(0, PROXY_PRICE - self._balance(PROXY_SENDER))
        made = [
            Task("fund the CREATE2 proxy's sender", PROXY_SENDER, b"", self._proxy_funded, missing),
            Task("deploy the CREATE2 proxy", "", b"", self._proxy_there, raw=PROXY_TRANSACTION),
            Task(f"create {GENESIS}", PROXY, self.plan.salt + self.plan.genesis_code, lambda: self._has_code(genesis)),
        ]
        for number, (step, data) in enumerate(zip(self.plan.steps, self.plan.calls, strict=True)):
            made.append(Task(step.label, genesis, data, lambda n=number: self._ran() > n))
        return made

    def pending(self) -> list[Task]:
        """What is not done yet."""
        return [task for task in self.tasks() if not task.done()]

    def costs(self) -> list[Cost]:
        """What the pending tasks cost at present prices. Needs the gas of a rehearsal."""
        tip, cap = self._fees()
        price = min(cap, self._base_fee() + tip)
        rows = []
        for task in self.pending():
            if task.raw:
                rows.append(Cost(task.label, PROXY_GAS, 0, 0))  # its sender pays, with what it was given
                continue
            gas = TRANSFER_GAS if not task.data else self.gas[task.label]
            fee = self._data_fee(task.data)
            rows.append(
                Cost(task.label, gas, gas * price + fee + task.value, self._limit(gas) * cap + 2 * fee + task.value)
            )
        return rows

    def check_funds(self) -> None:
        """Raises `Underfunded` when the account cannot pay for all of it."""
        needed = sum(cost.at_most for cost in self.costs())
        if (there := self._balance(self.account.address)) < needed:
            raise Underfunded(
                f"the deployer {self.account.address} has {ether(there)}; "
                f"the whole deployment may take {ether(needed)}",
                f"send {ether(needed - there)} to it on chain {self.chain.id}",
            )

    # ------------------------------------------------------------------ doing it

    def run(self, confirmations: int = 1) -> Deployment:
        """Does what is not done, waits for the confirmations, and gives what is there now."""
        with self._journal:
            while pending := self.pending():  # again when a reorganisation took something back
                for task in pending:
                    if not task.done():
                        self._do(task)
                self._confirm(confirmations)
        return self._deployment()

    def hash_of(self, task: str) -> str | None:
        """The transaction that did a task, when it is known here."""
        for attempt in reversed(self._journal.of(task, self.account.address)):
            try:
                if self.chain.rpc(lambda h=attempt.hash: self.eth.get_transaction_receipt(h))["status"] == 1:
                    return attempt.hash
            except TransactionNotFound:
                continue
        return None

    def _deployment(self) -> Deployment:
        past = history(self.chain, self.plan.addresses[GENESIS], len(self.plan.steps))
        record = self.plan.network.record()
        return Deployment(self.chain.id, dict(self.plan.addresses), past.block, record["parameters"], record)

    def _do(self, task: Task) -> None:
        if task.raw:
            self._do_presigned(task)
            return
        try:
            self._see_through(task)
        except TransactionRefused:
            if not task.done():  # else somebody else did it just now, so it can't be done again
                raise

    def _see_through(self, task: Task) -> None:
        """Until it is done. What may be under way already is looked for first."""
        begun = time.monotonic()
        attempts = self._journal.of(task.label, self.account.address)
        if not attempts:
            attempts = [self._attempt(task)]
        elif attempts[-1].nonce >= self._nonce():
            self._broadcast(attempts[-1])
        raised = seen = time.monotonic()
        done = 0
        while not self._included(task, attempts):
            done += task.done()
            if done > DONE_AFTER_POLLS:  # nodes may show what happened before its receipt
                return  # somebody else did it
            now = time.monotonic()
            if now - begun > TIMEOUT_SECONDS:
                raise DeploymentStuck(f"{task.label}: not in a block after {TIMEOUT_SECONDS} seconds", "run it again")
            if not self._is_lost(attempts[-1]):
                seen = now
            if now - seen > LOST_AFTER_SECONDS:
                attempts, raised, seen = [self._attempt(task)], now, now
            elif now - raised > RAISE_AFTER_SECONDS:
                attempts, raised = [*attempts, self._attempt(task, attempts[-1])], now
            time.sleep(POLL_SECONDS if now - begun < 2 else POLL_SECONDS_LATER)

    def _is_lost(self, attempt: Attempt) -> bool:
        """Its nonce went to another transaction of this account, or those before it are gone: it can never come into a block."""
        nonce = self._nonce()
        return nonce > attempt.nonce or (nonce < attempt.nonce and self._nonce("pending") <= attempt.nonce)

    def _do_presigned(self, task: Task) -> None:
        try:
            self.chain.rpc(lambda: self.eth.send_raw_transaction(task.raw))
        except Web3RPCError as problem:
            if not _known(problem):
                raise DeploymentStuck(
                    f"chain {self.chain.id} refuses the transaction that deploys the CREATE2 proxy: {_text(problem)}",
                    "it is from before EIP-155; ask the chain's operators for the proxy at " + PROXY,
                ) from None
        begun = time.monotonic()
        while not task.done():
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                raise DeploymentStuck(f"{task.label}: not in a block after {TIMEOUT_SECONDS} seconds", "run it again")
            time.sleep(POLL_SECONDS)
        self.say(task.label)

    def _attempt(self, task: Task, previous: Attempt | None = None) -> Attempt:
        """Signs, writes down, sends. With a previous one: the same, with the same nonce and a higher price."""
        tip, cap = self._fees()
        if previous is not None:
            nonce = previous.nonce
            tip, cap = max(tip, previous.tip * 5 // 4 + 1), max(cap, previous.max_fee * 5 // 4 + 1)
        else:
            self._await_quiet()
            nonce = self._nonce()
        fields = {"to": task.to, "data": "0x" + task.data.hex(), "value": task.value, "chainId": self.chain.id}
        fields |= {"nonce": nonce, "gas": self._gas(task)}
        if self._base_fee():
            fields |= {"maxFeePerGas": cap, "maxPriorityFeePerGas": min(tip, cap), "type": 2}
        else:
            fields |= {"gasPrice": cap}
        signed = self.account.sign_transaction(fields)
        raw, hashed = "0x" + bytes(signed.raw_transaction).hex(), "0x" + bytes(signed.hash).hex()
        attempt = Attempt(task.label, self.account.address, nonce, hashed, raw, cap, tip)
        self._journal.add(attempt)
        self._broadcast(attempt)
        return attempt

    def _broadcast(self, attempt: Attempt) -> None:
        try:
            self.chain.rpc(lambda: self.eth.send_raw_transaction(bytes.fromhex(attempt.raw[2:])))
        except Web3RPCError as problem:
            text = _text(problem).lower()
            if "insufficient funds" in text or "enough funds" in text:
                raise Underfunded(
                    f"{attempt.task}: the deployer {attempt.sender} cannot pay for gas", "send it ether; run this again"
                ) from None
            if not _known(problem) and "underpriced" not in text and "base fee" not in text:
                raise TransactionRefused(attempt.task, "Refused", {"reason": _text(problem)}) from None

    def _included(self, task: Task, attempts: list[Attempt]) -> bool:
        for attempt in attempts:
            try:
                receipt = self.chain.rpc(lambda h=attempt.hash: self.eth.get_transaction_receipt(h))
            except TransactionNotFound:
                continue
            if receipt is None or receipt.get("blockNumber") is None:
                continue
            if receipt["status"] == 1:
                self.used[task.label] = int(receipt["gasUsed"])
                self.say(f"{task.label}: {attempt.hash}, {int(receipt['gasUsed']):,} gas")
                return True
            if task.done():
                return True
            raise DeploymentStuck(f"{task.label}: transaction {attempt.hash} failed", "look it up; then run this again")
        return False

    def _gas(self, task: Task) -> int:
        """Plays it first: what would fail is not paid for."""
        if not task.data:
            return TRANSFER_GAS
        call = {"from": self.account.address, "to": task.to, "data": "0x" + task.data.hex()}
        if task.label in self.gas:
            call["gas"] = self._limit(self.gas[task.label])  # type: ignore[assignment]
        try:
            if task.label in self.gas:
                self.chain.rpc(lambda: self.eth.call(call))  # type: ignore[arg-type]
                return self._limit(self.gas[task.label])
            return self._limit(self.chain.rpc(lambda: self.eth.estimate_gas(call)))  # type: ignore[arg-type]
        except Exception as problem:
            data = getattr(problem, "data", None)
            if isinstance(data, str) and len(data) >= 10:
                name, arguments = decode_error(bytes.fromhex(data.removeprefix("0x")))
                raise TransactionRefused(task.label, name, arguments) from None
            if isinstance(problem, Web3RPCError) or hasattr(problem, "data"):
                raise TransactionRefused(task.label, "Refused", {"reason": _text(problem)}) from None
            raise

    def _confirm(self, confirmations: int) -> None:
        last = self.chain.head()
        begun = time.monotonic()
        while self.chain.head() < last + confirmations - 1:
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                raise DeploymentStuck("the chain makes no blocks", "run it again")
            time.sleep(POLL_SECONDS_LATER / 2)

    def _await_quiet(self) -> None:
        """Other transactions of the account are over, so that the next nonce is certain."""
        begun = time.monotonic()
        while self._nonce("pending") > self._nonce():
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                raise DeploymentStuck(
                    f"transactions of {self.account.address} are pending and do not end",
                    "replace them in a wallet, or use another account",
                )
            time.sleep(POLL_SECONDS)

    # ------------------------------------------------------------------ looking

    def _ran(self) -> int:
        """How many steps have run."""
        genesis = self.plan.addresses[GENESIS]
        data = "0x" + keccak(text="next()")[:4].hex()
        left = bytes(self.chain.rpc(lambda: self.eth.call({"to": genesis, "data": data})))  # type: ignore[arg-type]
        if not left:
            return 0  # there is no Genesis yet
        commitments = [step.commitment for step in self.plan.steps] + [bytes(32)]
        return commitments.index(left)

    def _proxy_there(self) -> bool:
        code = self._code(PROXY)
        if code and code != PROXY_CODE:
            raise DeploymentStuck(f"at {PROXY} on chain {self.chain.id} there is something else than the CREATE2 proxy")
        return bool(code)

    def _proxy_funded(self) -> bool:
        return self._proxy_there() or self._balance(PROXY_SENDER) >= PROXY_PRICE

    def _code(self, address: str) -> bytes:
        return bytes(self.chain.rpc(lambda: self.eth.get_code(address)))  # type: ignore[arg-type]

    def _has_code(self, address: str) -> bool:
        return bool(self._code(address))

    def _balance(self, address: str) -> int:
        return int(self.chain.rpc(lambda: self.eth.get_balance(address)))  # type: ignore[arg-type]

    def _nonce(self, block: str = "latest") -> int:
        return int(self.chain.rpc(lambda: self.eth.get_transaction_count(self.account.address, block)))  # type: ignore[arg-type]

    def _base_fee(self) -> int:
        return int(self.chain.block("latest").get("baseFeePerGas") or 0)

    def _fees(self) -> tuple[int, int]:
        """(tip, cap) in wei; on a chain without a base fee both are its gas price."""
        base = self._base_fee()
        if not base:
            price = int(self.chain.rpc(lambda: self.eth.gas_price))
            return price, price
        try:
            tip = min(TIP_WEI, int(self.chain.rpc(lambda: self.eth.max_priority_fee)))
        except (Web3RPCError, ValueError):
            tip = TIP_WEI
        return tip, 2 * base + tip

    def _data_fee(self, data: bytes) -> int:
        """What an OP-stack chain charges for putting the data on its L1; zero elsewhere."""
        if not data or not self._has_code(L1_FEE_ORACLE):
            return 0
        call = keccak(text="getL1Fee(bytes)")[:4] + encode(["bytes"], [data])
        fields = {"to": L1_FEE_ORACLE, "data": "0x" + call.hex()}
        return int.from_bytes(self.chain.rpc(lambda: self.eth.call(fields)), "big")  # type: ignore[arg-type]

    @staticmethod
    def _limit(gas: int) -> int:
        return min(int(gas * GAS_MARGIN), MAX_GAS)


def deploy(chain: Chain, account: LocalAccount, plan: Plan) -> Deployment:
    """Onto a chain of one's own: no rehearsal, no journal, no checks."""
    made = Runner(chain, account, plan).run()
    chain.deployment = made
    return made


def _known(problem: Exception) -> bool:
    """The node has this transaction already, or its nonce is over: looking for the receipt tells."""
    text = _text(problem).lower()
    return any(words in text for words in ("already known", "already imported", "known transaction", "nonce too low"))


def _text(problem: Exception) -> str:
    return str(getattr(problem, "message", None) or problem)
