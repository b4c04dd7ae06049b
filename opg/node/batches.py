"""Committing many answers for the price of one transaction."""

from __future__ import annotations

from opg.chain.events import emitted
from opg.chain.sender import Sender
from opg.log import say
from opg.node.store import Store
from opg.tensor.commitment import ListTree

MAX_BATCH = 1 << 16


def commit_batch(store: Store, sender: Sender, operator: str, endpoint: str) -> int | None:
    """Commits the answers of a store that are in no batch yet; `endpoint` is where their data can be
    fetched.

    The batch is on disk before it is sent; one that was planned and never seen on chain is sent (again)
    first. Gives its id, or None when there was nothing to commit.
    """
    planned = store.planned_batch()
    if planned is None:
        digests = [each.digest for each in store.uncommitted(MAX_BATCH)]
        if not digests:
            return None
        planned = ListTree(digests).root, len(digests)
        store.plan_batch(planned[0], digests)
    root, count = planned
    where = f"{endpoint.rstrip('/')}/opg/v1/batch/0x{root.hex()}"
    sent = sender.send("Inference", "commit", operator, root, count, where)
    batch_id = int(emitted(sender.chain, sent, "Inference", "Committed")[0]["batchId"])
    store.batch_committed(root, batch_id)
    say("committed", batch=batch_id, answers=count)
    return batch_id
