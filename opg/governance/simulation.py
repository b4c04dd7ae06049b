"""A proposal's whole life on a private copy of the chain: proposed, voted, queued, executed; and what it changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from opg.chain import Chain
from opg.chain.deployment import Deployment
from opg.errors import OPGError
from opg.governance.ballot import CHOICES
from opg.governance.exits import Exits
from opg.governance.fork import Event, Fork, Played, Reverted
from opg.governance.onchain import Governance, State
from opg.governance.proposal import Decoded, Proposal, decode_proposal
from opg.governance.views import View, Views
from opg.governance.voters import Voter, possible_voters, voters_at
from opg.words import shown as amount

HOLDERS = ("Staking", "Channels", "Inference", "Disputes")  # of other people's OPG
TREASURY = "OPGTimelock"
ANYBODY = to_checksum_address("0x" + "a11ce".rjust(40, "0"))  # may queue and execute
ENDED = (State.CANCELED, State.DEFEATED, State.EXPIRED, State.EXECUTED)


@dataclass
class Simulation:
    """All that a report and its checks are made of. Amounts are wei."""

    proposal: Proposal
    calls: list[Decoded]
    deployment: Deployment
    chain_id: int
    block: int
    time: int  # seconds, of that block
    proposer: str = ""  # who made it; where nobody has, who would today
    submitted: bool = False
    copies: list[tuple[int, str, str]] = field(
        default_factory=list
    )  # others of the same words: number, proposer, state
    voters: list[Voter] = field(default_factory=list)  # who can vote, the most votes first, with those that were lent
    quorum: int = 0  # votes
    lent: int = 0  # votes that nobody has delegated today and the simulation needed
    steps: list[Played] = field(default_factory=list)
    error: str = ""  # why it stopped; empty when it was executed
    events: list[Event] = field(default_factory=list)
    slots: list[tuple[str, str, str, str]] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    held: dict[str, tuple[int, int]] = field(default_factory=dict)  # OPG of each contract, before and after
    ether: dict[str, tuple[int, int]] = field(default_factory=dict)
    exits: list[tuple[str, str]] = field(default_factory=list)  # what was tried afterwards, and why it failed
    code: dict[str, bytes] = field(default_factory=dict)  # of every address that is called or named in an argument
    delay: tuple[int, int] = (0, 0)
    announced: int = 0  # seconds between queuing and execution

    @property
    def executed(self) -> bool:
        return not self.error and bool(self.steps)


def simulate(chain: Chain, proposal: Proposal, with_exits: bool = True) -> Simulation:
    """Plays a proposal on a copy of the chain. The chain itself is only read.

    A proposal that exists already is played from where it stands. What a proposal breaks is in the result, never raised.
    """
    governance = Governance(chain)
    copies = [(number, who, governance.state(copy).name.lower())
              for number, copy, who in governance.copies(proposal) if number != proposal.id]  # fmt: skip
    with Fork(chain) as fork:
        made = _Stage(fork, proposal, with_exits).play()
    made.copies = copies
    return made


class _Stage:
    def __init__(self, fork: Fork, proposal: Proposal, with_exits: bool) -> None:
        self.fork, self.proposal = fork, proposal
        calls = decode_proposal(fork.deployment, proposal)
        self.made = Simulation(proposal, calls, fork.deployment, fork.chain.id, fork.chain.head(), fork.time())
        self.able = possible_voters(fork.chain)
        self.exits = Exits(fork) if with_exits else None
        self.parts = (list(proposal.targets), list(proposal.values), list(proposal.calldatas))

    def play(self) -> Simulation:
        made, fork = self.made, self.fork
        made.code = self._code()
        try:
            self._to_the_queue()
            made.delay = (int(fork.chain.read(TREASURY, "getMinDelay")), 0)
            self._execute()
            made.delay = (made.delay[0], int(fork.chain.read(TREASURY, "getMinDelay")))
        except OPGError as problem:
            made.error = str(problem)
        if self.exits and made.executed:
            made.exits = self.exits.leave()
        return made

    # ------------------------------------------------------------------ the life of it

    def _to_the_queue(self) -> None:
        made, fork, read = self.made, self.fork, self.fork.chain.read
        number = self.proposal.id
        made.submitted = fork.try_read("OPGGovernor", "state", number) is not None
        if made.submitted:
            made.proposer = read("OPGGovernor", "proposalProposer", number)
        else:
            self._gather(self.proposal.reserved, int(read("OPGGovernor", "proposalThreshold")))
            made.proposer = self.proposal.reserved or made.voters[0].account
            self._step(made.proposer, "propose", *self.parts, self.proposal.description)
        begin = int(read("OPGGovernor", "proposalSnapshot", number))
        if made.submitted and fork.time() <= begin:
            self._gather(None, 0)
        fork.move_to(begin + 1)
        state = State(read("OPGGovernor", "state", number))
        if state in ENDED:
            others = f"; others than {made.proposer} can still propose these words: PROPOSER in the file says who"
            more = others if state is State.CANCELED else ""
            raise Reverted(f"it was {state.name.lower()} already: nothing more can happen{more}")
        if state is State.ACTIVE:
            self._vote(number, begin)
            fork.move_to(int(read("OPGGovernor", "proposalDeadline", number)) + 1)
        queued_at = fork.time()
        if int(read("OPGGovernor", "state", number)) == State.SUCCEEDED:
            queued_at = fork.time() + 1
            self._step(None, "queue", *self.parts, self.proposal.description_hash)
        due = int(read("OPGGovernor", "proposalEta", number))
        made.announced = max(0, due - queued_at)
        fork.move_to(due)

    def _vote(self, number: int, begin: int) -> None:
        """For it, the most votes first, until it passes. Who has voted has voted; and nobody gets votes any more, now that voting has begun."""
        read = self.fork.chain.read
        self.made.voters = voters_at(self.fork.chain, [each.account for each in self.made.voters] or self.able, begin)
        self.made.quorum = quorum = int(read("OPGGovernor", "quorum", begin))
        against, in_favour, abstain = map(int, read("OPGGovernor", "proposalVotes", number))
        for voter in self.made.voters:
            if in_favour > against and in_favour + abstain >= quorum:
                return
            if not read("OPGGovernor", "hasVoted", number, voter.account):
                self._step(voter.account, "castVote", number, CHOICES["for"])
                in_favour += voter.votes
        if in_favour <= against or in_favour + abstain < quorum:
            raise Reverted(
                f"with the votes of all who have not voted yet it does not pass: {amount(in_favour)} for it, "
                f"{amount(against)} against, {amount(abstain)} abstain; a quorum is {amount(quorum)}"
            )

    def _gather(self, proposer: str | None, threshold: int) -> None:
        """Who can vote today, with enough votes for a quorum, and for a proposal (of this proposer; without one, of anybody). What is
        missing the largest holders lend who have not delegated: until voting begins they still can.
        """
        made, fork, read = self.made, self.fork, self.fork.chain.read
        now = fork.time()
        fork.move_to(now + 1)
        quorum = int(read("OPGGovernor", "quorum", now))
        found = {each.account: each.votes for each in voters_at(fork.chain, self.able, now)}

        def enough() -> bool:
            return sum(found.values()) >= quorum and (
                proposer is not None or max(found.values(), default=0) >= threshold
            )

        unable = proposer is not None and found.get(proposer, 0) < threshold
        if unable or not enough():
            idle = {who: has for who, has in fork.holders().items() if int(read("OPG", "delegates", who), 16) == 0}
            for account, held in sorted(idle.items(), key=lambda each: each[0] != proposer):
                if enough() and not (unable and account == proposer):
                    break
                fork.send(account, "OPG", "delegate", account)
                found[account] = found.get(account, 0) + held
                made.lent += held
            fork.move_to(fork.time() + 1)
        made.voters = voters_at(fork.chain, list(found), fork.time() - 1)
        if sum(found.values()) < quorum:
            raise Reverted("there is not enough OPG outside of contracts to reach a quorum")

    def _step(self, account: str | None, function: str, *arguments: Any) -> Played:
        played = self.fork.send(account or ANYBODY, "OPGGovernor", function, *arguments)
        self.made.steps.append(played)
        return played

    # ------------------------------------------------------------------ before and after

    def _execute(self) -> None:
        """With everything compared before and after."""
        made, fork = self.made, self.fork
        if self.exits:
            self.exits.prepare()  # not before: it takes OPG from somebody who votes
        views, held, ether = Views(fork), self._held(), self._ether()
        played = self._step(None, "execute", *self.parts, self.proposal.description_hash)
        made.events = list(fork.events(played))
        made.slots = fork.slots(played)
        made.views = views.changed(made.events)
        held_after, ether_after = self._held(), self._ether()
        made.held = {name: (amount, held_after[name]) for name, amount in held.items()}
        made.ether = {name: (amount, ether_after[name]) for name, amount in ether.items()}

    def _held(self) -> dict[str, int]:
        read, at = self.fork.chain.read, self.fork.deployment.address
        return {name: int(read("OPG", "balanceOf", at(name))) for name in (*HOLDERS, TREASURY)}

    def _ether(self) -> dict[str, int]:
        eth = self.fork.chain.w3.eth
        return {name: int(eth.get_balance(at)) for name, at in self.fork.deployment.addresses.items()}  # type: ignore[arg-type]

    def _code(self) -> dict[str, bytes]:
        named = set(self.proposal.targets)
        for call in self.made.calls:
            for (kind, _), value in zip(call.inputs, call.arguments, strict=True):
                named |= {value} if kind == "address" else set(value) if kind == "address[]" else set()
        eth = self.fork.chain.w3.eth
        return {to_checksum_address(each): bytes(eth.get_code(to_checksum_address(each))) for each in named}
