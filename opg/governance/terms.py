"""The words that a proposal script is written in. They know ABIs, and no chain: addresses come in when the proposal is built."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opg.addresses import checked
from opg.chain.artifacts import artifact, role_id
from opg.chain.deploying import OPG as WEI
from opg.errors import BadInput

FIRST_START, LAST_START = 1_577_836_800, 4_102_444_800  # the years 2020 and 2100, in seconds
SETTERS = ("set", "update")  # OpenZeppelin has both: setVotingDelay, updateQuorumNumerator


@dataclass(frozen=True)
class Vesting:
    """A VestingWallet: what a stream is paid into. It pays its beneficiary linearly from `start`, for `seconds`."""

    beneficiary: str
    start: int
    seconds: int


@dataclass(frozen=True)
class Call:
    """One function of one contract with its arguments; `Term`s and `Vesting`s among them become addresses later."""

    contract: str
    function: str
    arguments: tuple[Any, ...]

    @property
    def abi(self) -> dict[str, Any]:
        """The function's ABI entry. Raises `BadInput` where there is none that takes these arguments."""
        found = [
            entry
            for entry in artifact(self.contract).abi
            if entry["type"] == "function" and entry["name"] == self.function
        ]
        fitting = [entry for entry in found if len(entry["inputs"]) == len(self.arguments)]
        if not found:
            raise BadInput(f"{self.contract} has no function {self.function}", "see contracts/interfaces/")
        if len(fitting) != 1:
            takes = " or ".join(str(len(entry["inputs"])) for entry in found)
            raise BadInput(
                f"{self.contract}.{self.function} takes {takes} arguments, {len(self.arguments)} are given",
                "see contracts/interfaces/",
            )
        return fitting[0]


class Term:
    """A contract of the protocol, or one of its members: `Staking`, `Staking.minStake`. Calling a member makes a `Call`."""

    def __init__(self, contract: str, member: str | None = None) -> None:
        self._contract, self._member = contract, member

    @property
    def contract_name(self) -> str:
        return self._contract

    @property
    def member(self) -> str | None:
        return self._member

    def __getattr__(self, name: str) -> Term:
        if name.startswith("_") or self._member is not None:
            raise AttributeError(name)
        return Term(self._contract, name)

    def __call__(self, *arguments: Any) -> Call:
        if self._member is None:
            raise BadInput(f"{self._contract} is no function", f"name one of its functions: {self._contract}.…(…)")
        return Call(self._contract, self._member, arguments)

    def __repr__(self) -> str:
        return self._contract + (f".{self._member}" if self._member else "")


Action = tuple[str, Call]


def contract(name: str) -> Term:
    """Any contract of the deployment by its name in the manifest."""
    return Term(name)


OPG, Models, Staking, Inference = Term("OPG"), Term("Models"), Term("Staking"), Term("Inference")
Channels, Disputes, Guardian = Term("Channels"), Term("Disputes"), Term("Guardian")
OPGGovernor, OPGTimelock = Term("OPGGovernor"), Term("OPGTimelock")


def hours(number: float) -> int:
    """Seconds."""
    return _whole(_number(number) * 3_600, "seconds")


def days(number: float) -> int:
    """Seconds."""
    return _whole(_number(number) * 86_400, "seconds")


def tokens(number: int | str) -> int:
    """Wei of OPG. Write fractions as text: `tokens("0.5")`."""
    from decimal import Decimal, InvalidOperation

    if isinstance(number, float):
        raise BadInput(f"tokens({number}) would be rounded", f'write tokens("{number}")')
    try:
        return _whole(Decimal(number) * WEI, "wei")
    except InvalidOperation:
        raise BadInput(f"{number!r} is not an amount of OPG", 'write it like tokens(100) or tokens("0.5")') from None


def percent(number: float) -> int:
    """Percent, as the governor counts its quorum. Fees and shares are counted in basis points: `bps`."""
    return _whole(_number(number), "percent")


def bps(number: float) -> int:
    """Basis points, of which a hundred are one percent: `bps(500)` is 5 %."""
    if not 0 <= _number(number) <= 10_000:
        raise BadInput(f"bps({number}) is no share", "write basis points from 0 to 10,000: bps(500) is 5 %")
    return _whole(number, "basis points")


