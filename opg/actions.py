"""What people do with the contracts, one function a deed. Amounts in wei of OPG."""

from __future__ import annotations

from collections.abc import Sequence

from opg.chain.connection import Chain
from opg.chain.events import emitted
from opg.chain.sender import Sender
from opg.chain.structs import Request
from opg.tensor import Compiled
from opg.versions import OPTIMISTIC

NO_LONGER_OFFERED = 2**96 - 1
DEBTORS = ("Inference", "Channels", "Staking", "Disputes")
PAYMASTERS = ("Inference", "Channels")


def approve(sender: Sender, contract: str, amount: int) -> None:
    """Lets a contract take OPG from the sender, unless it may already."""
    spender = sender.chain.deployment.address(contract)
    if sender.chain.read("OPG", "allowance", sender.address, spender) < amount:
        sender.send("OPG", "approve", spender, amount)


def stake(sender: Sender, amount: int) -> None:
    """Adds to the sender's stake; it must be registered."""
    approve(sender, "Staking", amount)
    sender.send("Staking", "stake", amount)


def thaw(sender: Sender, amount: int) -> tuple[int, int]:
    """Begins to take stake out. Gives the thaw's number, and when it can be finished in unix seconds."""
    sent = sender.send("Staking", "startThaw", amount)
    args = emitted(sender.chain, sent, "Staking", "ThawStarted")[0]
    return int(args["thawId"]), int(args["until"])


def register_model(sender: Sender, name: str, fee_bps: int, parents: Sequence[tuple[int, int]] = ()) -> int:
    """Registers a model; gives its number. `parents` are models that it was made from, each with its share of this
    one's income in basis points.
    """
    if parents:
        sent = sender.send("Models", "registerDerived", name, fee_bps, list(parents))
    else:
        sent = sender.send("Models", "register", name, fee_bps)
    return int(emitted(sender.chain, sent, "Models", "ModelRegistered")[0]["modelId"])


def publish(sender: Sender, model_id: int, compiled: Compiled, cid: str) -> int:
    """Publishes a version of the sender's model; gives its number."""
    sent = sender.send(
        "Models",
        "publish",
        model_id,
        compiled.program.header,
        compiled.artifact_hash,
        cid,
        compiled.bindings,
        1 << OPTIMISTIC,
    )
    return int(emitted(sender.chain, sent, "Models", "VersionPublished")[0]["versionId"])


def open_channel(sender: Sender, operator: str, amount: int) -> None:
    """Deposits for one operator; again to add to it."""
    approve(sender, "Channels", amount)
    sender.send("Channels", "deposit", operator, amount)


def request(
    sender: Sender, version_id: int, operator: str, inputs: tuple[bytes, ...], fee: int, deadline: int
) -> tuple[bytes, Request]:
    """Asks on chain, without a callback; paid from the sender's credit when that covers the fee. Gives the request's id and its terms."""
    if sender.chain.read("Inference", "creditOf", sender.address) < fee:
        approve(sender, "Inference", fee)
    nobody = "0x" + "00" * 20
    sent = sender.send("Inference", "request", version_id, operator, inputs, OPTIMISTIC, fee, deadline, nobody, 0)
    args = emitted(sender.chain, sent, "Inference", "Requested")[0]
    return bytes(args["requestId"]), Request.of(args["request"])


def prepay(sender: Sender, amount: int) -> None:
    """Adds to the credit from which the sender's requests are paid."""
    approve(sender, "Inference", amount)
    sender.send("Inference", "prepay", amount)


def credits_of(chain: Chain, account: str) -> dict[str, int]:
    """What each contract owes an account."""
    return {name: int(chain.read(name, "creditOf", account)) for name in DEBTORS}


def incomes_of(chain: Chain, operator: str) -> dict[str, int]:
    """What has gathered for an operator and its delegators, by contract."""
    return {name: int(chain.read(name, "incomeOf", operator)) for name in PAYMASTERS}


def pay_income(sender: Sender, operator: str) -> None:
    """Sends on what has gathered for an operator and its delegators. Anyone may."""
    for name, income in incomes_of(sender.chain, operator).items():
        if income:
            sender.send(name, "payIncome", operator)


def settle(sender: Sender, delegator: str) -> int:
    """Credits an account's income with each operator that it delegates to, and lets stake earn that has become warm; gives
    what was credited. Anyone may."""
    chain, total = sender.chain, 0
    for operator in chain.read("Staking", "operatorsOf", delegator):
        active, earning, warm_at, income = chain.read("Staking", "delegationOf", operator, delegator)
        if earning:
            pay_income(sender, operator)
            income = chain.read("Staking", "delegationOf", operator, delegator)[3]
        if income or (active > earning and chain.now() >= warm_at):
            sender.send("Staking", "settle", operator, delegator)
            total += income
    return total


def collect(sender: Sender) -> int:
    """Fetches all that the contracts owe the sender, and its part of what has gathered for stake, its own or delegated;
    gives the sum."""
    pay_income(sender, sender.address)
    settle(sender, sender.address)
    total = 0
    for name, owed in credits_of(sender.chain, sender.address).items():
        if owed:
            sender.send(name, "withdrawCredit", sender.address)
            total += owed
    return total
