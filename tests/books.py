"""Books kept beside the chain: what every contract owes, and what everybody should hold."""

from __future__ import annotations

from collections.abc import Sequence

from opg.actions import DEBTORS, PAYMASTERS
from opg.chain import Chain


def owed_by(chain: Chain, contract: str, people: Sequence[str]) -> int:
    """Wei that a contract owes these people, or is to burn: credits, incomes, stake, deposits. No request is open."""
    owed = sum(int(chain.read(contract, "creditOf", each)) for each in people)
    if contract in PAYMASTERS:
        owed += sum(int(chain.read(contract, "incomeOf", each)) for each in people)
    if contract == "Staking":
        owed += int(chain.read("Staking", "burnable"))
        owed += sum(sum(chain.read("Staking", "stakeOf", each)[:2]) for each in people)
    if contract == "Channels":
        owed += sum(int(chain.read("Channels", "channel", a, b)[0]) for a in people for b in people)
    return owed


def check_solvent(chain: Chain, people: Sequence[str]) -> None:
    """Every contract holds exactly what it owes, and everybody together the supply."""
    held = {name: int(chain.read("OPG", "balanceOf", chain.deployment.address(name))) for name in DEBTORS}
    assert held == {name: owed_by(chain, name, people) for name in DEBTORS}
    wallets = sum(int(chain.read("OPG", "balanceOf", each)) for each in people)
    assert wallets + sum(held.values()) == int(chain.read("OPG", "totalSupply"))
