"""What a voter should know before voting, each with a verdict: `good`, `look` (a person has to judge) or `bad`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from eth_utils.address import is_address, to_checksum_address

from opg.chain.artifacts import artifact
from opg.chain.deploying import BOUNDS, OPG
from opg.deploy.proxy import PROXY
from opg.governance.onchain import moment
from opg.governance.proposal import Decoded, contract_at, items, streams
from opg.governance.simulation import HOLDERS, TREASURY, Simulation
from opg.governance.terms import Vesting, roles_of

Verdict = Literal["good", "look", "bad"]
LARGE_SHARE, LEAST_SHARE = 0.10, 0.0001  # of the treasury, in one proposal; the least that is shown
ZERO = "0x" + "00" * 20
POWERS = ("DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")
NESTED = {("OPGTimelock", "schedule"), ("OPGTimelock", "scheduleBatch"), ("OPGTimelock", "execute"),
          ("OPGTimelock", "executeBatch"), ("OPGGovernor", "relay"), ("OPGGovernor", "propose")}  # fmt: skip
SELFDESTRUCT, DELEGATECALL, CALLCODE, PUSH1, PUSH32 = 0xFF, 0xF4, 0xF2, 0x60, 0x7F
NUMBER = re.compile(r"(?<![\w.])(\d[\d,_]*(?:\.\d+)?)(?![\w])(?:\s*(%|\w+))?")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
UNITS = {"opg": OPG, "wei": 1, "bps": 1, "basis": 1, "percent": 100, "%": 100,
         "second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}  # fmt: skip
LEAP = 10  # a parameter that becomes so many times larger or smaller may have been given in another unit


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    verdict: Verdict
    text: str


def judge(made: Simulation) -> list[Finding]:
    """All checks, in the order of the report."""
    findings = []
    for name, check in CHECKS.items():
        told = list(check(made))
        quiet = Finding(name, "good", OKAY[name])
        if check in AFTERWARDS and not made.executed:
            quiet = Finding(name, "look", "not known, for it was not executed")
        findings += [Finding(name, verdict, text) for verdict, text in told] or [quiet]
    return findings


def worst(findings: list[Finding]) -> Verdict:
    """The verdict on the whole."""
    verdicts = {finding.verdict for finding in findings}
    return "bad" if "bad" in verdicts else "look" if "look" in verdicts else "good"


Told = Iterator[tuple[Verdict, str]]


def executes(made: Simulation) -> Told:
    if made.error:
        yield "bad", f"it stops: {made.error}"
    if made.lent:
        yield (
            "look",
            f"{made.lent / OPG:,.0f} votes that nobody has delegated were lent to it: today it would fail for want of votes",
        )


def targets(made: Simulation) -> Told:
    known = contract_at(made.deployment)
    for number, call in enumerate(made.calls, 1):
        code = made.code.get(to_checksum_address(call.target), b"")
        if call.target not in known and call.target != PROXY:
            kind = "a contract that is not of this protocol" if code else "an account without code"
            yield "bad", f"call {number} goes to {call.target}, {kind}"
        elif not code:
            yield "bad", f"call {number}: there is no code at {call.target}"
        elif (name := known.get(call.target)) and not same_code(name, code):
            yield "bad", f"call {number}: the code of {name} at {call.target} is not what this source compiles to"


def destruct(made: Simulation) -> Told:
    for number, call in enumerate(made.calls, 1):
        if call.contract is not None:
            continue
        found = opcodes(made.code.get(to_checksum_address(call.target), b""))
        if SELFDESTRUCT in found:
            yield "bad", f"call {number}: {call.target} can destroy itself"
        if found & {DELEGATECALL, CALLCODE}:
            yield (
                "bad",
                f"call {number}: {call.target} runs code of other contracts as its own; it can change under you",
            )


def readable(made: Simulation) -> Told:
    for number, call in enumerate(made.calls, 1):
        if call.function is None:
            yield (
                "bad",
                f"call {number} cannot be read: {call}; its selector is unknown, or something hides behind its arguments",
            )
        elif (call.contract, call.function) in NESTED:
            yield "bad", f"call {number} ({call.contract}.{call.function}) carries other calls inside"


def described(made: Simulation) -> Told:
    said, wallets = items(made.proposal.words), streams(made.proposal.words)
    hidden = sum(each not in "\r\n\t" and not each.isprintable() for each in made.proposal.words)
    if hidden:
        yield "look", f"the description has {hidden} characters that nobody sees, and that may turn or hide others"
    if len(said) != len(made.calls):
        yield "bad", f"the description numbers {len(said)} actions, the proposal has {len(made.calls)} calls"
    for number, ((sentence, code), call) in enumerate(zip(said, made.calls, strict=False), 1):
        if code is None:
            yield "look", f"action {number} is described without the call itself; it is: {call}"
        elif code != str(call):
            yield "bad", f"action {number} is described as {code}, and is {call}"
        yield from wording(number, sentence, call, wallets)


def wording(number: int, sentence: str, call: Decoded, wallets: Mapping[str, Vesting]) -> Told:
    """Every number and address in a sentence has to be an argument, in some unit, or a term of the stream that an argument is."""
    leaves = list(flat(call.arguments))
    paid = [wallets[at] for each in leaves if isinstance(each, str) and is_address(each)
            if (at := to_checksum_address(each)) in wallets]  # fmt: skip
    leaves += [each for terms in paid for each in (terms.beneficiary, terms.start, terms.seconds)]
    values = [each for each in leaves if isinstance(each, int)]
    for text, word in NUMBER.findall(ADDRESS.sub(" ", sentence)):
        said = Fraction(text.replace(",", "").replace("_", ""))
        if values and not any(said * unit in values for unit in units(word, call)):
            meant = f"{text} {word}" if word.lower().rstrip("s") in UNITS or word.lower() in UNITS else text
            yield "bad", f"action {number} says {meant}; its call has {', '.join(map(str, values))}"
    named = {each.lower() for each in leaves if isinstance(each, str)} | {call.target.lower()}
    for address in ADDRESS.findall(sentence):
        if address.lower() not in named:
            yield "bad", f"action {number} names {address}, its call does not"


def units(word: str, call: Decoded) -> set[int]:
    """What one of the unit that a number's next word names is worth in a call's arguments; of any unit when it names none."""
    word = word.lower()
    unit = UNITS.get(word) or UNITS.get(word.rstrip("s"))
    if unit is None:
        return {1, *UNITS.values()}
    counts_percent = not any("bps" in name.lower() for _, name in call.inputs)  # as the quorum does
    return {1} if unit == UNITS["%"] and counts_percent else {unit}


def duplicates(made: Simulation) -> Told:
    counted = Counter((call.target, call.value, call.data) for call in made.calls)
    for (target, _, data), times in counted.items():
        if times > 1:
            one = next(call for call in made.calls if (call.target, call.data) == (target, data))
            yield "bad", f"{times} times the same: {one}"
    for number, who, state in made.copies:
        if state not in ("canceled", "defeated", "expired"):
            yield "look", f"proposal {number} by {who}, {state}, says and does the same: both would do it twice"


def ether(made: Simulation) -> Told:
    for number, call in enumerate(made.calls, 1):
        if call.value:
            yield "bad", f"call {number} sends {call.value} wei of ether"
    for name, (before, after) in made.ether.items():
        if after < before:
            yield "bad", f"{name} has {before - after} wei of ether less"


def addresses(made: Simulation) -> Told:
    known, wallets = contract_at(made.deployment), streams(made.proposal.words)
    for number, call in enumerate(made.calls, 1):
        for (kind, name), value in zip(call.inputs, call.arguments, strict=True):
            if kind != "address":
                continue
            at = to_checksum_address(value)
            if terms := wallets.get(at):
                begin, end = (moment(each, made.time) for each in (terms.start, terms.start + terms.seconds))
                yield "look", f"call {number}: {at} is a stream: {terms.beneficiary} gets it from {begin} to {end}"
            elif value == ZERO:
                yield "bad", f"call {number}: {name or 'an address'} is zero"
            elif at not in known and not made.code.get(at):
                yield (
                    "look",
                    f"call {number}: {name or 'an address'} {at} has no code: make sure that it is whom you mean",
                )
            elif at in known and call.function == "transfer":
                yield "bad", f"call {number} pays into {known[at]}, from where nobody can fetch it"


def roles(made: Simulation) -> Told:
    known = contract_at(made.deployment)
    timelock = made.deployment.address(TREASURY)
    for contract, event, args in made.events:
        if event not in ("RoleGranted", "RoleRevoked", "RoleAdminChanged"):
            continue
        role = roles_of([contract]).get(bytes(args["role"]))
        if role is None:
            yield "bad", f"{contract} has no role 0x{bytes(args['role']).hex()}: nothing asks for it"
            continue
        if event == "RoleAdminChanged":
            yield "bad", f"{contract}: who may give {role} is changed"
            continue
        account = to_checksum_address(args["account"])
        who = known.get(account, account)
        if event == "RoleRevoked":
            verdict: Verdict = "bad" if account == timelock or role in POWERS else "look"
            yield verdict, f"{contract}: {who} loses {role}"
        elif role in POWERS:
            yield "bad", f"{contract}: {who} gets {role}, the power to do what votes decide"
        elif account not in known and not made.code.get(account):
            yield "bad", f"{contract}: {who}, an account without code, gets {role}"
        else:
            kind = "" if account in known else ", which is not of this deployment: read its source"
            yield "look", f"{contract}: {who} gets {role}{kind}"
    for contract, event, args in made.events:
        if event in ("OwnershipTransferred", "TimelockChange"):
            yield "bad", f"{contract}: {event} {args}"
        if event == "DelegateChanged" and to_checksum_address(args["delegator"]) == timelock:
            to = to_checksum_address(args["toDelegate"])
            if to != ZERO:
                yield "bad", f"{known.get(to, to)} gets the votes of the treasury"
        if event == "GuardianSet":
            yield "look", f"the guardian becomes {args.get('guardian')}"


def bounds(made: Simulation) -> Told:
    limits = {(each.contract, each.getter): each for each in BOUNDS.values()}
    limits["Channels", "protocolFeeBps"] = BOUNDS["protocol_fee_bps"]
    for view in made.views:
        limit = limits.get((view.contract, view.name))
        before, after = view.before.later, view.after.later
        if limit is None or not after.isdecimal():
            continue
        value = int(after)
        low = limit.low if isinstance(limit.low, int) else 0  # where it is another parameter, the contract compares
        high = limit.high if isinstance(limit.high, int) else 1 << 256
        if not low <= value <= high:
            yield "bad", f"{view.contract}.{view.name} becomes {value}, outside {low} … {high}"
        elif value in (low, high):
            yield "look", f"{view.contract}.{view.name} becomes {value}, which is as far as the code allows"
        elif before.isdecimal() and not int(before) <= LEAP * value <= LEAP**2 * int(before):
            yield "look", f"{view.contract}.{view.name} becomes {value}, from {before}: is it in the right unit?"
    if "OutOfBounds" in made.error:
        yield "bad", f"a parameter would leave its bounds: {made.error}"


def delay(made: Simulation) -> Told:
    before, after = made.delay
    if made.executed and made.announced < before:
        yield "bad", f"only {made.announced} seconds between queuing and execution, the delay is {before}"
    if made.executed and after < before:
        yield (
            "bad" if after < before / 2 else "look",
            f"the delay before executions falls from {before} to {after} seconds",
        )


def funds(made: Simulation) -> Told:
    for name, (before, after) in made.held.items():
        if name in HOLDERS and after < before:
            yield "bad", f"{name} has {(before - after) / OPG:,.18g} OPG of other people less"
    before, after = made.held.get(TREASURY, (0, 0))
    if after < before:
        share = (before - after) / before
        part = f"{share:.2%}" if share >= LEAST_SHARE else f"less than {LEAST_SHARE:.2%}"
        text = f"the treasury pays {(before - after) / OPG:,.18g} OPG, {part} of what it has"
        yield ("bad" if share > LARGE_SHARE else "look"), text
    for contract, event, args in made.events:
        given = contract == "OPG" and event == "Approval" and args["owner"] == made.deployment.address(TREASURY)
        if given and args["value"]:
            amount = f"{int(args['value']) / OPG:,.18g}"
            yield "bad", f"{args['spender']} may take {amount} OPG from the treasury whenever it likes"


def exits(made: Simulation) -> Told:
    for name, problem in made.exits:
        if problem:
            yield ("look" if "could not be opened" in name or name == "any" else "bad"), f"{name}: {problem}"


CHECKS: dict[str, Callable[[Simulation], Told]] = {
    "it can be executed": executes,
    "targets are the protocol's own, verified contracts": targets,
    "no target can destroy or replace itself": destruct,
    "every call can be read, none hides another": readable,
    "the description says what the calls do": described,
    "no action is there twice": duplicates,
    "no ether moves": ether,
    "addresses are meant": addresses,
    "no power leaves the timelock": roles,
    "parameters stay inside their bounds": bounds,
    "the delay is kept": delay,
    "nobody's funds are touched": funds,
    "every exit still works": exits,
}
AFTERWARDS = (roles, bounds, delay, funds, exits)  # they look at what the execution did
OKAY = {
    "it can be executed": "proposed, voted, queued and executed on a copy of the chain",
    "targets are the protocol's own, verified contracts": "their code is what this source compiles to",
    "no target can destroy or replace itself": "none",
    "every call can be read, none hides another": "all of it, to the last byte",
    "the description says what the calls do": "word for word",
    "no action is there twice": "none",
    "no ether moves": "none",
    "addresses are meant": "all known",
    "no power leaves the timelock": "no role changes",
    "parameters stay inside their bounds": "all of them",
    "the delay is kept": "all of it",
    "nobody's funds are touched": "no OPG leaves a contract",
    "every exit still works": "stake, thaws and channels that existed before were left afterwards",
}


def flat(values: object) -> Iterator[object]:
    """All leaves of nested lists and tuples."""
    if isinstance(values, (list, tuple)):
        for each in values:
            yield from flat(each)
    else:
        yield values


def same_code(name: str, code: bytes) -> bool:
    """Whether this is the contract's runtime code, but for its immutables."""
    made = artifact(name)
    expected = bytes.fromhex(made.runtime)
    return len(code) == len(expected) and made.without_immutables(code) == made.without_immutables(expected)


def opcodes(code: bytes) -> set[int]:
    """The instructions of a code, without the data that PUSH carries."""
    found, at = set(), 0
    while at < len(code):
        found.add(code[at])
        at += code[at] - PUSH1 + 2 if PUSH1 <= code[at] <= PUSH32 else 1
    return found