def set_(parameter: Term, value: Any) -> Call:
    """Calls the setter of a parameter: `set_(Staking.minStake, tokens(500))`. `settable` lists them."""
    if not isinstance(parameter, Term) or parameter.member is None:
        raise BadInput(f"{parameter!r} is no parameter", "write set_(Contract.parameter, value)")
    known = {entry["name"] for entry in artifact(parameter.contract_name).abi if entry["type"] == "function"}
    capital = parameter.member[0].upper() + parameter.member[1:]
    for verb in SETTERS:
        if verb + capital in known:
            return Call(parameter.contract_name, verb + capital, (value,))
    place = parameter.contract_name + "."
    names = [name.removeprefix(place) for name in settable() if name.startswith(place)]
    raise BadInput(
        f"{parameter!r} cannot be set by vote",
        f"of {parameter.contract_name}, a vote can set: {', '.join(names) or 'nothing'}",
    )


def settable() -> list[str]:
    """All parameters that a vote can set, as `set_` takes them: those with a setter of one argument, and a view that shows them."""
    found = []
    for term in (Models, Staking, Inference, Channels, Disputes, Guardian, OPGGovernor, OPGTimelock):
        functions = [entry for entry in artifact(term.contract_name).abi if entry["type"] == "function"]
        views = {entry["name"] for entry in functions if not entry["inputs"]}
        for entry in functions:
            verb = next((each for each in SETTERS if entry["name"].startswith(each)), None)
            if verb is None or len(entry["inputs"]) != 1:
                continue
            capital = entry["name"].removeprefix(verb)
            name = capital[:1].lower() + capital[1:]
            if views & {name, "getMin" + capital}:  # the timelock shows its delay as getMinDelay
                found.append(f"{term.contract_name}.{name}")
    return found


def give_role(place: Term, role: str, account: Term | str) -> Call:
    """Lets a module in: `give_role(Staking, "SLASHER_ROLE", "0x…")`."""
    return Call(place.contract_name, "grantRole", (_role(place, role), account))


def take_role(place: Term, role: str, account: Term | str) -> Call:
    """Takes a role away."""
    return Call(place.contract_name, "revokeRole", (_role(place, role), account))


def grant(to: Term | str, amount: int) -> Call:
    """Pays out of the treasury, which is the timelock."""
    return Call("OPG", "transfer", (to, amount))


def stream(beneficiary: str, amount: int, start: int, seconds: int) -> Call:
    """Pays out of the treasury over time, through an OpenZeppelin VestingWallet. `start` is in unix seconds.

    The wallet's address follows from its terms. `opg proposal submit` creates it when it is not there: anybody may, so it is no action
    of the proposal that somebody could get in front of.
    """
    beneficiary = checked(beneficiary)
    if seconds <= 0:
        raise BadInput("a stream takes time", "give its length in seconds, for example days(365)")
    if not FIRST_START <= start <= LAST_START:
        raise BadInput(
            f"a stream that begins at {start} is mistyped", "give its start in unix seconds: date +%s shows now"
        )
    return Call("OPG", "transfer", (Vesting(beneficiary, start, seconds), amount))


def roles_of(names: Sequence[str]) -> dict[bytes, str]:
    """Names by role id, of all roles that the contracts declare."""
    found = {bytes(32): "DEFAULT_ADMIN_ROLE"}
    for name in names:
        for entry in artifact(name).abi:
            if entry["type"] == "function" and entry["name"].endswith("_ROLE"):
                found[role_id(entry["name"])] = entry["name"]
    return found


def _role(place: Term, role: str) -> bytes:
    known = roles_of([place.contract_name]) if has_roles(place.contract_name) else {}
    if role_id(role) not in known:
        raise BadInput(
            f"{place!r} has no role {role}", f"it has: {', '.join(sorted(known.values())) or 'no roles at all'}"
        )
    return role_id(role)


def has_roles(contract: str) -> bool:
    """Whether anybody can be given a role there."""
    return any(entry.get("name") == "hasRole" for entry in artifact(contract).abi)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"{value!r} is no number", "write it without quotation marks")
    return value


def _whole(value: Any, unit: str) -> int:
    if not math.isfinite(value) or value != int(value):
        raise BadInput(f"{value} is no whole number of {unit}", "round it yourself")
    return int(value)
