"""The same deployment on a private chain with the same id, first: what it costs, whether anything refuses, and what must be there afterwards.

Addresses depend on the plan only, so the rehearsed contracts are the real ones, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opg.chain.local import LocalChain
from opg.deploy.plan import Plan
from opg.deploy.reading import read_all_views, read_code
from opg.deploy.runner import Runner


@dataclass(frozen=True)
class Rehearsal:
    """Gas by task; code and the values of all views without arguments by contract."""

    gas: dict[str, int]
    code: dict[str, bytes]
    views: dict[str, dict[str, Any]]


def rehearse(plan: Plan) -> Rehearsal:
    """Takes a second or two. Raises what the deployment would."""
    with LocalChain(plan.network.chain_id) as local:
        runner = Runner(local.chain, local.account(1_000), plan)
        runner.run()
        code = {name: read_code(local.chain, at) for name, at in plan.addresses.items()}
        return Rehearsal(runner.used, code, read_all_views(local.chain, plan.addresses))
