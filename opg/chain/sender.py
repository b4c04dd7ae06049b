"""Sending transactions: signed here, paid by EIP-1559, watched until they are in a block."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from opg.chain.connection import Chain, refusal
from opg.errors import ChainUnreachable, TransactionLost, TransactionRefused
from opg.log import say

MAX_GAS = 16_777_216  # EIP-7825: what one transaction may use
GAS_MARGIN = 1.2
EMPTY_GAS = 21_000
# what is estimated in one second may be sent in the next, where up to three histories of votes get an entry of their own
GAS_HEADROOM = 80_000
TIP_WEI = 1_000_000_000
POLL_SECONDS = 0.01
POLL_SECONDS_LATER = 1.0
PATIENCE_SECONDS = 2  # at the fast pace
LOOKS = 3  # a node may know of a block before it knows its receipts
RAISE_AFTER_SECONDS = 45  # not in a block by then: the same transaction again, with a higher price
# an older transaction that nobody raises is pushed out of the way when nothing has moved for so long
STUCK_SECONDS = 45
KEPT = 1_000  # transactions in the log, at least
PUSHES = 8  # doublings of its price: nobody knows what the older one offers
TIMEOUT_SECONDS = 300
NONCE_TRIES = 8
# how nodes say that this nonce is somebody else's by now, or that somebody sent the very same transaction
CLASHES = ("nonce too low", "underpriced", "already known", "already imported")


class _Replaced(Exception):
    """Another transaction of this account has our nonce: ours can no longer be included."""


@dataclass(frozen=True)
class Sent:
    """A transaction in a block. `gas` is what it used, `cost` what was paid for it in wei."""

    label: str
    hash: str
    sender: str
    gas: int
    cost: int
    receipt: Any


class Sender:
    """Sends transactions of one account, one after the other. Safe to use from several threads."""

    def __init__(self, chain: Chain, account: LocalAccount) -> None:
        self.chain = chain
        self.account = account
        self.log: list[Sent] = []  # the newest, without their receipts: those of on-chain answers hold all outputs
        self.count = 0
        self._lock = threading.Lock()
        self._lowest = (-1, 0.0)  # the nonce that all others wait for, and since when

    @property
    def address(self) -> str:
        return self.account.address

    def send(
        self, contract: str, function: str, *arguments: Any, label: str | None = None, gas: int | None = None
    ) -> Sent:
        """Calls a function of a deployed contract and waits for the block.

        Raises `TransactionRefused` with the contract's own error, before anything is paid when that can be
        known.
        """
        call = self.chain.contract(contract).functions[function](*arguments)
        return self.transact(call, label or f"{contract}.{function}", gas)

    def transact(
        self, call: ContractFunction | ContractConstructor | _Plain, label: str, gas: int | None = None
    ) -> Sent:
        """Sends a prepared call or deployment."""
        with self._lock:
            gas = gas or self._estimate(call, label)
            sent = self._send(call, label, gas)
            self.log.append(replace(sent, receipt=None))
            self.count += 1
            if len(self.log) > 2 * KEPT:
                del self.log[:KEPT]
            return sent

    def send_data(self, to: str, data: bytes, label: str) -> Sent:
        """Sends bytes to an address that has no ABI."""
        return self.transact(_Plain(self.chain, to, data), label)

    def gas_price(self) -> int:
        """The most wei that a transaction offers now for a unit of gas; an account that does not hold them cannot send it."""
        return self._fees()[1]

    def push_out(self) -> None:
        """Frees the way when transactions of this account, of another process or of one that died, have been stuck for `STUCK_SECONDS`."""
        with self._lock:
            self._push_out(self._count("pending"))

    def _push_out(self, end: int) -> None:
        """Puts empty transactions in the place of those below nonce `end`, once they are stuck. Who sent them does so again, or is gone."""
        lowest, now = self._count("latest"), time.monotonic()
        if lowest != self._lowest[0]:
            self._lowest = (lowest, now)
        if lowest >= end or now - self._lowest[1] < STUCK_SECONDS:
            return
        fees = self._fees()
        for nonce in range(lowest, end):
            fields = {"from": self.address, "nonce": nonce, "gas": EMPTY_GAS, "chainId": self.chain.id}
            for doubled in range(PUSHES):
                try:
                    self._broadcast(_Plain(self.chain, self.address, b""), fields, *(fee << doubled for fee in fees))
                except Web3RPCError as problem:
                    if "nonce too low" in str(problem).lower():
                        break  # included meanwhile
                    continue
                say("pushed out a stuck transaction", account=self.address, nonce=nonce)
                break
        self._lowest = (lowest, now)

    def _count(self, which: Literal["latest", "pending"]) -> int:
        return int(self.chain.rpc(lambda: self.chain.w3.eth.get_transaction_count(self.address, which)))

    def _estimate(self, call: Any, label: str) -> int:
        try:
            needed = self.chain.rpc(lambda: call.estimate_gas({"from": self.address}))
        except ContractLogicError as problem:
            raise refusal(label, problem) from None
        except Web3RPCError as problem:
            raise _rpc_refusal(label, problem) from None
        return min(int(needed * GAS_MARGIN) + GAS_HEADROOM, MAX_GAS)

    def _send(self, call: Any, label: str, gas: int) -> Sent:
        tip, cap = self._fees()
        for attempt in range(NONCE_TRIES):
            last = attempt == NONCE_TRIES - 1
            nonce = self._count("pending")
            fields = {"from": self.address, "nonce": nonce, "gas": gas, "chainId": self.chain.id}
            try:
                hashes = [self._broadcast(call, fields, tip, cap)]
                receipt = self._wait(call, fields, tip, cap, hashes, label)
                break
            except _Replaced as problem:
                if last:
                    raise TransactionLost(f"{label}: {problem}", "send with one key from one place at a time") from None
            except Web3RPCError as problem:
                if not any(words in str(problem).lower() for words in CLASHES) or last:
                    raise _rpc_refusal(label, problem) from None
            time.sleep(0.2 * (attempt + 1))  # another process sent with this key in between
        if receipt["status"] != 1:
            raise self._why(call, fields, receipt, label)
        return Sent(
            label,
            "0x" + bytes(receipt["transactionHash"]).hex(),
            self.address,
            int(receipt["gasUsed"]),
            int(receipt["gasUsed"]) * int(receipt["effectiveGasPrice"]),
            receipt,
        )

    def _fees(self) -> tuple[int, int]:
        base = int(self.chain.block("latest").get("baseFeePerGas", 0))
        return TIP_WEI, 2 * base + TIP_WEI

    def _broadcast(self, call: Any, fields: dict[str, Any], tip: int, cap: int) -> bytes:
        transaction = call.build_transaction({**fields, "maxPriorityFeePerGas": tip, "maxFeePerGas": cap})
        signed = self.account.sign_transaction(transaction)
        return bytes(self.chain.rpc(lambda: self.chain.w3.eth.send_raw_transaction(signed.raw_transaction)))

    def _wait(self, call: Any, fields: dict[str, Any], tip: int, cap: int, hashes: list[bytes], label: str) -> Any:
        begin = raised = time.monotonic()
        taken = 0
        while True:
            for each in hashes:
                try:
                    return self.chain.rpc(lambda each=each: self.chain.w3.eth.get_transaction_receipt(each))
                except (TransactionNotFound, ChainUnreachable):  # it was sent: only its receipt tells what came of it
                    continue
            now = time.monotonic()
            if now - begin > PATIENCE_SECONDS and self._is_past(fields["nonce"]):
                taken += 1
                if taken > LOOKS:
                    raise _Replaced(f"another transaction took the place of 0x{hashes[-1].hex()}")
            if now - begin > TIMEOUT_SECONDS:
                raise TransactionLost(
                    f"{label}: no receipt for 0x{hashes[-1].hex()} after {TIMEOUT_SECONDS} seconds",
                    "look it up; it may still be included",
                )
            if now - raised > RAISE_AFTER_SECONDS:
                raised = now
                with suppress(Web3RPCError, ChainUnreachable):  # included meanwhile, or the node keeps the first one
                    self._push_out(fields["nonce"])
                    fees = self._fees()
                    tip, cap = max(tip * 5 // 4, fees[0]), max(cap * 5 // 4, fees[1])
                    hashes.append(self._broadcast(call, fields, tip, cap))
            time.sleep(POLL_SECONDS if now - begin < PATIENCE_SECONDS else POLL_SECONDS_LATER)

    def _is_past(self, nonce: int) -> bool:
        """Whether a transaction with this nonce is in a block; without its receipt, it is not ours."""
        with suppress(ChainUnreachable):
            return self._count("latest") > nonce
        return False

    def _why(self, call: Any, fields: dict[str, Any], receipt: Any, label: str) -> TransactionRefused:
        """Plays the failed transaction again for its error."""
        if receipt["gasUsed"] >= fields["gas"]:
            return TransactionRefused(label, "OutOfGas", {"gas": fields["gas"]})
        if isinstance(call, ContractConstructor):
            return TransactionRefused(label, "Reverted", {})
        try:
            call.call({"from": self.address, "gas": fields["gas"]}, receipt["blockNumber"])
        except ContractLogicError as problem:
            return refusal(label, problem)
        return TransactionRefused(label, "Reverted", {"hash": "0x" + bytes(receipt["transactionHash"]).hex()})


def _rpc_refusal(label: str, problem: Web3RPCError) -> TransactionRefused:
    text = str(getattr(problem, "message", None) or problem)
    lowered = text.lower()
    if "insufficient funds" in lowered or "enough funds" in lowered:
        return TransactionRefused(label, "insufficient funds", {"detail": "the account cannot pay for gas"})
    response = getattr(problem, "rpc_response", None) or {}
    data = (response.get("error") or {}).get("data")
    if isinstance(data, str) and len(data) >= 10:
        return refusal(label, _Carrier(data))
    return TransactionRefused(label, "Refused", {"reason": text})


class _Plain:
    """What `Sender` needs of a web3 call, for plain bytes."""

    def __init__(self, chain: Chain, to: str, data: bytes) -> None:
        self._eth = chain.w3.eth
        self._fields = {"to": to, "data": "0x" + data.hex()}

    def estimate_gas(self, fields: Any) -> int:
        return int(self._eth.estimate_gas({**fields, **self._fields}))

    def build_transaction(self, fields: Any) -> Any:
        return {**fields, **self._fields, "value": 0}

    def call(self, fields: Any, block: Any) -> Any:
        return self._eth.call({**fields, **self._fields}, block)


class _Carrier(Exception):
    def __init__(self, data: str) -> None:
        super().__init__("")
        self.data = data
