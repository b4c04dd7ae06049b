"""Proposals on chain: finding them, where they stand, and what moves them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from eth_abi.abi import decode
from hexbytes import HexBytes

from opg.chain import Chain, Event, EventReader, Sender
from opg.deploy.proxy import PROXY
from opg.errors import BadInput, TransactionRefused
from opg.governance.ballot import CHOICES, Ballot, checked_choice, verify
from opg.governance.proposal import Proposal, paid_streams
from opg.governance.terms import Vesting
from opg.governance.vesting import SALT, init_code, wallet_address

# `ProposalCreated`, with its texts as bytes
CREATED = ("uint256", "address", "address[]", "uint256[]", "bytes[]", "bytes[]", "uint256", "uint256", "bytes")


class State(IntEnum):
    """`IGovernor.ProposalState`."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclass(frozen=True)
class Standing:
    """Where a proposal stands. Times are unix seconds on the chain's clock; votes are wei of OPG."""

    state: State
    proposer: str
    votes_begin: int
    votes_end: int
    due: int  # when it can be executed; 0 until it is queued
    against: int
    for_: int
    abstain: int
    quorum: int | None  # known once voting began

    def next_step(self, now: int) -> str:
        """What can be done, and when: for people."""
        match self.state:
            case State.PENDING:
                return f"voting begins {moment(self.votes_begin, now)}"
            case State.ACTIVE:
                return f"voting ends {moment(self.votes_end, now)}: opg proposal vote"
            case State.SUCCEEDED:
                return "it can be queued: opg proposal queue"
            case State.QUEUED if self.due > now:
                return f"it can be executed {moment(self.due, now)}"
            case State.QUEUED:
                return "it can be executed: opg proposal execute"
            case _:
                return "nothing more can happen"


def moment(then: int, now: int) -> str:
    """A time with its distance: `2026-11-21 10:00:00 UTC (in 2 days 3 hours)`."""
    from datetime import UTC, datetime

    left, parts = abs(then - now), []
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, left = divmod(left, size)
        if number and len(parts) < 2:
            parts.append(f"{number} {name}{'s' if number > 1 else ''}")
    distance = " ".join(parts) or "0 seconds"
    known = then <= datetime.max.replace(tzinfo=UTC).timestamp()
    when = datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if known else f"second {then}"
    return f"{when} ({'in ' + distance if then >= now else distance + ' ago'})"


