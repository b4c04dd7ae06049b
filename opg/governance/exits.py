"""Positions that people could have, opened before a proposal is played and left after it: every exit must still be open."""

from __future__ import annotations

from collections.abc import Callable

from eth_utils.address import to_checksum_address

from opg.errors import OPGError
from opg.governance.fork import Fork

OPERATOR = to_checksum_address("0x" + "0e" * 20)
USER = to_checksum_address("0x" + "05" * 20)
SERVING = to_checksum_address("0x" + "5e" * 20)


class Exits:
    """An operator with stake, part of it thawing, and a user with a channel. Their OPG is taken from the largest holder of the copy."""

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        self.thaw_id = 0
        self.skipped: list[tuple[str, str]] = []
        self.tried: list[tuple[str, Callable[[], None]]] = []

    def prepare(self) -> None:
        """Opens the positions; what cannot be opened today (paused, say) is reported, not raised."""
        stake = 2 * int(self.fork.chain.read("Staking", "minStake"))
        self._fund(OPERATOR, stake)
        self._fund(USER, stake)
        self._open("stake", lambda: self._stake(stake))
        self._open("channel", lambda: self._channel(stake))

    def leave(self) -> list[tuple[str, str]]:
        """Leaves them all. Gives each exit with what went wrong, or an empty text."""
        return self.skipped + [(name, self._attempt(exit_)) for name, exit_ in self.tried]

    def _stake(self, amount: int) -> None:
        send, at = self.fork.send, self.fork.deployment.address
        send(OPERATOR, "OPG", "approve", at("Staking"), amount)
        send(OPERATOR, "Staking", "register", SERVING, "https://example.org")
        send(OPERATOR, "Staking", "stake", amount)
        send(OPERATOR, "Staking", "startThaw", amount // 4)
        self.tried.append(("finish a thaw that began before", lambda: self._finish_thaw(amount // 4)))
        self.tried.append(("begin and finish a thaw", lambda: self._thaw_again(amount // 4)))

    def _channel(self, amount: int) -> None:
        send, at = self.fork.send, self.fork.deployment.address
        send(USER, "OPG", "approve", at("Channels"), amount)
        send(USER, "Channels", "deposit", OPERATOR, amount)
        self.tried.append(("close a channel", lambda: self._close(amount)))

    def _finish_thaw(self, amount: int) -> None:
        fork = self.fork
        number = self._last_thaw()
        fork.move_to(fork.time() + int(fork.chain.read("Staking", "thawingSeconds")) + 1)
        self._pays(OPERATOR, amount, lambda: fork.send(OPERATOR, "Staking", "finishThaw", number))

    def _thaw_again(self, amount: int) -> None:
        self.fork.send(OPERATOR, "Staking", "startThaw", amount)
        self._finish_thaw(amount)

    def _close(self, amount: int) -> None:
        fork = self.fork
        fork.send(USER, "Channels", "startClose", OPERATOR)
        fork.move_to(fork.time() + int(fork.chain.read("Channels", "closeSeconds")) + 1)
        self._pays(USER, amount, lambda: fork.send(USER, "Channels", "finishClose", OPERATOR))

    def _last_thaw(self) -> int:
        reader = self.fork.chain.contract("Staking").events["ThawStarted"]
        found = reader.get_logs(from_block=self.fork.deployment.block, argument_filters={"operator": OPERATOR})
        return int(found[-1]["args"]["thawId"])

    def _pays(self, account: str, amount: int, leave: Callable[[], object]) -> None:
        read = self.fork.chain.read
        before = int(read("OPG", "balanceOf", account))
        leave()
        for name in ("Staking", "Channels"):
            if int(read(name, "creditOf", account)):
                self.fork.send(account, name, "withdrawCredit", account)
        paid = int(read("OPG", "balanceOf", account)) - before
        if paid < amount:
            raise OPGError(f"{paid} wei came out of {amount}")

    def _fund(self, account: str, amount: int) -> None:
        fork = self.fork
        # the treasury only where nobody else has enough: the proposal may need it
        held = {**fork.holders(), (treasury := fork.deployment.address("OPGTimelock")): fork.balance(treasury)}
        rich = next((each for each, has in held.items() if has >= amount), None)
        if rich is None:
            self.skipped.append(("any", "nobody on this chain has enough OPG to try"))
            return
        fork.send(rich, "OPG", "transfer", account, amount)

    def _open(self, name: str, open_: Callable[[], None]) -> None:
        if problem := self._attempt(open_):
            self.skipped.append((f"a {name} could not be opened to try its exit", problem))

    @staticmethod
    def _attempt(what: Callable[[], None]) -> str:
        try:
            what()
        except OPGError as problem:
            return str(problem)
        return ""
