"""A small chain for tests, in process (revm) or on a real node (anvil), behind one interface.

    evm = Evm()
    token = evm.deploy("OPG", alice, sender=alice)
    token.transfer(bob, 5, sender=alice)          # a transaction: a Receipt
    assert token.balanceOf(bob) == 5              # a view: its value
    with reverts("ThawingNotOver", until): ...    # custom errors by name and arguments

Every transaction has the gas cap of EIP-7825 and one block of its own. revm in process keeps storage warm between calls,
so gas that is written down comes from `Evm("anvil")`, whose receipts are real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple as dataclass_tuple
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi import decode, encode
from eth_account import Account
from eth_utils import keccak, to_checksum_address

from opg.chain.local import free_port

ROOT = Path(__file__).resolve().parent.parent
TX_GAS_CAP = 16_777_216  # EIP-7825
MAX_CODE = 24_576  # EIP-170
# returns the code of the address it is called with: pyrevm's own get_code pads what revm has analysed
CODE_READER = bytes.fromhex("5f35803b805f5f843c5ff3")
CODE_READER_ADDRESS = "0x" + "c0de" * 10
GENESIS = 1_800_000_000
CHAIN_ID = 31337


class Reverted(Exception):
    """A transaction or view that reverted: the error's name and arguments."""

    def __init__(self, name: str, args: tuple = (), data: bytes = b"", gas_used: int = 0):
        super().__init__(f"{name}{args!r}")
        self.name, self.arguments, self.data, self.gas_used = name, args, data, gas_used


@contextmanager
def reverts(name: str | None = None, *args: Any) -> Iterator[None]:
    """Asserts that the block reverts, with this error name and (when given) these arguments."""
    try:
        yield
    except Reverted as error:
        if name is not None:
            assert error.name == name, f"reverted with {error}, not {name}"
        if args:
            assert normal(error.arguments) == normal(args), f"{error.name}{error.arguments!r}, not {args!r}"
        return
    raise AssertionError(f"did not revert{f' with {name}' if name else ''}")


def normal(value: Any) -> Any:
    """Values in one form for comparing and encoding: addresses as lower-case hex, structs as tuples."""
    if hasattr(value, "address"):
        return value.address.lower()
    if isinstance(value, str) and len(value) == 42 and value.startswith("0x"):
        return value.lower()
    if is_dataclass(value) and not isinstance(value, type):
        return normal(dataclass_tuple(value))
    if isinstance(value, (list, tuple)):
        return tuple(normal(v) for v in value)
    return value


@cache
def artifact(name: str) -> dict:
    """A compiled contract by name, from $OPG_BUILD or build/contracts."""
    folder = Path(os.environ.get("OPG_BUILD") or ROOT / "build" / "contracts")
    for path in (folder / f"{name}.json", folder.parent / "interfaces" / f"{name}.json"):
        if path.exists():
            return json.loads(path.read_text())
    raise FileNotFoundError(f"no artifact for {name}: run `make compile`")


