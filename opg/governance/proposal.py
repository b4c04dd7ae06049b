"""A proposal as the chain has it: targets, values, calldata and a description that repeats every call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from opg.addresses import checked
from opg.chain.artifacts import artifact, selector
from opg.chain.deployment import Deployment
from opg.errors import BadInput
from opg.governance.script import Script
from opg.governance.terms import Call, Term, Vesting, roles_of
from opg.governance.vesting import wallet_address

CODE_LINE = re.compile(r"^\s+`(.*)`\s*$")
STREAM_LINE = re.compile(
    r"^\s+`Stream\(beneficiary=(0x[0-9a-fA-F]{40}), start=(\d{1,20}), seconds=(\d{1,20})\)`\s*$", re.M
)
MARK = re.compile(r"\s*#proposer=(0x[0-9a-fA-F]{40})\Z")  # as OpenZeppelin's Governor reads the end of a description
MAX_BYTES = 128 * 1024  # of a transaction that nodes pass on
ITEM = re.compile(r"^(\d+)\.\s+(.*\S)\s*$")


@dataclass(frozen=True)
class Proposal:
    """What the governor hashes into a proposal's number. Bytes of a description that are no UTF-8 are in it as lone surrogates."""

    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str

    @property
    def description_hash(self) -> bytes:
        return keccak(self.description.encode("utf-8", "surrogateescape"))

    @property
    def id(self) -> int:
        """The governor's `hashProposal`."""
        arguments = [list(self.targets), list(self.values), list(self.calldatas), self.description_hash]
        return int.from_bytes(keccak(encode(["address[]", "uint256[]", "bytes[]", "bytes32"], arguments)), "big")

    @property
    def size(self) -> int:
        """Bytes of the transaction that submits it, about."""
        arguments = [list(self.targets), list(self.values), list(self.calldatas), self.description]
        return len(encode(["address[]", "uint256[]", "bytes[]", "string"], arguments))

    @property
    def words(self) -> str:
        """The description for people: without the mark at its end."""
        return MARK.sub("", self.description)

    @property
    def reserved(self) -> str | None:
        """Who alone can propose it, by the mark at the description's end. None where anybody can, and cancel it then."""
        found = MARK.search(self.description)
        return to_checksum_address(found[1]) if found else None

    @property
    def unmarked(self) -> Proposal:
        """The same calls and words, for whoever proposes them first. Its number tells whether two proposals are copies of each other."""
        return replace(self, description=self.words)

    def by(self, proposer: str) -> Proposal:
        """The same calls and words, as this account alone can propose them."""
        return replace(self, description=f"{self.words}\n\n#proposer={to_checksum_address(proposer)}")

    @property
    def title(self) -> str:
        first = next((line for line in self.words.splitlines() if line.strip()), "")
        return first.lstrip("# ").strip() or "(no title)"


@dataclass(frozen=True)
class Decoded:
    """One call as far as it can be read. `function` is None where nobody knows the selector or the calldata is not canonical."""

    target: str
    contract: str | None
    function: str | None
    inputs: tuple[tuple[str, str], ...]  # type and name of each argument
    arguments: tuple[Any, ...]
    value: int
    data: bytes
    known: tuple[str, ...] = ()  # each argument as people read it, see `named`

    def __str__(self) -> str:
        """The canonical line: what the description repeats."""
        return self._line(map(shown, self.arguments))

    @property
    def readable(self) -> str:
        """The same with the names of roles and contracts."""
        return self._line(self.known)

    def _line(self, arguments: Iterable[str]) -> str:
        place = self.contract or self.target
        paid = f" with {self.value} wei" if self.value else ""
        if self.function is None:
            return f"{place}: 0x{self.data.hex()}{paid}"
        told = zip(self.inputs, arguments, strict=True)
        listed = ", ".join(f"{name}={value}" if name else value for (_, name), value in told)
        return f"{place}.{self.function}({listed}){paid}"


def build(script: Script, deployment: Deployment) -> Proposal:
    """The proposal that a script makes on one deployment, unmarked. Raises `BadInput` for arguments that do not fit."""
    targets, calldatas, items = [], [], []
    for number, (said, call) in enumerate(script.actions, 1):
        target = deployment.address(call.contract)
        data = calldata(call, deployment)
        targets.append(target)
        calldatas.append(data)
        lines = [f"{number}. {said}", f"   `{decode_call(deployment, target, 0, data)}`"]
        lines += [f"   `{stream_line(each)}`" for each in call.arguments if isinstance(each, Vesting)]
        items.append("\n".join(lines))
    parts = [f"# {script.title}", script.reason, "\n".join(items)]
    description = "\n\n".join(part for part in parts if part)
    made = Proposal(tuple(targets), (0,) * len(targets), tuple(calldatas), description)
    if made.size > MAX_BYTES:
        raise BadInput(
            f"{script.path.name} makes a transaction of {made.size:,} bytes; nodes take {MAX_BYTES:,} at most",
            "make several proposals of it; each call counts twice, as it is repeated in the description",
        )
    return made


