"""Proposals: written in the protocol's own terms, simulated, submitted, voted, executed. docs/governance.md

A proposal script takes its vocabulary from here:

    from opg.governance import OPG, OPGGovernor, days, give_role, grant, percent, seconds, set_, stream, take_role, tokens
"""

from opg.governance.terms import (
    OPG,
    Action,
    Call,
    Channels,
    Disputes,
    Guardian,
    Inference,
    Models,
    OPGGovernor,
    OPGTimelock,
    Staking,
    Term,
    bps,
    contract,
    days,
    give_role,
    grant,
    hours,
    percent,
    set_,
    settable,
    stream,
    take_role,
    tokens,
)

__all__ = [
    "OPG",
    "Action",
    "Call",
    "Channels",
    "Disputes",
    "Guardian",
    "Inference",
    "Models",
    "OPGGovernor",
    "OPGTimelock",
    "Staking",
    "Term",
    "bps",
    "contract",
    "days",
    "give_role",
    "grant",
    "hours",
    "percent",
    "set_",
    "settable",
    "stream",
    "take_role",
    "tokens",
]
