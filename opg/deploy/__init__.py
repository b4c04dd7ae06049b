"""Deploying all contracts to any chain, and checking afterwards that what is there is what the source says."""

from opg.deploy.explorers import Outcome, publish
from opg.deploy.network import Network
from opg.deploy.plan import Plan, plan_of
from opg.deploy.release import Release, check_chain, verify_plan
from opg.deploy.runner import Cost, Runner, deploy
from opg.deploy.verify import Check, verify

__all__ = [
    "Check",
    "Cost",
    "Network",
    "Outcome",
    "Plan",
    "Release",
    "Runner",
    "check_chain",
    "deploy",
    "plan_of",
    "publish",
    "verify",
    "verify_plan",
]
