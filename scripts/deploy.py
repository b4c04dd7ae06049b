"""Deploys and wires all contracts, writes the manifest, and leaves the deployer with nothing.

    OPG_PRIVATE_KEY=… python -m scripts.deploy --rpc URL --holder ADDRESS --treasury ADDRESS [--admin ADDRESS]

1. OPG, Models, Staking, Inference, Channels, Referee, Disputes, in this order.
2. SLASHER_ROLE for Disputes and Inference, LOCKER_ROLE for Inference, DISPUTER_ROLE for Disputes.
3. The admin role goes to ADDRESS, or to nobody; the deployer renounces it. All of that is checked.

The same as `opg deploy`. In Brownie: `deploy(BrownieDeployer(project, account), LOCAL, holder, treasury)`.
"""

from __future__ import annotations

import sys
from typing import Any

from opg.chain.deploying import LOCAL, PRESETS, TESTNET, Parameters, deploy


class BrownieDeployer:
    """Deploys through Brownie with one of its accounts."""

    def __init__(self, project: Any, account: Any) -> None:
        from brownie import chain

        self.project, self.account = project, account
        self.address, self.chain_id, self.block = account.address, chain.id, chain.height

    def create(self, name: str, *arguments: Any) -> str:
        """Deploys a contract; gives its address."""
        return str(getattr(self.project, name).deploy(*arguments, {"from": self.account}).address)

    def send(self, name: str, address: str, function: str, *arguments: Any) -> None:
        """Sends a call to a deployed contract."""
        getattr(self._at(name, address), function)(*arguments, {"from": self.account})

    def read(self, name: str, address: str, function: str, *arguments: Any) -> Any:
        """Calls a view of a deployed contract."""
        return getattr(self._at(name, address), function)(*arguments)

    def _at(self, name: str, address: str) -> Any:
        return getattr(self.project, name).at(address)


def main() -> None:
    """The command line of `opg deploy`."""
    from opg.cli import app

    app(["deploy", *sys.argv[1:]])


__all__ = ["LOCAL", "PRESETS", "TESTNET", "BrownieDeployer", "Parameters", "deploy"]

if __name__ == "__main__":
    main()
