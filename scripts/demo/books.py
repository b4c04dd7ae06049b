"""Who has what, before and after, and what every transaction cost: all of it read from the chain."""

from __future__ import annotations

from collections.abc import Sequence

from opg import actions
from opg.chain import artifact
from opg.chain.deploying import LOCAL, SUPPLY
from opg.deploy import plan_of
from opg.deploy.history import history
from opg.deploy.plan import GENESIS
from opg.deploy.proxy import PROXY
from scripts.demo.telling import expect, opg, show
from scripts.stage import Stage

OWNER_FEE_BPS = 1_000
BPS = 10_000
CONTRACTS = ("Staking", "Channels", "Inference", "Disputes")


class Books:
    """What everybody has. `names` are accounts by name; `reader_at` is where the user's contract is, once there is one."""

    def __init__(self, stage: Stage, names: dict[str, str]) -> None:
        self.stage, self.chain, self.names = stage, stage.chain, names
        self.reader_at: str | None = None

    def holdings(self) -> dict[str, int]:
        """Wei of OPG by name: in the wallet, staked, deposited, owed. What LabelReader has is the user's."""
        found = {}
        for name, at in self.names.items():
            active, thawing, _ = self.chain.read("Staking", "stakeOf", at)
            found[name] = self.stage.balance(at) + active + thawing + self.owed_to(at)
        user = self.names["user"]
        found["user"] += sum(self.chain.read("Channels", "channel", user, at)[0] for at in self.names.values())
        if self.reader_at:
            found["user"] += self.stage.balance(self.reader_at)
        return found

    def owed_to(self, account: str) -> int:
        """Credits, and incomes: nobody has delegated, so they are all the operator's."""
        return sum(actions.credits_of(self.chain, account).values()) + sum(
            actions.incomes_of(self.chain, account).values()
        )

    def owed_by(self, contract: str) -> int:
        """What a contract owes everybody."""
        owed = sum(int(self.chain.read(contract, "creditOf", at)) for at in self.names.values())
        if contract in actions.PAYMASTERS:
            owed += sum(int(self.chain.read(contract, "incomeOf", at)) for at in self.names.values())
        if contract == "Staking":
            owed += int(self.chain.read("Staking", "burnable"))
            owed += sum(sum(self.chain.read("Staking", "stakeOf", at)[:2]) for at in self.names.values())
        if contract == "Channels":
            owed += sum(
                self.chain.read("Channels", "channel", a, b)[0]
                for a in self.names.values()
                for b in self.names.values()
            )
        return owed

    def show(self, before: dict[str, int], fees: Sequence[int], bounty: int) -> None:
        """The table, then the check: nothing came from nowhere, nothing went nowhere, and everybody got exactly what the rules say."""
        after = self.holdings()
        rows = [
            (
                name,
                opg(before[name]),
                opg(after[name]),
                f"{'+' if after[name] > before[name] else ''}{opg(after[name] - before[name])}",
            )
            for name in self.names
        ]
        burned = SUPPLY - int(self.chain.read("OPG", "totalSupply"))
        rows.append(("burned", "0", opg(burned), f"+{opg(burned)}"))
        show("who", "before", "after", "change", rows=rows, title="OPG held: in the wallet, staked, deposited, owed")

        expect(sum(after.values()) + burned == SUPPLY, "all that is held and all that was burned is the supply")
        for contract in CONTRACTS:
            held = self.stage.balance(self.chain.deployment.address(contract))
            expect(held == self.owed_by(contract), f"{contract} holds exactly what it owes")
        shares = {
            "model owner": sum(fee * OWNER_FEE_BPS // BPS for fee in fees),
            "treasury": sum(fee * LOCAL.protocol_fee_bps // BPS for fee in fees),
            "watchtower": bounty,
            "liar": -LOCAL.penalty,
            "bank": 0,
        }
        shares["operator"] = sum(fees) - shares["model owner"] - shares["treasury"]
        shares["user"] = -sum(fees)
        for name, change in shares.items():
            expect(after[name] - before[name] == change, f"the {name}'s OPG changed by {opg(change)}")
        expect(burned == LOCAL.penalty - bounty, "what the liar lost is burned or bounty")

    def show_transactions(self) -> None:
        rows = []
        for label, gas in self.transactions().items():
            low, high = min(gas), max(gas)
            rows.append((label, str(len(gas)), f"{low:,}" if low == high else f"{low:,} – {high:,}"))
        show("transaction", "times", "gas each", rows=rows)

    def transactions(self) -> dict[str, list[int]]:
        """Gas used, by what was called, in the order of the first call, read from the chain itself."""
        by_address = {at: name for name, at in self.chain.deployment.addresses.items()}
        by_address[str(self.reader_at)] = "LabelReader"
        plan = plan_of(self.stage.network)
        past = history(self.chain, plan.addresses[GENESIS], len(plan.steps))
        steps = dict(zip(past.transactions, (step.label for step in plan.steps), strict=True))
        found: dict[str, list[int]] = {}
        for number in range(1, self.chain.head() + 1):
            for each in self.chain.w3.eth.get_block(number, full_transactions=True)["transactions"]:
                receipt = self.chain.w3.eth.get_transaction_receipt(each["hash"])
                if each.get("to") is None:
                    label = f"create {by_address.get(receipt['contractAddress'], '?')}"
                elif each["to"] == PROXY:
                    label = f"create {GENESIS}"
                elif step := steps.get("0x" + bytes(each["hash"]).hex()):
                    label = step
                else:
                    name = by_address[each["to"]]
                    contract = self.chain.w3.eth.contract(address=each["to"], abi=artifact(name).abi)
                    label = f"{name}.{contract.get_function_by_selector(bytes(each['input'])[:4]).fn_name}"
                if receipt["status"] != 1:
                    label += " (refused)"
                found.setdefault(label, []).append(int(receipt["gasUsed"]))
        return found
