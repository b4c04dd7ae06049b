"""What an operator decides for itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Price in wei of OPG for one answer, times in seconds."""

    price: int = 0
    poll_seconds: float = 1.0
    commit_every_seconds: float = 0.0  # 0: only when asked
    commit_at: int = 1024  # answers that wait: commit without waiting longer
    endpoint: str = ""
    confirmations: int = 0
    eth_in_opg: float = 0.0  # what one ether is worth; 0: unknown, vouchers are redeemed only before they end
    redeem_factor: float = 20.0  # vouchers are redeemed when they are worth so many times their gas
    redeem_every_seconds: float = 600.0
    max_skew_seconds: float = 60.0  # between this machine's clock and the chain's; 0: any
    max_blind_seconds: float = 900.0  # without the chain: no new answers are signed after that
    alarm_seconds: float = 3_600.0  # a dispute's clock that runs lower is an alarm
    drain_seconds: float = 30.0  # for requests that are being answered when the node is told to stop
