"""Who can vote, and with how much: whoever OPG was delegated to, and whoever has staked or delegated stake, which votes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from opg.chain import Chain, EventReader

# events, and whom they name that has votes then
SOURCES = {
    ("OPG", "DelegateVotesChanged"): "delegate",
    ("Staking", "Staked"): "operator",
    ("Staking", "Delegated"): "delegator",
}
AT_ONCE = 250  # accounts in one request


@dataclass(frozen=True)
class Voter:
    """An account with votes, in wei of OPG. `staked` is the part that stake is; the rest is delegated to it."""

    account: str
    votes: int
    staked: int = 0


def possible_voters(chain: Chain) -> list[str]:
    """Everybody who ever had votes, but the contracts of the protocol, whom nobody makes vote."""
    contracts = {to_checksum_address(each) for each in chain.deployment.addresses.values()}
    events = EventReader(chain, list(SOURCES)).read()
    named = dict.fromkeys(str(event.args[SOURCES[event.contract, event.name]]) for event in events)
    return [account for account in named if account not in contracts]


def voters_at(chain: Chain, accounts: Sequence[str], second: int) -> list[Voter]:
    """Those who had votes at a second that is over, the most first."""
    found = []
    for at in range(0, len(accounts), AT_ONCE):
        some = accounts[at : at + AT_ONCE]
        votes, staked = (_read_many(chain, contract, some, second) for contract in ("OPGVotes", "Staking"))
        found += [Voter(*each) for each in zip(some, votes, staked, strict=True)]
    return sorted((each for each in found if each.votes), key=lambda each: -each.votes)


def _read_many(chain: Chain, contract: str, accounts: Sequence[str], second: int) -> list[int]:
    view = "getPastVotes"
    raw = chain.raw([chain.encoded(contract, view, account, second) for account in accounts])
    return [int(chain.read(contract, view, account, second) if word is None else chain.decoded(contract, view, word))
            for account, word in zip(accounts, raw, strict=True)]  # fmt: skip