def transactions_of(name: str) -> set[str]:
    """The functions of a contract or an interface that change something."""
    functions = (entry for entry in artifact(name)["abi"] if entry["type"] == "function")
    return {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")}


def abi_type(entry: dict) -> str:
    """`(uint256,bytes32[])[]` for a struct, the plain type else."""
    if not entry["type"].startswith("tuple"):
        return entry["type"]
    return f"({','.join(abi_type(c) for c in entry['components'])}){entry['type'][5:]}"


def to_abi(entry: dict, value: Any) -> Any:
    """Accounts, contracts, hex strings, dicts and dataclasses as what eth_abi wants."""
    kind = entry["type"]
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [to_abi(inner, v) for v in value]
    if kind == "tuple":
        parts = entry["components"]
        if isinstance(value, dict):
            value = [value[c["name"]] for c in parts]
        elif is_dataclass(value):
            value = [getattr(value, c["name"]) for c in parts]
        assert len(value) == len(parts), f"struct {entry.get('internalType')} has {len(parts)} fields, not {len(value)}"
        return tuple(to_abi(c, v) for c, v in zip(parts, value, strict=True))
    if kind == "address":
        return getattr(value, "address", value)
    if kind.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if kind.startswith(("uint", "int")):
        return int(value)
    return value


class Struct(tuple):
    """A decoded struct: a tuple whose fields have names."""

    def __new__(cls, names: list[str], values: list):
        self = super().__new__(cls, values)
        self.__dict__.update({n: v for n, v in zip(names, values, strict=True) if n})
        return self


def from_abi(entry: dict, value: Any) -> Any:
    kind = entry["type"]
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [from_abi(inner, v) for v in value]
    if kind == "tuple":
        parts = entry["components"]
        return Struct([c["name"] for c in parts], [from_abi(c, v) for c, v in zip(parts, value, strict=True)])
    return to_checksum_address(value) if kind == "address" else value


def decode_all(entries: list[dict], data: bytes) -> list:
    values = decode([abi_type(e) for e in entries], data)
    return [from_abi(e, v) for e, v in zip(entries, values, strict=True)]


@cache
def known_errors() -> dict[bytes, dict]:
    """Selectors of every custom error of every artifact."""
    found = {}
    folder = Path(os.environ.get("OPG_BUILD") or ROOT / "build" / "contracts")
    for path in [*folder.glob("*.json"), *(folder.parent / "interfaces").glob("*.json")]:
        for entry in json.loads(path.read_text()).get("abi", []):
            if entry["type"] == "error":
                found[selector(entry)] = entry
    return found


def selector(entry: dict) -> bytes:
    return keccak(text=f"{entry['name']}({','.join(abi_type(i) for i in entry['inputs'])})")[:4]


def revert_reason(data: bytes, halt: str = "", gas_used: int = 0) -> Reverted:
    """Decodes revert data: a custom error, Error(string), Panic(uint256), or nothing."""
    if data[:4] == bytes.fromhex("08c379a0"):
        return Reverted(decode(["string"], data[4:])[0], (), data, gas_used)
    if data[:4] == bytes.fromhex("4e487b71"):
        return Reverted("Panic", decode(["uint256"], data[4:]), data, gas_used)
    entry = known_errors().get(data[:4])
    if entry:
        return Reverted(entry["name"], tuple(decode_all(entry["inputs"], data[4:])), data, gas_used)
    return Reverted(halt or (f"0x{data.hex()}" if data else "no reason"), (), data, gas_used)


@dataclass
class Event:
    name: str
    args: dict
    address: str

    def __getattr__(self, key: str) -> Any:
        try:
            return self.__dict__["args"][key]
        except KeyError:
            raise AttributeError(key) from None


@dataclass
class Receipt:
    """What a transaction did: real gas with anvil, an estimate with revm (storage is warm there)."""

    gas_used: int
    value: Any
    events: list[Event] = field(default_factory=list)

    def event(self, name: str) -> Event:
        """The only event of this name."""
        found = [e for e in self.events if e.name == name]
        assert len(found) == 1, f"{len(found)} events {name} among {[e.name for e in self.events]}"
        return found[0]


class Contract:
    """A deployed contract; its functions are attributes. Views return values, the rest take `sender=` and return a Receipt."""

    def __init__(self, evm: Evm, name: str, address: str, abi: list[dict]):
        self._evm, self._name, self.address, self.abi = evm, name, to_checksum_address(address), abi
        self._functions: dict[str, list[dict]] = {}
        for entry in abi:
            if entry["type"] == "function":
                self._functions.setdefault(entry["name"], []).append(entry)

    def __repr__(self) -> str:
        return f"<{self._name} {self.address}>"

    def __getattr__(self, name: str) -> Callable:
        overloads = self.__dict__.get("_functions", {}).get(name)
        if overloads is None:
            raise AttributeError(f"{self.__dict__.get('_name')} has no function {name}")

        def call(*args: Any, sender: Any = None, gas: int | None = None, static: bool | None = None) -> Any:
            entry = self._choose(name, overloads, args)
            data = self.calldata(entry, args)
            is_view = entry["stateMutability"] in ("view", "pure") if static is None else static
            if is_view and sender is None:
                sender = self._evm.accounts[0]
            assert sender is not None, f"{self._name}.{name} is a transaction: say sender="
            if is_view:
                out = self._evm.backend.call(address_of(sender), self.address, data, gas)
                return self._result(entry, out)
            out, gas_used, logs = self._evm.backend.send(address_of(sender), self.address, data, gas or TX_GAS_CAP)
            self._evm.called.add((self._name, name))
            return Receipt(gas_used, self._result(entry, out) if out is not None else None, self._evm.decode_logs(logs))

        return call

    def _choose(self, name: str, overloads: list[dict], args: tuple) -> dict:
        fitting = [e for e in overloads if len(e["inputs"]) == len(args)]
        assert fitting, f"{self._name}.{name} takes {[len(e['inputs']) for e in overloads]} arguments, not {len(args)}"
        return fitting[0]

    def calldata(self, entry: dict | str, args: tuple) -> bytes:
        """ABI-encoded call."""
        if isinstance(entry, str):
            entry = self._choose(entry, self._functions[entry], args)
        values = [to_abi(i, a) for i, a in zip(entry["inputs"], args, strict=True)]
        return selector(entry) + encode([abi_type(i) for i in entry["inputs"]], values)

    @staticmethod
    def _result(entry: dict, out: bytes) -> Any:
        if not entry["outputs"]:
            return None
        values = decode_all(entry["outputs"], out)
        return values[0] if len(values) == 1 else Struct([o["name"] for o in entry["outputs"]], values)


def credits_of(contract: Contract, people: Iterable[Any]) -> int:
    """What a contract owes these accounts together, each once; incomes of operators among it."""
    views = [getattr(contract, name) for name in ("creditOf", "incomeOf") if hasattr(contract, name)]
    return sum(view(address) for address in {address_of(who) for who in people} for view in views)


def address_of(account: Any) -> str:
    return getattr(account, "address", account)


def floor_gas(data: bytes) -> int:
    """The least that a transaction with this calldata costs (EIP-7623)."""
    zeros = data.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(data) - zeros))


