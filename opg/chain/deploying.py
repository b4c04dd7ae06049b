"""What the contracts are made with: parameters, their bounds, and two sets of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OPG = 10**18
SUPPLY = 1_000_000_000 * OPG
MINUTE, HOUR, DAY = 60, 3_600, 86_400
MAX_MOVES = 7  # of one side in a dispute; `Disputes.MAX_MOVES_PER_SIDE`


@dataclass(frozen=True)
class Parameters:
    """Amounts in wei of OPG, times in seconds, shares in basis points."""

    min_stake: int = 1_000 * OPG
    thawing_seconds: int = 7 * DAY
    burn_bps: int = 5_000
    window_seconds: int = DAY
    min_response_seconds: int = 5 * MINUTE
    max_response_seconds: int = 7 * DAY
    collateral: int = 100 * OPG
    max_callback_gas: int = 1_000_000
    protocol_fee_bps: int = 300
    bond: int = 50 * OPG
    penalty: int = 500 * OPG
    clock_seconds: int = DAY
    move_seconds: int = HOUR
    close_seconds: int = DAY
    voting_delay_seconds: int = DAY
    voting_period_seconds: int = 3 * DAY
    proposal_threshold: int = 100_000 * OPG
    quorum_percent: int = 4
    late_quorum_seconds: int = DAY
    timelock_seconds: int = 3 * DAY
    max_pause_seconds: int = 3 * DAY
    cooldown_seconds: int = 14 * DAY

    def inference(self, treasury: Any) -> tuple[Any, ...]:
        """`InferenceParams`."""
        return (
            self.window_seconds,
            self.min_response_seconds,
            self.max_response_seconds,
            self.collateral,
            self.max_callback_gas,
            self.protocol_fee_bps,
            treasury,
        )

    def disputes(self) -> tuple[int, ...]:
        """`DisputeParams`."""
        return (self.bond, self.penalty, self.clock_seconds, self.move_seconds)

    def governor(self) -> tuple[int, ...]:
        """`GovernorParams`."""
        return (
            self.voting_delay_seconds,
            self.voting_period_seconds,
            self.proposal_threshold,
            self.quorum_percent,
            self.late_quorum_seconds,
        )


@dataclass(frozen=True)
class Bounded:
    """Where a parameter can be read, and what the code of its contract keeps it within, both ends inclusive.

    `low` or `high` may name another parameter. `error` is what the contract calls it when it refuses a value.
    """

    contract: str
    getter: str
    low: int | str
    high: int | str
    error: str = ""

    def limits(self, parameters: Parameters) -> tuple[int, int]:
        """Both ends, for these other parameters."""
        low, high = (getattr(parameters, end) if isinstance(end, str) else end for end in (self.low, self.high))
        return low, high


BOUNDS = {
    "min_stake": Bounded("Staking", "minStake", 1, 10_000_000 * OPG),
    "thawing_seconds": Bounded("Staking", "thawingSeconds", HOUR, 90 * DAY),
    "burn_bps": Bounded("Staking", "burnBps", 1_000, 9_000),
    "window_seconds": Bounded("Inference", "windowSeconds", 10 * MINUTE, 30 * DAY),
    "max_response_seconds": Bounded("Inference", "maxResponseSeconds", 10, 30 * DAY),
    "min_response_seconds": Bounded("Inference", "minResponseSeconds", 10, "max_response_seconds"),
    "collateral": Bounded("Inference", "collateral", 1, 10_000_000 * OPG),
    "max_callback_gas": Bounded("Inference", "maxCallbackGas", 0, 5_000_000),
    "protocol_fee_bps": Bounded("Inference", "protocolFeeBps", 0, 1_000),
    "bond": Bounded("Disputes", "bond", OPG, 10_000_000 * OPG),
    "penalty": Bounded("Disputes", "penalty", OPG, 10_000_000 * OPG),
    "clock_seconds": Bounded("Disputes", "clockSeconds", 10 * MINUTE, 14 * DAY),
    "move_seconds": Bounded("Disputes", "moveSeconds", MINUTE, DAY),
    "close_seconds": Bounded("Channels", "closeSeconds", HOUR, 30 * DAY),
    "voting_delay_seconds": Bounded("OPGGovernor", "votingDelay", MINUTE, 14 * DAY),
    "voting_period_seconds": Bounded("OPGGovernor", "votingPeriod", 10 * MINUTE, 30 * DAY),
    "proposal_threshold": Bounded("OPGGovernor", "proposalThreshold", OPG, 10_000_000 * OPG),
    "quorum_percent": Bounded("OPGGovernor", "quorumNumerator", 1, 20),
    "late_quorum_seconds": Bounded("OPGGovernor", "lateQuorumVoteExtension", MINUTE, 7 * DAY),
    "timelock_seconds": Bounded("OPGTimelock", "getMinDelay", 10 * MINUTE, 30 * DAY, "delay"),
    "max_pause_seconds": Bounded("Guardian", "maxPauseSeconds", HOUR, 7 * DAY),
    "cooldown_seconds": Bounded("Guardian", "cooldownSeconds", "max_pause_seconds", 90 * DAY),
}


def shortest_thawing(parameters: Parameters) -> int:
    """Seconds that stake must thaw at least: the last game about an answer still finds it, and whoever was asked before a vote about the minimum can answer."""
    game = 2 * (parameters.clock_seconds + MAX_MOVES * parameters.move_seconds)
    return max(2 * parameters.window_seconds + game, parameters.max_response_seconds)


TESTNET = Parameters()
LOCAL = Parameters(
    thawing_seconds=HOUR,
    window_seconds=10 * MINUTE,
    min_response_seconds=10,
    max_response_seconds=HOUR,
    clock_seconds=10 * MINUTE,
    move_seconds=MINUTE,
    close_seconds=HOUR,
    voting_delay_seconds=MINUTE,
    voting_period_seconds=10 * MINUTE,
    proposal_threshold=OPG,
    late_quorum_seconds=MINUTE,
    timelock_seconds=10 * MINUTE,
    max_pause_seconds=HOUR,
    cooldown_seconds=HOUR,
)
PRESETS = {"local": LOCAL, "testnet": TESTNET}
