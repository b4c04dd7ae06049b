"""The node of an operator."""

from opg.node.batches import commit_batch
from opg.node.http import create_app
from opg.node.income import redeem_vouchers
from opg.node.node import Node
from opg.node.policy import Policy
from opg.node.serve import launch, serve
from opg.node.store import Store

__all__ = ["Node", "Policy", "Store", "commit_batch", "create_app", "launch", "redeem_vouchers", "serve"]