class RevmBackend:
    """pyrevm: thousands of calls a second, no blocks but the ones that we say."""

    def __init__(self) -> None:
        self.number, self.time = 1, GENESIS
        self.checkpoints: list[Any] = []
        self.evm = pyrevm.EVM(
            spec_id="OSAKA", env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID), block=self._block())
        )
        self.evm.set_tx_env(pyrevm.TxEnv(chain_id=None))
        self.evm.insert_account_info(CODE_READER_ADDRESS, pyrevm.AccountInfo(code=CODE_READER))

    def _block(self) -> pyrevm.BlockEnv:
        return pyrevm.BlockEnv(number=self.number, timestamp=self.time, gas_limit=2**40, basefee=0)

    def advance(self, seconds: int, blocks: int = 1) -> None:
        self.number, self.time = self.number + blocks, self.time + seconds
        self.evm.set_block_env(self._block())

    def now(self) -> int:
        return self.time

    def fund(self, address: str) -> None:
        self.evm.set_balance(address, 10**24)

    def balance(self, address: str) -> int:
        return self.evm.get_balance(address)

    def code(self, address: str) -> bytes:
        return self.call("0x" + "00" * 20, CODE_READER_ADDRESS, encode(["address"], [address]), None)

    def deploy(self, sender: str, code: bytes) -> tuple[str, int]:
        try:
            address = self.evm.deploy(sender, code, gas=TX_GAS_CAP)
        except RuntimeError as error:
            raise self._failure(error) from None
        return address, self.evm.result.gas_used

    def call(self, sender: str, to: str, data: bytes, gas: int | None) -> bytes:
        before = self.evm.snapshot()
        try:
            return bytes(self.evm.message_call(sender, to, calldata=data, gas=gas or 2**40))
        except RuntimeError as error:
            raise self._failure(error) from None
        finally:
            self.evm.revert(before)

    def send(self, sender: str, to: str, data: bytes, gas: int) -> tuple[bytes, int, list]:
        assert gas <= TX_GAS_CAP, f"no transaction may have more than {TX_GAS_CAP} gas"
        assert floor_gas(data) <= gas, "the calldata alone costs more gas than that"
        try:
            out = bytes(self.evm.message_call(sender, to, calldata=data, gas=gas))
        except RuntimeError as error:
            raise self._failure(error) from None
        result = self.evm.result
        logs = [(log.address, [bytes.fromhex(t[2:]) for t in log.topics], bytes(log.data[1])) for log in result.logs]
        return out, max(result.gas_used, floor_gas(data)), logs

    def _failure(self, error: RuntimeError) -> Reverted:
        text = str(error)
        if "output: 0x" in text:
            return revert_reason(bytes.fromhex(text.split("output: 0x")[1].split(" ")[0].rstrip("}")), text)
        return Reverted(text)

    def snapshot(self) -> Any:
        self.checkpoints.append(self.evm.snapshot())
        return len(self.checkpoints), self.number, self.time

    def revert(self, mark: Any) -> None:
        """Gives up whatever was marked later, too: revm counts each open checkpoint as a call, and 1,024 are too deep."""
        depth, self.number, self.time = mark
        while len(self.checkpoints) >= depth:
            self.evm.revert(self.checkpoints.pop())
        self.evm.set_block_env(self._block())

    def close(self) -> None:
        pass


