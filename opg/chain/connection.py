"""The connection to one Ethereum node."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

import requests
from eth_abi.exceptions import DecodingError
from eth_utils.abi import get_abi_output_types
from web3 import HTTPProvider, Web3
from web3._utils.abi import map_abi_data
from web3._utils.normalizers import BASE_RETURN_NORMALIZERS
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import RPCEndpoint

from opg.chain.artifacts import decode_error
from opg.chain.codec import codec
from opg.chain.deployment import Deployment
from opg.errors import ChainUnreachable, NotDeployed, TransactionRefused, WrongChain
from opg.words import origin

CONNECT_SECONDS = 10
TIMEOUT_SECONDS = 30
# a kept connection may just have been closed at the other end; a node that is silent is not asked again, for that takes minutes
TRIED_AGAIN = ExceptionRetryConfiguration(errors=[requests.ConnectionError, requests.HTTPError], retries=3)
OWN_CHAINS = (1337, 31337)  # of Ganache, Anvil and Hardhat
Call = tuple[str, str]  # whom, and the data
SECRET_LETTERS = 8  # parts of a URL that are shorter are no keys


class Chain:
    """An Ethereum node and, when there is one, the OPG deployment on its chain.

    Raises `ChainUnreachable` when nobody answers, `WrongChain` when the node serves another chain than the
    manifest's.
    """

    def __init__(self, url: str, deployment: Deployment | None = None) -> None:
        self.url = url
        self.w3 = Web3(  # web3 asks for the chain's id with every call unless it may remember it
            HTTPProvider(
                url,
                request_kwargs={"timeout": (CONNECT_SECONDS, TIMEOUT_SECONDS)},
                exception_retry_configuration=TRIED_AGAIN,
                cache_allowed_requests=True,
                cacheable_requests={RPCEndpoint("eth_chainId")},
            )
        )
        self.w3.codec = codec()
        self.w3.provider.global_ccip_read_enabled = False  # type: ignore[union-attr]  # a contract would choose URLs for us to ask
        try:
            self.id = int(self.w3.eth.chain_id)
        except (requests.RequestException, OSError) as problem:
            raise ChainUnreachable(url, type(problem).__name__) from None
        except (ValueError, TypeError, Web3RPCError) as problem:
            raise ChainUnreachable(url, f"no JSON-RPC there: {type(problem).__name__}") from None
        self._deployment: Deployment | None = None
        if deployment is not None:
            self.deployment = deployment

    @property
    def deployment(self) -> Deployment:
        if self._deployment is None:
            raise NotDeployed("no deployment is known", "name its manifest with --manifest, or deploy: opg deploy")
        return self._deployment

    @deployment.setter
    def deployment(self, deployment: Deployment) -> None:
        if deployment.chain_id != self.id:
            raise WrongChain(
                f"{origin(self.url)} serves chain {self.id}, the manifest is for chain {deployment.chain_id}",
                "name the right node with --rpc, or the right manifest with --manifest",
            )
        self._deployment = deployment
        self._contracts: dict[str, Contract] = {}

    @property
    def is_private(self) -> bool:
        """Whether whoever is named on this chain may be in the reader's own network: on a chain for development, or where the environment
        says so. Elsewhere strangers would choose what there is asked.
        """
        return self.id in OWN_CHAINS or os.environ.get("OPG_PRIVATE_ENDPOINTS") == "1"

    def contract(self, name: str) -> Contract:
        """A deployed contract by its name."""
        address = self.deployment.address(name)
        if name not in self._contracts:
            self._contracts[name] = self.w3.eth.contract(address=address, abi=self.deployment.abi(name))
        return self._contracts[name]

    def read(self, name: str, function: str, *arguments: Any) -> Any:
        """Calls a view. Raises `TransactionRefused` with the decoded custom error when it reverts."""
        call: ContractFunction = self.contract(name).functions[function](*arguments)
        return self.call(call, f"{name}.{function}")

    def encoded(self, name: str, function: str, *arguments: Any) -> Call:
        """A view as `raw` takes it."""
        contract = self.contract(name)
        return contract.address, str(contract.encode_abi(function, arguments))

    def raw(self, calls: Sequence[Call]) -> list[str | None]:
        """What views return now, as hexadecimal digits that nobody has decoded, for the price of one request to the node. None where one
        fails; everywhere when the node takes no batches, or when it cannot be told which reply is whose.
        """
        asked: Any = [("eth_call", [{"to": to, "data": data}, "latest"]) for to, data in calls]
        try:
            replies = self.w3.provider.make_batch_request(asked)  # type: ignore[union-attr]
            names = [int(each["id"]) for each in replies]  # by which they are sorted, as they were given
            if len(names) != len(asked) or any(one >= next_one for one, next_one in pairwise(names)):
                return [None] * len(asked)
            return [each.get("result") for each in replies]
        except (requests.RequestException, OSError, Web3Exception, ValueError, TypeError, AttributeError, LookupError):
            return [None] * len(asked)  # whoever then asks for one of them is told what is wrong

    def decoded(self, name: str, function: str, raw: str) -> Any:
        """What `read` would give for such digits. Raises `ValueError` when they mean nothing."""
        types = get_abi_output_types(self.contract(name).functions[function].abi)
        try:
            values = self.w3.codec.decode(types, bytes.fromhex(raw.removeprefix("0x")))
        except (DecodingError, TypeError, AttributeError) as problem:
            raise ValueError(f"{name}.{function}: {problem}") from None
        values = map_abi_data(BASE_RETURN_NORMALIZERS, types, values)
        return values[0] if len(types) == 1 else values

    def call(self, call: ContractFunction, label: str, transaction: dict[str, Any] | None = None) -> Any:
        """Calls a prepared function without sending anything."""
        try:
            return call.call(transaction or {})
        except (requests.RequestException, OSError, JSONDecodeError) as problem:
            raise ChainUnreachable(self.url, type(problem).__name__) from None
        except ContractLogicError as problem:
            raise refusal(label, problem) from None

    def now(self) -> int:
        """Unix seconds on this chain: the clock on the wall, or the newest block when that is ahead (a test
        chain whose time was moved).

        For what has to be done in time, and for terms that others check. Never to give something up for good: a clock on the wall
        that is ahead would throw stake or income away. That is decided by `head_time`, or by the contract when it refuses.
        """
        return max(int(time.time()), self.head_time())

    def head_time(self) -> int:
        """Timestamp of the newest block, unix seconds. What it is past, no later block is in time for; it says nothing of how late it is."""
        return int(self.block("latest")["timestamp"])

    def without_key(self, text: str) -> str:
        """A text for strangers and logs: of this connection's URL no more than its host is left, nor any long part of its path."""
        parts = urlsplit(self.url)
        path = self.url.partition("://")[2].partition("/")[2]
        secrets = [path, parts.password or "", *(each for each in path.replace("?", "/").split("/"))]
        text = text.replace(self.url, origin(self.url))
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SECRET_LETTERS:
                text = text.replace(secret, "…")
        return text

    def has_code(self, address: str) -> bool:
        """Whether there is a contract, now."""
        return bool(self.rpc(lambda: self.w3.eth.get_code(self.w3.to_checksum_address(address))))

    def head(self) -> int:
        """Number of the newest block."""
        return self.rpc(lambda: int(self.w3.eth.block_number))

    def block(self, which: Any) -> Any:
        """A block by number or name."""
        return self.rpc(lambda: self.w3.eth.get_block(which))

    def rpc(self, what: Any) -> Any:
        """Runs a plain RPC request; a lost connection becomes `ChainUnreachable`."""
        try:
            return what()
        except (requests.RequestException, OSError, JSONDecodeError) as problem:
            raise ChainUnreachable(self.url, type(problem).__name__) from None


def refusal(label: str, problem: Exception) -> TransactionRefused:
    """What a contract's revert means, from the exception web3 made of it."""
    data = getattr(problem, "data", None)
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x") and len(data) >= 10:
        name, arguments = decode_error(bytes.fromhex(data[2:]))
        return TransactionRefused(label, name, arguments)
    return TransactionRefused(label, "Reverted", {"reason": getattr(problem, "message", None) or str(problem)})
