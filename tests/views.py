"""Compares many views of contracts with what they should show, in one call.

views = Views(evm)
views.expect(token, "balanceOf", alice, gives=5)
views.expect(staking, "stakeOf", bob, gives=(1, 2, 3))
views.check()
"""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi import decode, encode

from tests.evm import Contract, Evm, abi_type, address_of, selector


@cache
def _selector(abi_key: int, name: str) -> bytes:
    return selector(next(e for e in _ABIS[abi_key] if e["type"] == "function" and e["name"] == name))


_ABIS: dict[int, list] = {}


def _word(value: Any) -> bytes:
    """An argument or result of one word: a number, a truth, 32 bytes, or an account."""
    value = address_of(value)
    if isinstance(value, bytes):
        return value.rjust(32, b"\0")
    return (int(value, 16) if isinstance(value, str) else int(value)).to_bytes(32, "big")


class Views:
    """Views whose arguments and results are words: numbers, truths, words of bytes, addresses."""

    def __init__(self, evm: Evm):
        self.evm = evm
        self.reader = evm.deploy("ManyViews")
        entry = next(e for e in self.reader.abi if e["type"] == "function")
        self.entry, self.types = entry, [abi_type(i) for i in entry["inputs"]]
        self.wanted: list[tuple[str, bytes, bytes, tuple]] = []

    def expect(self, contract: Contract, name: str, *args: Any, gives: Any) -> None:
        """Notes what a view should return: a value, or a tuple of values."""
        _ABIS.setdefault(id(contract.abi), contract.abi)
        call = _selector(id(contract.abi), name) + b"".join(map(_word, args))
        values = gives if isinstance(gives, tuple) else (gives,)
        self.wanted.append((contract.address, call, b"".join(map(_word, values)), (name, args, values)))

    def check(self) -> None:
        """Asks everything noted, and forgets it."""
        wanted, self.wanted = self.wanted, []
        data = selector(self.entry) + encode(self.types, [[w[0] for w in wanted], [w[1] for w in wanted]])
        out = self.evm.backend.call(self.evm.accounts[0].address, self.reader.address, data, None)
        for (_, _, right, (name, args, values)), shown in zip(wanted, decode(["bytes[]"], out)[0], strict=True):
            if shown != right:
                numbers = tuple(int.from_bytes(shown[i : i + 32], "big") for i in range(0, len(shown), 32))
                raise AssertionError(f"{name}{tuple(map(address_of, args))} is {numbers}, should be {values}")
