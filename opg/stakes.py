"""What operators and delegators have at stake, and how they move it. Amounts in wei of OPG, times in unix seconds.

A deed that `Staking` would refuse is refused here first, in words: what there is, until when, what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opg import actions
from opg.chain.connection import Chain
from opg.chain.events import EventReader, emitted
from opg.chain.sender import Sender
from opg.errors import BadInput, StakeRefused
from opg.words import moment, percent, shown


@dataclass(frozen=True)
class Thaw:
    """Stake on its way out: `amount` is what it is worth now, `own` whether it is the operator's own."""

    id: int
    operator: str
    owner: str
    own: bool
    amount: int
    until: int


@dataclass(frozen=True)
class Delegation:
    """What one account has with one operator. `income` waits for `settle`; what does not earn yet may from `warm_at` on."""

    operator: str
    active: int
    earning: int
    warm_at: int
    income: int


@dataclass(frozen=True)
class OwnStake:
    """An operator: its own stake, what others have delegated to it, and what it takes of their income."""

    key: str
    endpoint: str
    active: int
    thawing: int
    locked: int
    free: int
    min_stake: int
    jailed_until: int
    delegated: int
    delegated_earning: int
    delegated_thawing: int
    commission_bps: int
    next_commission_bps: int
    next_commission_at: int

    @property
    def live(self) -> bool:
        return not self.jailed_until and self.active >= self.min_stake


def own_stake(chain: Chain, operator: str) -> OwnStake | None:
    """None for an account that never registered as an operator."""
    key, endpoint = chain.read("Staking", "operatorInfo", operator)
    if int(key, 16) == 0:
        return None
    active, thawing, locked = chain.read("Staking", "stakeOf", operator)
    delegated, delegated_thawing, earning = chain.read("Staking", "delegatedTo", operator)
    bps, next_bps, since = chain.read("Staking", "commissionOf", operator)
    return OwnStake(
        key,
        endpoint,
        active,
        thawing,
        locked,
        chain.read("Staking", "freeStake", operator),
        chain.read("Staking", "minStake"),
        chain.read("Staking", "jailedUntil", operator),
        delegated,
        earning,
        delegated_thawing,
        bps,
        next_bps,
        since,
    )


def delegations_of(chain: Chain, delegator: str) -> list[Delegation]:
    """Those in which something is left: stake, or income."""
    found = [
        Delegation(operator, *chain.read("Staking", "delegationOf", operator, delegator))
        for operator in chain.read("Staking", "operatorsOf", delegator)
    ]
    return [each for each in found if each.active or each.income]


def thaws_of(chain: Chain, owner: str) -> list[Thaw]:
    """All that the account began to take out and did not withdraw, oldest first."""
    topic = bytes(12) + bytes.fromhex(owner[2:])
    started = EventReader(chain, [("Staking", "ThawStarted")], second_indexed=topic).read()
    numbers = [int(event.args["thawId"]) for event in started]
    return [each for each in (_thaw(chain, number) for number in numbers) if each.owner == owner]


def delegate(sender: Sender, operator: str, amount: int, max_commission_bps: int | None = None) -> int:
    """Lends stake to an operator; gives the second from which it earns. Without a greatest commission: the one that the
    operator has now, or has announced."""
    stake = own_stake(sender.chain, operator)
    if stake is None:
        raise StakeRefused(f"{operator} is no operator", "look up the operator's address: it has to register first")
    announced = max(stake.commission_bps, stake.next_commission_bps)
    if max_commission_bps is not None and announced > max_commission_bps:
        raise StakeRefused(
            f"the operator takes {percent(announced)} of the income, you accept {percent(max_commission_bps)}",
            "raise --max-commission, or choose another operator",
        )
    actions.approve(sender, "Staking", amount)
    accepted = announced if max_commission_bps is None else max_commission_bps
    sent = sender.send("Staking", "delegate", operator, amount, accepted)
    return int(emitted(sender.chain, sent, "Staking", "Delegated")[0]["warmAt"])


def undelegate(sender: Sender, operator: str, amount: int | None = None) -> Thaw:
    """Begins to take delegated stake out, all of it when no amount is given."""
    active = int(sender.chain.read("Staking", "delegationOf", operator, sender.address)[0])
    amount = active if amount is None else amount
    if not active or amount > active:
        there = f"you have {shown(active)} with {operator}"
        raise StakeRefused(
            there if active else f"you have nothing with {operator}", "see what you have where: opg stake show"
        )
    actions.pay_income(sender, operator)  # later it would have no part in that
    sent = sender.send("Staking", "undelegate", operator, amount)
    args = emitted(sender.chain, sent, "Staking", "ThawStarted")[0]
    return Thaw(int(args["thawId"]), operator, sender.address, False, amount, int(args["until"]))


