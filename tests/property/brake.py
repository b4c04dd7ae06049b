"""What the guardian has paused, in plain Python."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.evm import Contract, Evm, account, reverts
from tests.market import DAY, HOUR

REQUESTS, CHANNELS, STAKING = range(3)
COOLDOWN_SECONDS = 30 * DAY  # as `deploy_guardian` has it
pauses = st.sampled_from([1, HOUR, DAY])


class Brake:
    """One business: what begins is refused while it is paused, what has begun goes on."""

    def __init__(self, evm: Evm, guardian: Contract, business: int):
        self.evm, self.guardian, self.business = evm, guardian, business
        self.until = self.pausable_from = 0

    @property
    def paused(self) -> bool:
        return self.evm.now <= self.until

    @property
    def refusal(self) -> Any:
        """What whoever begins something is told while it is paused."""
        return reverts("BusinessPaused", self.business, self.until)

    def turn(self, seconds: int) -> None:
        """The guardian pauses, or thinks better of it."""
        if self.paused:
            self._resume()
        else:
            with reverts("NotPaused", self.business):
                self.guardian.resume(self.business, sender=account(9))
            self._pause(seconds)

    def _pause(self, seconds: int) -> None:
        """Not again before the cool-down is over."""
        if self.evm.now < self.pausable_from:
            with reverts("CoolingDown", self.business, self.pausable_from):
                self.guardian.pause(self.business, seconds, sender=account(9))
            return
        self.guardian.pause(self.business, seconds, sender=account(9))
        self.until = self.evm.now + seconds - 1
        self.pausable_from = self.evm.now + seconds + COOLDOWN_SECONDS

    def _resume(self) -> None:
        """Early; the cool-down stays."""
        self.guardian.resume(self.business, sender=account(9))
        self.until = self.evm.now - 1
