"""What can be read of a deployment before and after a proposal is executed: now, and when everything that it announces has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils.abi import collapse_if_tuple

from opg.chain.artifacts import artifact, selector
from opg.governance.fork import Event, Fork
from opg.governance.proposal import named, shown
from opg.words import moment

PASSING = frozenset({"clock"})  # views that change by themselves
DELAYS = (("Channels", "closeSeconds"), ("Staking", "thawingSeconds"))  # what a vote changes may come so much later
# events that name a view whose arguments theirs are
KEYED = {
    "RoleGranted": ("hasRole", ("role", "account")),
    "RoleRevoked": ("hasRole", ("role", "account")),
    "RoleAdminChanged": ("getRoleAdmin", ("role",)),
    "Approval": ("allowance", ("owner", "spender")),
    "DelegateChanged": ("delegates", ("delegator",)),
    "Paused": ("pauseOf", ("business",)),
    "Resumed": ("pauseOf", ("business",)),
}
Place = tuple[str, str]  # contract and view


@dataclass(frozen=True)
class Value:
    """What a view returns: `now`, and `later` from the second `since` on, where that is something else."""

    now: str
    later: str
    since: int = 0

    def __str__(self) -> str:
        return self.now if self.now == self.later else f"{self.now}; from {moment(self.since)} on {self.later}"


@dataclass(frozen=True)
class View:
    """A view whose value is another one afterwards."""

    contract: str
    name: str
    before: Value
    after: Value


class Views:
    """Of a copy of the chain, before something is executed on it in the next second."""

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        self.block = fork.chain.head()
        self.now = fork.time() + 1
        self.later = self.now + max(int(fork.chain.read(*each)) for each in DELAYS)
        self.before = self._read()

    def changed(self, events: list[Event]) -> list[View]:
        """What is another one now, after these events."""
        after = self._read()
        found = [View(*place, value, after[place]) for place, value in self.before.items() if after[place] != value]
        return found + list(self._keyed(events))

    def _keyed(self, events: list[Event]) -> Iterator[View]:
        known = set()
        for contract, event, given in events:
            view, names = KEYED.get(event, ("", ()))
            if contract not in self.fork.deployment.addresses or not all(name in given for name in names):
                continue
            entry = next((each for each in artifact(contract).abi if each.get("name") == view), None)
            arguments = [given[name] for name in names]
            if entry is None or (contract, view, *arguments) in known:
                continue
            known.add((contract, view, *arguments))
            before, after = (self.fork.read_at(block, contract, view, *arguments) for block in (self.block, "latest"))
            if before != after:
                told = (named(self.fork.deployment, contract, *each) for each in zip(names, arguments, strict=True))
                yield View(
                    contract, f"{view}({', '.join(told)})", *(Value(shown(v), shown(v)) for v in (before, after))
                )

    def _read(self) -> dict[Place, Value]:
        asked = [
            (contract, entry)
            for contract in self.fork.deployment.addresses
            for entry in artifact(contract).abi
            if entry["type"] == "function" and entry["stateMutability"] in ("view", "pure") and not entry["inputs"]
            if entry["name"] not in PASSING
        ]
        now, later = self._at(asked, self.now), self._at(asked, self.later)
        found = {}
        for (contract, entry), first, last in zip(asked, now, later, strict=True):
            since = 0 if first == last else self._since(contract, entry, first)
            found[contract, entry["name"]] = Value(first, last, since)
        return found

    def _at(self, asked: list[tuple[str, dict[str, Any]]], second: int) -> list[str]:
        at = self.fork.deployment.address
        calls = [(at(contract), selector(entry)) for contract, entry in asked]
        types = [[collapse_if_tuple(dict(each)) for each in entry["outputs"]] for _, entry in asked]
        values = self.fork.call_many(calls, types, second)
        return ["reverts" if value is None else shown(value) for value in values]

    def _since(self, contract: str, entry: dict[str, Any], first: str) -> int:
        """The second in which a view stops returning this."""
        still, over = self.now, self.later
        while over - still > 1:
            middle = (still + over) // 2
            if self._at([(contract, entry)], middle) == [first]:
                still = middle
            else:
                over = middle
        return over
