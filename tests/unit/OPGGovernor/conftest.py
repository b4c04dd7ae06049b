"""The token, a timelock that its governor rules, and holders who vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import rlp
from eth_abi import encode
from eth_utils import keccak, to_canonical_address, to_checksum_address

from tests.market import deploy_staking

DAY = 86_400
DELAY, PERIOD, THRESHOLD, QUORUM, LATE, TIMELOCK = DAY, 3 * DAY, 1_000 * 10**18, 4, DAY, 2 * DAY
SUPPLY = 10**27
PROPOSER, CANCELLER, EXECUTOR = (keccak(text=f"{name}_ROLE") for name in ("PROPOSER", "CANCELLER", "EXECUTOR"))
STATES = ("pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed")


@pytest.fixture
def opg(evm, alice, bob):
    made = evm.deploy("OPG", alice)
    made.transfer(bob, SUPPLY // 10, sender=alice)
    for holder in (alice, bob):
        made.delegate(holder, sender=holder)
    evm.sleep(1)
    return made


@pytest.fixture
def staking(evm, opg):
    return deploy_staking(evm, opg)


@pytest.fixture
def votes(evm, opg, staking):
    return evm.deploy("OPGVotes", opg, staking)


@pytest.fixture
def timelock(evm, opg, frank):
    """Its governor is what Frank deploys next, so the address is known."""
    governor = to_checksum_address(keccak(rlp.encode([to_canonical_address(frank.address), 1]))[12:])
    return evm.deploy("OPGTimelock", TIMELOCK, [governor], sender=frank)


@pytest.fixture
def governor(evm, votes, timelock, frank):
    made = evm.deploy("OPGGovernor", votes, timelock, (DELAY, PERIOD, THRESHOLD, QUORUM, LATE), sender=frank)
    assert timelock.hasRole(PROPOSER, made)
    return made


@dataclass
class Proposal:
    """One proposal, through its whole life."""

    evm: Any
    governor: Any
    targets: list[Any]
    data: list[bytes]
    text: str

    @property
    def call(self):
        return self.targets, [0] * len(self.targets), self.data

    @property
    def queued(self):
        return (*self.call, keccak(text=self.text))

    @property
    def id(self) -> int:
        return self.governor.hashProposal(*self.queued)

    @property
    def state(self) -> str:
        return STATES[self.governor.state(self.id)]

    def propose(self, who) -> Proposal:
        self.governor.propose(*self.call, self.text, sender=who)
        return self

    def vote(self, *voters, support: int = 1) -> Proposal:
        self.evm.sleep(max(0, self.governor.proposalSnapshot(self.id) + 1 - self.evm.now))
        for voter in voters:
            self.governor.castVote(self.id, support, sender=voter)
        return self

    def close(self) -> Proposal:
        self.evm.sleep(self.governor.proposalDeadline(self.id) + 1 - self.evm.now)
        return self

    def execute(self) -> None:
        anybody = self.evm.accounts[8]
        self.governor.queue(*self.queued, sender=anybody)
        self.evm.sleep(TIMELOCK)
        self.governor.execute(*self.queued, sender=anybody)


@pytest.fixture
def proposal(evm, governor):
    """`proposal(opg, transfer_data)`: not proposed yet."""
    return lambda *calls, text="a proposal": Proposal(
        evm, governor, [target for target, _ in calls], [data for _, data in calls], text
    )


def calldata(signature: str, *values: Any) -> bytes:
    """Of a function whose arguments are all one word."""
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + encode(types, [getattr(v, "address", v) for v in values])