def withdraw(sender: Sender, numbers: Sequence[int] = ()) -> int:
    """Takes out what has thawed, own or delegated: these thaws, or all that are over. Gives the sum."""
    chain, now = sender.chain, sender.chain.now()
    wanted = [_thaw(chain, number) for number in dict.fromkeys(numbers)] or thaws_of(chain, sender.address)
    for each in wanted:
        if each.owner != sender.address:
            raise StakeRefused(f"you have no thaw {each.id}", "see yours with: opg stake show")
    if not wanted:
        raise StakeRefused("nothing of yours thaws", "begin with: opg stake undelegate, or opg operator thaw")
    early = sorted((each for each in wanted if now < each.until), key=lambda each: each.until)
    if early and (numbers or len(early) == len(wanted)):
        raise StakeRefused(
            f"thaw {early[0].id} of {shown(early[0].amount)} is not over before {moment(early[0].until)}",
            f"wait until then: opg stake withdraw {early[0].id}",
        )
    return sum(_finish(sender, each) for each in wanted if now >= each.until)


def _thaw(chain: Chain, number: int) -> Thaw:
    return Thaw(number, *chain.read("Staking", "thaw", number))


def _finish(sender: Sender, thaw: Thaw) -> int:
    sent = sender.send("Staking", "finishThaw", thaw.id)
    return int(emitted(sender.chain, sent, "Staking", "Unstaked")[0]["amount"])


def settle(sender: Sender, delegator: str) -> int:
    """As `actions.settle`, for somebody who delegates."""
    if not sender.chain.read("Staking", "operatorsOf", delegator):
        raise StakeRefused(f"{delegator} delegates to nobody", "begin with: opg stake delegate OPERATOR AMOUNT")
    return actions.settle(sender, delegator)


def set_commission(sender: Sender, bps: int) -> int:
    """Takes this part of the delegators' income from now on, or, when it is more and somebody has delegated, a thaw later.
    Gives the second from which it counts."""
    chain = sender.chain
    most, step = (int(chain.read("Staking", name)) for name in ("MAX_COMMISSION_BPS", "MAX_COMMISSION_STEP_BPS"))
    if bps > most:
        raise BadInput(f"a commission is at most {percent(most)}", "choose a lower one")
    stake = own_stake(chain, sender.address)
    lent = stake is not None and stake.delegated + stake.delegated_thawing
    if stake is not None and lent and bps > stake.commission_bps + step:
        raise StakeRefused(
            f"a commission rises by at most {percent(step)} at a time, from {percent(stake.commission_bps)} now",
            f"announce {percent(stake.commission_bps + step)} first; it counts after the thawing time",
        )
    sent = sender.send("Staking", "setCommission", bps)
    return int(emitted(chain, sent, "Staking", "CommissionSet")[0]["since"])


def rehabilitate(sender: Sender) -> None:
    """Ends the sender's jail."""
    chain = sender.chain
    stake = own_stake(chain, sender.address)
    if stake is None or not stake.jailed_until:
        raise StakeRefused(f"{sender.address} is not in jail", "nothing is left to do")
    if chain.now() < stake.jailed_until:
        raise StakeRefused(
            f"in jail until {moment(stake.jailed_until)}",
            "wait until then: opg stake rehabilitate; own stake can be added now",
        )
    if stake.active < stake.min_stake:
        raise StakeRefused(
            f"own stake of {shown(stake.active)} is below the minimum of {shown(stake.min_stake)}",
            f"add {shown(stake.min_stake - stake.active)} at least: opg operator stake",
        )
    sender.send("Staking", "rehabilitate")


def burn_slashed(sender: Sender) -> int:
    """Burns what slashes have set aside for it; gives how much."""
    amount = int(sender.chain.read("Staking", "burnable"))
    if not amount:
        raise StakeRefused("nothing waits to be burned", "nothing is left to do")
    sent = sender.send("Staking", "burnSlashed")
    return int(emitted(sender.chain, sent, "Staking", "SlashedBurned")[0]["amount"])