def anvil_binary() -> str:
    found = list((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    binary = str(found[0]) if found else shutil.which("anvil")
    assert binary, "anvil is missing: run `make setup`"
    return binary


class AnvilBackend:
    """A real node on a free port of its own: real receipts, tens to hundreds of calls a second."""

    def __init__(self, block_seconds: int = 1) -> None:
        import httpx

        port = free_port()
        self.process = subprocess.Popen(
            [anvil_binary(), "--port", str(port), "--chain-id", str(CHAIN_ID), "--timestamp", str(GENESIS), "--silent",
             "--hardfork", "osaka", "--auto-impersonate", "--base-fee", "0", "--gas-price", "0"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        for _ in range(100):
            # a node of somebody else on this port would answer just as well, and its receipts would not be ours
            assert self.process.poll() is None, f"anvil stopped at once: is port {port} taken?"
            try:
                assert int(self.rpc("eth_chainId"), 16) == CHAIN_ID
                self.rpc("anvil_setBlockTimestampInterval", block_seconds)  # time is the test's, not the wall's
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        else:
            self.close()
            raise RuntimeError("anvil did not start")

    def rpc(self, method: str, *params: Any) -> Any:
        reply = self.client.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()
        if "error" in reply:
            data = reply["error"].get("data")
            raise revert_reason(bytes.fromhex(data[2:]) if isinstance(data, str) else b"", reply["error"]["message"])
        return reply["result"]

    def _transact(self, tx: dict) -> dict:
        return self.receipt(self.rpc("eth_sendTransaction", {**tx, "gasPrice": "0x0"}))

    def receipt(self, tx_hash: str) -> dict:
        """Waits until a transaction is in a block: anvil gives its hash before."""
        for _ in range(2000):
            receipt = self.rpc("eth_getTransactionReceipt", tx_hash)
            if receipt:
                return receipt
            time.sleep(0.005)
        raise RuntimeError("no receipt")

    def advance(self, seconds: int, blocks: int = 1) -> None:
        if seconds:
            self.rpc("evm_setNextBlockTimestamp", self.now() + seconds)
        for _ in range(blocks):
            self.rpc("evm_mine")

    def now(self) -> int:
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def fund(self, address: str) -> None:
        self.rpc("anvil_setBalance", address, hex(10**24))

    def balance(self, address: str) -> int:
        return int(self.rpc("eth_getBalance", address, "latest"), 16)

    def code(self, address: str) -> bytes:
        return bytes.fromhex(self.rpc("eth_getCode", address, "latest")[2:])

    def deploy(self, sender: str, code: bytes) -> tuple[str, int]:
        tx = {"from": sender, "data": "0x" + code.hex(), "gas": hex(TX_GAS_CAP)}
        self.rpc("eth_call", tx, "latest")
        receipt = self._transact(tx)
        return receipt["contractAddress"], int(receipt["gasUsed"], 16)

    def call(self, sender: str, to: str, data: bytes, gas: int | None) -> bytes:
        tx = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(gas or TX_GAS_CAP)}
        return bytes.fromhex(self.rpc("eth_call", tx, "latest")[2:])

    def send(self, sender: str, to: str, data: bytes, gas: int) -> tuple[bytes | None, int, list]:
        tx = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(gas)}
        out = bytes.fromhex(self.rpc("eth_call", tx, "latest")[2:])
        receipt = self._transact(tx)
        if int(receipt["status"], 16) != 1:
            raise Reverted("transaction failed", (), b"", int(receipt["gasUsed"], 16))
        logs = [
            (
                to_checksum_address(e["address"]),
                [bytes.fromhex(t[2:]) for t in e["topics"]],
                bytes.fromhex(e["data"][2:]),
            )
            for e in receipt["logs"]
        ]
        return out, int(receipt["gasUsed"], 16), logs

    def snapshot(self) -> Any:
        return self.rpc("evm_snapshot")

    def revert(self, mark: Any) -> None:
        self.rpc("evm_revert", mark)

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(10)


class Evm:
    """The chain of one test. `engine` is "revm" (in process) or "anvil" (real receipts); a transaction there takes
    `block_seconds`, in process none."""

    def __init__(self, engine: str = "revm", block_seconds: int = 1) -> None:
        self.engine = engine
        self.backend: Any = AnvilBackend(block_seconds) if engine == "anvil" else RevmBackend()
        self.accounts = [account(i) for i in range(10)]
        for each in self.accounts:
            self.backend.fund(each.address)
        self._events: dict[tuple[bytes, int], dict] = {}
        self.called: set[tuple[str, str]] = set()  # contract and function of every transaction that succeeded
        self.chain_id = CHAIN_ID

    def deploy(self, name: str, *args: Any, sender: Any = None) -> Contract:
        """Deploys a contract by name with constructor arguments."""
        built = artifact(name)
        constructor = next((e for e in built["abi"] if e["type"] == "constructor"), {"inputs": []})
        assert len(constructor["inputs"]) == len(args), (
            f"{name} takes {len(constructor['inputs'])} constructor arguments"
        )
        code = bytes.fromhex(built["bytecode"].removeprefix("0x"))
        code += encode(
            [abi_type(i) for i in constructor["inputs"]],
            [to_abi(i, a) for i, a in zip(constructor["inputs"], args, strict=True)],
        )
        address, gas = self.backend.deploy(address_of(sender or self.accounts[0]), code)
        size = len(self.backend.code(address))
        assert 0 < size <= MAX_CODE, f"{name} has {size} bytes of code, the limit is {MAX_CODE}"
        contract = self.at(name, address)
        contract.deploy_gas = gas
        return contract

    def at(self, name: str, address: Any) -> Contract:
        """A deployed contract under the ABI of an artifact."""
        abi = artifact(name)["abi"]
        for entry in abi:
            if entry["type"] == "event":
                topic = keccak(text=f"{entry['name']}({','.join(abi_type(i) for i in entry['inputs'])})")
                self._events[topic, sum(i["indexed"] for i in entry["inputs"])] = entry
        return Contract(self, name, address_of(address), abi)

    def decode_logs(self, logs: list) -> list[Event]:
        events = []
        for address, topics, data in logs:
            entry = self._events.get((topics[0], len(topics) - 1)) if topics else None
            if entry is None:
                events.append(Event("unknown", {"topics": topics, "data": data}, address))
                continue
            plain = [i for i in entry["inputs"] if not i["indexed"]]
            values = dict(zip([i["name"] for i in plain], decode_all(plain, data), strict=True))
            for given, topic in zip([i for i in entry["inputs"] if i["indexed"]], topics[1:], strict=True):
                hashed = given["type"] in ("string", "bytes") or given["type"].endswith(("]", "tuple"))
                values[given["name"]] = topic if hashed else decode_all([given], topic)[0]
            events.append(Event(entry["name"], values, to_checksum_address(address)))
        return events

    @property
    def now(self) -> int:
        """Timestamp of the next call, in seconds."""
        return self.backend.now()

    def sleep(self, seconds: int) -> None:
        """Lets time pass."""
        self.backend.advance(int(seconds))

    def mine(self, blocks: int = 1) -> None:
        self.backend.advance(0, blocks)

    def balance(self, address: Any) -> int:
        """Native currency, in wei."""
        return self.backend.balance(address_of(address))

    def snapshot(self) -> Any:
        return self.backend.snapshot()

    def revert(self, mark: Any) -> None:
        self.backend.revert(mark)

    def close(self) -> None:
        self.backend.close()


@cache
def account(index: int) -> Any:
    """The same keys in every run; worth nothing anywhere."""
    return Account.from_key(keccak(text=f"OPG test account {index}"))