class Governance:
    """The governor of one deployment."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.governor = chain.contract("OPGGovernor")

    def all(self) -> Iterator[tuple[int, Proposal, str]]:
        """Number, proposal and proposer of all that was ever proposed, oldest first, whoever made it with whatever tool."""
        for event in EventReader(self.chain, [("OPGGovernor", "ProposalCreated")]).read():
            args = event.args
            made = Proposal(
                tuple(args["targets"]),
                tuple(args["values"]),
                tuple(bytes(each) for each in args["calldatas"]),
                args["description"],
            )
            if made.id != args["proposalId"]:
                made = replace(made, description=self._description(event))
            yield int(args["proposalId"]), made, str(args["proposer"])

    def _description(self, event: Event) -> str:
        """The description of a proposal whose author wrote bytes that are no text: to the last of them, for they are in its number."""
        receipt = self.chain.rpc(lambda: self.chain.w3.eth.get_transaction_receipt(HexBytes(event.transaction)))
        (log,) = [each for each in receipt["logs"] if each["logIndex"] == event.index]
        return bytes(decode(CREATED, bytes(log["data"]))[-1]).decode("utf-8", "surrogateescape")

    def find(self, number: int) -> Proposal:
        """A proposal by its number, or by its first digits. Raises `BadInput`."""
        found = {each: made for each, made, _ in self.all() if str(each).startswith(str(number))}
        if number in found:
            return found[number]
        if len(found) != 1:
            kind = "no proposal" if not found else "more than one proposal"
            raise BadInput(f"{kind} has the number {number}", "see them all: opg proposal list")
        return next(iter(found.values()))

    def copies(self, proposal: Proposal) -> list[tuple[int, Proposal, str]]:
        """All with these calls and these words, whoever made them, marked or not: number, proposal and proposer, oldest first."""
        same = proposal.unmarked.id
        return [each for each in self.all() if each[1].unmarked.id == same]

    def meant(self, draft: Proposal, proposer: str | None, mine: str | None = None) -> Proposal:
        """The proposal on chain that a file's calls and words are; what the file would propose, where there is none.

        `proposer` is whom the file names. `mine` decides between copies when it names nobody. Raises `BadInput` when that leaves several.
        """
        if proposer and self.exists(draft.by(proposer)):
            return draft.by(proposer)
        found = self.copies(draft)
        if proposer:
            found = [each for each in found if each[2] == proposer]
        elif mine:
            found = [each for each in found if each[2] == mine] or found
        if len(found) > 1:
            raise BadInput(
                "several proposals have these words and calls: "
                + ", ".join(f"{number} by {who}" for number, _, who in found),
                'say whose is meant, in the file: PROPOSER = "0x…"; or name one by its number',
            )
        if found:
            return found[0][1]
        return draft.by(proposer) if proposer else draft

    def exists(self, proposal: Proposal) -> bool:
        """Whether it was submitted."""
        return self._is_known(proposal.id)

    def _is_known(self, number: int) -> bool:
        try:
            self.chain.read("OPGGovernor", "state", number)
        except TransactionRefused as problem:
            if problem.name != "GovernorNonexistentProposal":
                raise
            return False
        return True

    def state(self, proposal: Proposal) -> State:
        """Where a proposal stands, in a word. Raises `TransactionRefused` when it was never submitted."""
        return State(self.chain.read("OPGGovernor", "state", proposal.id))

    def standing(self, proposal: Proposal) -> Standing:
        """Where a proposal stands. Raises `TransactionRefused` when it was never submitted."""
        return self._standing(proposal.id)

    def _standing(self, number: int) -> Standing:
        read = self.chain.read
        state = State(read("OPGGovernor", "state", number))
        begin = int(read("OPGGovernor", "proposalSnapshot", number))
        against, in_favour, abstain = read("OPGGovernor", "proposalVotes", number)
        known = begin < self.time()
        return Standing(
            state,
            read("OPGGovernor", "proposalProposer", number),
            begin,
            int(read("OPGGovernor", "proposalDeadline", number)),
            int(read("OPGGovernor", "proposalEta", number)),
            int(against),
            int(in_favour),
            int(abstain),
            int(read("OPGGovernor", "quorum", begin)) if known else None,
        )

    def time(self) -> int:
        """The chain's clock: the newest block's second."""
        return int(self.chain.block("latest")["timestamp"])

    def submit(self, sender: Sender, proposal: Proposal, streams: list[Vesting]) -> int:
        """Proposes, so that nobody else can propose the same in front; creates wallets of streams that are not there yet. Gives the
        proposal's number. Raises `BadInput` when the sender has proposed these words and calls before: marked or not, they happen once.
        """
        made = proposal.by(sender.address)
        for number, copy, who in self.copies(proposal):
            if who == sender.address:
                state = self.state(copy).name.lower()
                raise BadInput(f"you have proposed this already, as number {number}: it is {state}",
                               "to propose it again, word it anew")  # fmt: skip
        arguments = *self._parts(made), made.description
        if streams:  # what is refused costs nothing
            propose = self.governor.functions["propose"](*arguments)
            self.chain.call(propose, "OPGGovernor.propose", {"from": sender.address})
        for terms in streams:
            self.create_wallet(sender, terms)
        sender.send("OPGGovernor", "propose", *arguments)
        return made.id

    def create_wallet(self, sender: Sender, terms: Vesting) -> str:
        """The wallet of a stream; creates it unless somebody did."""
        address = wallet_address(terms)
        eth = self.chain.w3.eth
        if not self.chain.rpc(lambda: eth.get_code(address)):
            if not self.chain.rpc(lambda: eth.get_code(PROXY)):
                raise BadInput(f"this chain has no CREATE2 proxy at {PROXY}", "deploy it first: see docs/deploying.md")
            sender.send_data(PROXY, SALT + init_code(terms), "Stream")
        return address

    def vote(self, sender: Sender, proposal: Proposal, choice: str, reason: str = "") -> int:
        """Casts the sender's votes; gives how many they were."""
        support = CHOICES[checked_choice(choice)]
        weight = self.weight(proposal.id, sender.address)
        sender.send("OPGGovernor", "castVoteWithReason", proposal.id, support, reason)
        return weight

    def weight(self, number: int, voter: str) -> int:
        """With how many votes an account can vote now. Raises `BadInput` when it cannot."""
        begin = self._may_sign(number, voter)
        if begin >= self.time():
            raise BadInput("voting has not begun", f"it begins {moment(begin, self.time())}")
        weight = int(self.chain.read("OPGGovernor", "getVotes", voter, begin))
        if not weight:
            raise BadInput(
                f"{voter} had no votes when voting began",
                "votes count once they are delegated: opg delegate, before the next proposal",
            )
        return weight

    def sign_check(self, ballot: Ballot) -> None:
        """Raises `BadInput` for a ballot that will never count: voting is over, or the nonce is used."""
        if self.time() > self._may_sign(ballot.proposal, ballot.voter):
            self.weight(ballot.proposal, ballot.voter)
        if ballot.nonce < (next_ := self.nonce(ballot.voter)):
            raise BadInput(
                f"nonce {ballot.nonce} is used, the next one of {ballot.voter} is {next_}", "leave out --nonce"
            )

    def cast(self, sender: Sender, ballot: Ballot, signature: bytes) -> int:
        """Casts the votes of whoever signed; gives how many they were. Raises `BadInput` where the governor would refuse."""
        deployment = self.chain.deployment
        if (ballot.chain, ballot.governor) != (deployment.chain_id, self.governor.address):
            raise BadInput(
                f"it was signed for governor {ballot.governor} on chain {ballot.chain}; "
                f"here is {self.governor.address} on chain {deployment.chain_id}",
                "name the node and the manifest that are meant: --rpc, --manifest",
            )
        if not self._is_known(ballot.proposal):
            raise BadInput(f"there is no proposal {ballot.proposal} here", "see them all: opg proposal list")
        weight = self.weight(ballot.proposal, ballot.voter)
        if ballot.nonce != (next_ := self.nonce(ballot.voter)):
            late = "a signature is good for once; sign anew: opg proposal sign-vote"
            early = "cast what was signed with the nonces before first"
            raise BadInput(f"it was signed with nonce {ballot.nonce}, the next one of {ballot.voter} is {next_}",
                           late if ballot.nonce < next_ else early)  # fmt: skip
        verify(self.chain, ballot, signature)
        support, reason = CHOICES[ballot.choice], ballot.reason
        if reason:
            function, rest = "castVoteWithReasonAndParamsBySig", [reason, b"", signature]
        else:
            function, rest = "castVoteBySig", [signature]
        sender.send("OPGGovernor", function, ballot.proposal, support, ballot.voter, *rest)
        return weight

    def nonce(self, voter: str) -> int:
        """What the next signature of an account has to have."""
        return int(self.chain.read("OPGGovernor", "nonces", voter))

    def _may_sign(self, number: int, voter: str) -> int:
        """The second in which voting begins. Raises `BadInput` when it is over, or the account has voted."""
        standing = self._standing(number)
        if standing.state not in (State.PENDING, State.ACTIVE):
            raise BadInput(f"voting is over: {standing.state.name.lower()}", standing.next_step(self.time()))
        if self.chain.read("OPGGovernor", "hasVoted", number, voter):
            raise BadInput(f"{voter} has voted already", "a vote is cast once; it stands")
        return standing.votes_begin

    def cancel(self, sender: Sender, proposal: Proposal) -> None:
        """Takes back a proposal of the sender's own, as long as voting has not begun."""
        standing = self.standing(proposal)
        if standing.state is not State.PENDING:
            raise BadInput(f"only before voting begins can it be cancelled: it is {standing.state.name.lower()}",
                           "let voters know, so that they vote against it")  # fmt: skip
        if standing.proposer.lower() != sender.address.lower():
            raise BadInput("only its proposer can cancel a proposal", f"that is {standing.proposer}")
        sender.send("OPGGovernor", "cancel", *self._parts(proposal), proposal.description_hash)

    def queue(self, sender: Sender, proposal: Proposal) -> int:
        """Hands an accepted proposal to the timelock; gives the second from which it can be executed. Raises `BadInput` when it is not time."""
        standing = self.standing(proposal)
        if standing.state is not State.SUCCEEDED:
            raise BadInput(
                f"it cannot be queued now: it is {standing.state.name.lower()}", standing.next_step(self.time())
            )
        sender.send("OPGGovernor", "queue", *self._parts(proposal), proposal.description_hash)
        return int(self.chain.read("OPGGovernor", "proposalEta", proposal.id))

    def execute(self, sender: Sender, proposal: Proposal) -> Any:
        """Executes a proposal whose delay is over. Raises `BadInput` when it is not. Creates wallets of its streams that nobody has: a proposer
        with a wallet elsewhere could not.
        """
        standing, now = self.standing(proposal), self.chain.now()
        if standing.state is not State.QUEUED or standing.due > now:
            raise BadInput(f"it cannot be executed now: it is {standing.state.name.lower()}", standing.next_step(now))
        for terms in paid_streams(self.chain.deployment, proposal):
            if self.chain.has_code(PROXY):
                self.create_wallet(sender, terms)
        return sender.send("OPGGovernor", "execute", *self._parts(proposal), proposal.description_hash)

    @staticmethod
    def _parts(proposal: Proposal) -> tuple[list[str], list[int], list[bytes]]:
        return list(proposal.targets), list(proposal.values), list(proposal.calldatas)
