"""A private copy of a chain, where anybody's transactions can be played without their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from web3.exceptions import BadFunctionCallOutput
from web3.logs import DISCARD

from opg.chain import Chain, EventReader, artifact
from opg.chain.artifacts import decode_error
from opg.chain.deployment import Deployment
from opg.chain.local import LocalChain
from opg.errors import OPGError, refusal

GAS = 16_777_216  # EIP-7825
ETHER = 10**18


Event = tuple[str, str, dict[str, Any]]  # contract, name, arguments


class Reverted(OPGError):
    """A transaction that was played did not go through."""


@dataclass(frozen=True)
class Played:
    """A transaction on the copy."""

    label: str
    gas: int
    receipt: Any

    @property
    def hash(self) -> str:
        return "0x" + bytes(self.receipt["transactionHash"]).hex()


class Fork:
    """A copy of the chain behind `chain`, from its newest block on. Use it as a context manager."""

    def __init__(self, chain: Chain) -> None:
        # nothing is kept on disk: what was read of another chain of this id, or of a block that was reorganised, would stand for this one
        options = ("--no-storage-caching", "--no-rate-limit", "--auto-impersonate")
        self.local = LocalChain(chain.id, None, "--fork-url", chain.url, *options)
        self.chain = self.local.chain
        self.chain.deployment = chain.deployment

    @property
    def deployment(self) -> Deployment:
        return self.chain.deployment

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        self.local.stop()

    def time(self) -> int:
        """Second of the newest block."""
        return int(self.chain.block("latest")["timestamp"])

    def move_to(self, second: int) -> None:
        """Makes a block at this second, unless it is over already."""
        if second > self.time():
            self.local.rpc("evm_setNextBlockTimestamp", second)
            self.local.rpc("evm_mine")

    def send(self, account: str, contract: str, function: str, *arguments: Any, at: int | None = None) -> Played:
        """Plays a transaction of any account, at second `at` or one after the newest block. Raises `Reverted` with the contract's error."""
        target = self.chain.contract(contract)
        data = target.encode_abi(function, list(arguments))
        return self.send_data(account, target.address, data, f"{contract}.{function}", at)

    def send_data(self, account: str, to: str, data: str, label: str, at: int | None = None) -> Played:
        """The same, for calldata."""
        self.local.rpc("anvil_setBalance", account, hex(100 * ETHER))
        # time is the copy's own: nothing depends on how long the simulation takes
        self.local.rpc("evm_setNextBlockTimestamp", max(at or 0, self.time() + 1))
        call = {"from": account, "to": to, "data": data, "gas": hex(GAS)}
        sent = self.local.rpc("eth_sendTransaction", call)
        receipt = self._receipt(sent)
        if receipt["status"] != 1:
            raise Reverted(f"{label}: {self._why(call, receipt)}")
        return Played(label, int(receipt["gasUsed"]), receipt)

    def try_read(self, contract: str, function: str, *arguments: Any) -> Any:
        """A view's value; None when it reverts, or is not there."""
        try:
            return self.chain.read(contract, function, *arguments)
        except (OPGError, BadFunctionCallOutput):
            return None

    def read_at(self, block: int | str, contract: str, function: str, *arguments: Any) -> Any:
        """A view's value at a block."""
        return self.chain.contract(contract).functions[function](*arguments).call(block_identifier=block)  # type: ignore[arg-type]

    def call_many(self, calls: list[tuple[str, bytes]], outputs: list[list[str]], second: int) -> list[Any]:
        """What calls return when it is this second, by their types; None where one reverts. One request for all."""
        requests = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "eth_call",
                "params": [{"to": to, "data": "0x" + data.hex()}, "latest", {}, {"time": hex(second)}],
            }
            for number, (to, data) in enumerate(calls)
        ]
        answers = {each["id"]: each for each in httpx.post(self.local.url, json=requests, timeout=60).json()}
        found: list[Any] = []
        for number, types in enumerate(outputs):
            try:
                values = decode(types, bytes.fromhex(answers[number]["result"][2:]))
                found.append(values[0] if len(values) == 1 else values)
            except (KeyError, DecodingError):
                found.append(None)
        return found

    def balance(self, account: str) -> int:
        """OPG in wei."""
        return int(self.chain.read("OPG", "balanceOf", account))

    def holders(self) -> dict[str, int]:
        """Everybody with OPG but the contracts of the protocol, the largest first."""
        contracts = {to_checksum_address(each) for each in self.deployment.addresses.values()}
        paid = EventReader(self.chain, [("OPG", "Transfer")]).read()
        held = {account: self.balance(account) for account in {event.args["to"] for event in paid} - contracts}
        return dict(sorted(((who, has) for who, has in held.items() if has), key=lambda each: (-each[1], each[0])))

    def events(self, played: Played) -> Iterator[Event]:
        """Contract, name and arguments of every event of a transaction, in order; unknown ones under their address and topic."""
        names = {to_checksum_address(address): name for name, address in self.deployment.addresses.items()}
        for log in played.receipt["logs"]:
            name = names.get(to_checksum_address(log["address"]))
            decoded = self._decoded(name, log) if name else None
            if decoded is not None:
                yield name or "", decoded[0], decoded[1]
            else:
                topic = "0x" + bytes(log["topics"][0]).hex() if log["topics"] else "anonymous"
                yield name or log["address"], topic, {"data": "0x" + bytes(log["data"]).hex()}

    def slots(self, played: Played) -> list[tuple[str, str, str, str]]:
        """Address, slot, word before and after of everything that a transaction changed in storage."""
        asked = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
        made = self.local.rpc("debug_traceTransaction", played.hash, asked)
        zero = "0x" + "00" * 32
        found = []
        for address in sorted({*made["pre"], *made["post"]}):
            before = made["pre"].get(address, {}).get("storage", {})
            after = made["post"].get(address, {}).get("storage", {})
            for slot in sorted({*before, *after}):
                if before.get(slot, zero) != after.get(slot, zero):
                    found.append((to_checksum_address(address), slot, before.get(slot, zero), after.get(slot, zero)))
        return found

    def _decoded(self, name: str, log: Any) -> tuple[str, dict[str, Any]] | None:
        contract = self.chain.contract(name)
        for entry in artifact(name).abi:
            if entry["type"] == "event":
                event = contract.events[entry["name"]]()
                if log["topics"] and bytes.fromhex(event.topic.removeprefix("0x")) == bytes(log["topics"][0]):
                    found = list(event.process_receipt({"logs": [log]}, errors=DISCARD))
                    if found:
                        return entry["name"], dict(found[0]["args"])
        return None

    def _receipt(self, sent: str) -> Any:
        eth = self.chain.w3.eth
        return eth.wait_for_transaction_receipt(sent, timeout=60, poll_latency=0.005)  # type: ignore[arg-type]

    def _why(self, call: dict[str, Any], receipt: Any) -> str:
        """The revert's name and arguments, from playing it again on the block before."""
        request = ["eth_call", [call, hex(int(receipt["blockNumber"]) - 1)]]
        answer = self.chain.w3.provider.make_request(*request)  # type: ignore[arg-type]
        error = answer.get("error") or {}
        data = error.get("data")
        if isinstance(data, str) and len(data) >= 10:
            return refusal(*decode_error(bytes.fromhex(data[2:])))
        return str(error.get("message") or "reverted")