def calldata(call: Call, deployment: Deployment) -> bytes:
    """Selector and arguments."""
    entry = call.abi
    types = [collapse_if_tuple(dict(each)) for each in entry["inputs"]]
    arguments = [_resolved(each, deployment) for each in call.arguments]
    try:
        return selector(entry) + encode(types, arguments)
    except (EncodingError, TypeError, ValueError) as problem:
        raise BadInput(
            f"{call.contract}.{call.function}({', '.join(types)}): {problem}", "correct the script"
        ) from None


def decode_call(deployment: Deployment, target: str, value: int, data: bytes) -> Decoded:
    """Reads a call. Only calldata that encodes back to the very same bytes counts as read: nothing can hide behind the arguments."""
    target = to_checksum_address(target)
    name = contract_at(deployment).get(target)
    for entry in artifact(name).abi if name else ():
        if entry["type"] != "function" or selector(entry) != data[:4]:
            continue
        types = [collapse_if_tuple(dict(each)) for each in entry["inputs"]]
        try:
            arguments = decode(types, data[4:])
            canonical = encode(types, arguments) == data[4:]
        except (DecodingError, EncodingError, OverflowError, ValueError):
            break
        if canonical:
            inputs = tuple(zip(types, (each["name"].rstrip("_") for each in entry["inputs"]), strict=True))
            known = (
                named(deployment, name, argument, each) for (_, argument), each in zip(inputs, arguments, strict=True)
            )
            return Decoded(target, name, entry["name"], inputs, arguments, value, data, tuple(known))
    return Decoded(target, name, None, (), (), value, data)


def decode_proposal(deployment: Deployment, proposal: Proposal) -> list[Decoded]:
    """All calls of a proposal, also of one that was made elsewhere."""
    parts = zip(proposal.targets, proposal.values, proposal.calldatas, strict=True)
    return [decode_call(deployment, target, value, data) for target, value, data in parts]


def items(description: str) -> list[tuple[str, str | None]]:
    """The numbered sentences of a description, each with the code line behind it (None where there is none)."""
    found: list[tuple[str, str | None]] = []
    lines = description.splitlines()
    for at, line in enumerate(lines):
        match = ITEM.match(line)
        if match and int(match[1]) == len(found) + 1:
            code = CODE_LINE.match(lines[at + 1]) if at + 1 < len(lines) else None
            found.append((match[2], code[1] if code else None))
    return found


def stream_line(terms: Vesting) -> str:
    """What a wallet's address follows from: under the call that pays into it, so that a voter can hold one against the other."""
    return f"Stream(beneficiary={checked(terms.beneficiary)}, start={terms.start}, seconds={terms.seconds})"


def streams(description: str) -> dict[str, Vesting]:
    """The wallets that a description tells the terms of, by their addresses. What it tells is true: another term is another address."""
    found = [Vesting(to_checksum_address(who), int(start), int(seconds))
             for who, start, seconds in STREAM_LINE.findall(description)]  # fmt: skip
    return {wallet_address(each): each for each in found if each.start + each.seconds < 2**64}


def paid_streams(deployment: Deployment, proposal: Proposal) -> list[Vesting]:
    """Those of a description's streams that its calls pay into."""
    paid = {to_checksum_address(call.arguments[0]) for call in decode_proposal(deployment, proposal)
            if (call.contract, call.function) == ("OPG", "transfer")}  # fmt: skip
    return [terms for wallet, terms in streams(proposal.words).items() if wallet in paid]


def contract_at(deployment: Deployment) -> Mapping[str, str]:
    """Names by address."""
    return {to_checksum_address(address): name for name, address in deployment.addresses.items()}


def named(deployment: Deployment, contract: str, argument: str, value: Any) -> str:
    """An argument of a contract's function or event, as people read it: a role or a contract of the deployment by its name, the rest exactly."""
    if isinstance(value, bytes) and argument.lower().endswith("role"):
        return roles_of([contract]).get(value, shown(value))
    if isinstance(value, str) and is_address(value):
        return contract_at(deployment).get(to_checksum_address(value), shown(value))
    return shown(value)


def shown(value: Any) -> str:
    """An argument, exactly: whole numbers in full, bytes in hexadecimal, addresses with their checksum."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return to_checksum_address(value) if is_address(value) else repr(value)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def _resolved(value: Any, deployment: Deployment) -> Any:
    if isinstance(value, Term):
        return deployment.address(value.contract_name)
    if isinstance(value, Vesting):
        return wallet_address(value)
    if isinstance(value, str) and is_address(value):
        return checked(value)
    if isinstance(value, (list, tuple)):
        return [_resolved(each, deployment) for each in value]
    return value
