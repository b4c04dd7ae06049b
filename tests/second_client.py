"""A second, independent EVM behind JSON-RPC: py-evm, over HTTP. Each transaction makes a block at once; an empty one comes every second.

    python -m tests.second_client PORT CHAIN_ID ADDRESS

gives ADDRESS ether and serves until it is ended. No account is unlocked. Only what a deployment and its checks ask for.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.exceptions import VMError
from eth.vm.forks import PragueVM
from eth_utils import ValidationError, decode_hex, encode_hex, to_canonical_address, to_checksum_address

ETHER = 10**18
GAS_LIMIT = 60_000_000
CALL_GAS = 30_000_000
TIP_WEI = 10**9
EMPTY_ROOT = decode_hex("0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
ESTIMATE_MARGIN = 1.3
BLOCK_SECONDS = 1


class Refused(Exception):
    """An error that the caller is told; `data` is what a revert returned."""

    def __init__(self, message: str, data: bytes | None = None) -> None:
        super().__init__(message)
        self.data = data


class Client:
    """The chain, and the methods of its interface."""

    def __init__(self, chain_id: int, rich: str) -> None:
        kind = type("Chain", (MiningChain,), {"chain_id": chain_id, "vm_configuration": ((0, PragueVM),)})
        genesis = {
            "coinbase": bytes(20), "difficulty": 0, "extra_data": b"", "gas_limit": GAS_LIMIT, "mix_hash": bytes(32),
            "nonce": bytes(8), "receipt_root": EMPTY_ROOT, "timestamp": int(time.time()), "transaction_root": EMPTY_ROOT,
        }  # fmt: skip
        account = {"balance": 1_000 * ETHER, "nonce": 0, "code": b"", "storage": {}}
        self.chain = kind.from_genesis(AtomicDB(), genesis, {to_canonical_address(rich): account})
        self.id = chain_id
        self.receipts: dict[str, dict[str, Any]] = {}
        self.transactions: dict[str, dict[str, Any]] = {}
        self.logs: list[dict[str, Any]] = []
        self.ahead = 0
        self.methods: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: "py-evm",
            "eth_chainId": lambda: hex(chain_id),
            "eth_blockNumber": lambda: hex(self.head.block_number),
            "eth_gasPrice": lambda: hex(self.head.base_fee_per_gas + TIP_WEI),
            "eth_maxPriorityFeePerGas": lambda: hex(TIP_WEI),
            "eth_getBlockByNumber": lambda which, full=False: self.block(which),
            "eth_getBalance": lambda who, block="latest": hex(self.vm.state.get_balance(to_canonical_address(who))),
            "eth_getTransactionCount": lambda who, block="latest": hex(
                self.vm.state.get_nonce(to_canonical_address(who))
            ),
            "eth_getCode": lambda who, block="latest": encode_hex(self.vm.state.get_code(to_canonical_address(who))),
            "eth_call": lambda call, block="latest": encode_hex(self.computation(call).output),
            "eth_estimateGas": self.estimate,
            "eth_sendRawTransaction": self.send,
            "eth_getTransactionReceipt": self.receipts.get,
            "eth_getTransactionByHash": self.transactions.get,
            "eth_getLogs": self.find_logs,
            "evm_increaseTime": self.increase_time,
        }

    @property
    def head(self) -> Any:
        return self.chain.get_canonical_head()

    @property
    def vm(self) -> Any:
        """On the newest state; what it changes is forgotten."""
        return self.chain.get_vm()

    def respond(self, asked: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked.get("id")}
        try:
            method = self.methods.get(asked["method"])
            if method is None:
                raise Refused(f"the method {asked['method']} does not exist")
            return answer | {"result": method(*asked.get("params", []))}
        except Refused as problem:
            error: dict[str, Any] = {"code": -32000, "message": str(problem)}
            if problem.data is not None:
                error |= {"code": 3, "data": encode_hex(problem.data)}
            return answer | {"error": error}

    def increase_time(self, seconds: int) -> str:
        self.ahead += seconds
        return hex(self.ahead)

    def block(self, which: str) -> dict[str, Any] | None:
        number = {"earliest": 0, "latest": self.head.block_number, "pending": self.head.block_number}.get(which)
        number = int(which, 16) if number is None else number
        if number > self.head.block_number:
            return None
        header = self.chain.get_canonical_block_header_by_number(number)
        return {
            "number": hex(number),
            "hash": encode_hex(header.hash),
            "parentHash": encode_hex(header.parent_hash),
            "timestamp": hex(header.timestamp),
            "gasLimit": hex(header.gas_limit),
            "gasUsed": hex(header.gas_used),
            "baseFeePerGas": hex(header.base_fee_per_gas),
            "transactions": [],
        }

    def computation(self, call: dict[str, Any]) -> Any:
        vm, to = self.vm, to_canonical_address(call["to"])
        sender = to_canonical_address(call.get("from", "0x" + "00" * 20))
        done = vm.execute_bytecode(
            origin=sender, gas_price=0, gas=int(call.get("gas", hex(CALL_GAS)), 16), to=to, sender=sender,
            value=int(call.get("value", "0x0"), 16), data=self.data(call), code=vm.state.get_code(to),
        )  # fmt: skip
        if done.is_error:
            raise Refused(f"execution reverted: {done.error!r}", done.output)
        return done

    def estimate(self, call: dict[str, Any], block: str = "latest") -> str:
        data = self.data(call)
        intrinsic = 21_000 + 40 * len(data)  # no less than EIP-7623 wants
        return hex(int((intrinsic + self.computation(call).get_gas_used()) * ESTIMATE_MARGIN))

    @staticmethod
    def data(call: dict[str, Any]) -> bytes:
        return decode_hex(call.get("data") or call.get("input") or "0x")

    def send(self, raw: str) -> str:
        transaction = self.vm.get_transaction_builder().decode(decode_hex(raw))
        hashed = encode_hex(transaction.hash)
        if hashed in self.receipts:
            raise Refused("already known")
        self.tick()
        try:
            _, receipt, computation = self.chain.apply_transaction(transaction)
        except (ValidationError, VMError) as problem:
            raise Refused(str(problem)) from None
        mined = self.mine()
        self.record(hashed, transaction, receipt, computation, mined)
        return hashed

    def tick(self) -> None:
        self.chain.set_header_timestamp(max(self.head.timestamp + 1, int(time.time()) + self.ahead))

    def mine(self) -> Any:
        return self.chain.mine_block(mix_hash=os.urandom(32), blob_gas_used=0)

    def record(self, hashed: str, transaction: Any, receipt: Any, computation: Any, mined: Any) -> None:
        place = {
            "blockNumber": hex(mined.number), "blockHash": encode_hex(mined.hash), "transactionIndex": "0x0",
            "transactionHash": hashed,
        }  # fmt: skip
        logs = [
            {
                **place, "logIndex": hex(index), "removed": False, "address": to_checksum_address(log.address),
                "topics": ["0x" + topic.to_bytes(32, "big").hex() for topic in log.topics], "data": encode_hex(log.data),
            }
            for index, log in enumerate(receipt.logs)
        ]  # fmt: skip
        self.logs += logs
        sender, to = to_checksum_address(transaction.sender), transaction.to
        price = min(transaction.max_fee_per_gas, mined.header.base_fee_per_gas + transaction.max_priority_fee_per_gas)
        parties = {"from": sender, "to": to_checksum_address(to) if to else None}
        self.receipts[hashed] = {
            **place, **parties, "status": hex(int(not computation.is_error)), "gasUsed": hex(mined.header.gas_used),
            "cumulativeGasUsed": hex(mined.header.gas_used), "effectiveGasPrice": hex(price), "logs": logs, "type": "0x2",
            "contractAddress": None if to else to_checksum_address(computation.msg.storage_address),
            "logsBloom": "0x" + "00" * 256,
        }  # fmt: skip
        self.transactions[hashed] = {
            **place, **parties, "hash": hashed, "nonce": hex(transaction.nonce), "value": hex(transaction.value),
            "gas": hex(transaction.gas), "input": encode_hex(transaction.data),
        }  # fmt: skip

    def find_logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = (self.number(wanted.get(end, "latest")) for end in ("fromBlock", "toBlock"))
        addresses = wanted.get("address") or []
        addresses = {each.lower() for each in ([addresses] if isinstance(addresses, str) else addresses)}
        topics = [
            None if each is None else [one.lower() for one in ([each] if isinstance(each, str) else each)]
            for each in wanted.get("topics", [])
        ]

        def fits(log: dict[str, Any]) -> bool:
            if (addresses and log["address"].lower() not in addresses) or len(topics) > len(log["topics"]):
                return False
            if not first <= int(log["blockNumber"], 16) <= last:
                return False
            return all(each is None or topic in each for each, topic in zip(topics, log["topics"], strict=False))

        return [log for log in self.logs if fits(log)]

    def number(self, block: str) -> int:
        return (
            self.head.block_number if block in ("latest", "pending") else 0 if block == "earliest" else int(block, 16)
        )


def main() -> None:
    port, chain_id, rich = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    client, lock = Client(chain_id, rich), threading.Lock()

    def make_blocks() -> None:
        while True:
            time.sleep(BLOCK_SECONDS)
            with lock:
                client.tick()
                client.mine()

    threading.Thread(target=make_blocks, daemon=True).start()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                many = isinstance(asked, list)
                answer: Any = [client.respond(each) for each in asked] if many else client.respond(asked)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
