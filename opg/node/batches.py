"""Committing many answers for the price of one transaction, once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from opg.chain.connection import Chain
from opg.chain.events import REORG_BLOCKS, EventReader, emitted
from opg.chain.sender import Sender
from opg.log import say
from opg.node.store import Store
from opg.tensor.commitment import ListTree

MAX_BATCH = 1 << 17
MAX_BATCH_BYTES = 96 * 1024 * 1024  # watchtowers fetch a batch as JSON, which is twice as long, and refuse 256 MiB
TREES = 4


def commit_batch(store: Store, sender: Sender, operator: str, endpoint: str) -> int | None:
    """Commits the answers of a store that are in no batch yet; `endpoint` is where their data can be
    fetched.

    The batch is on disk before it is sent. One that was planned and whose fate is unknown is looked for on the chain first, and not sent
    again while a transaction of this account is under way. Gives its id, or None when there was nothing to commit or it has to be
    waited for. Raises `AlreadyRunning` while another process commits.
    """
    with store.exclusive("commit"):
        planned = store.planned_batch()
        if planned is not None:
            root, count, start = planned
            found = find_batch(sender.chain, operator, root, start)
            if found is not None:
                store.batch_committed(root, *found)
                return found[0]
            if _under_way(sender):
                sender.push_out()
                say("waiting", why="a transaction of this key is under way", batch=root)
                return None
        else:
            digests = store.waiting(MAX_BATCH, MAX_BATCH_BYTES)
            if not digests:
                return None
            root, count = ListTree(digests).root, len(digests)
            if not store.plan_batch(root, digests, sender.chain.head()):
                return None
        where = f"{endpoint.rstrip('/')}/opg/v1/batch/0x{root.hex()}"
        sent = sender.send("Inference", "commit", operator, root, count, where)
        batch_id = int(emitted(sender.chain, sent, "Inference", "Committed")[0]["batchId"])
        store.batch_committed(root, batch_id, int(sent.receipt["blockNumber"]))
        say("committed", batch=batch_id, answers=count)
        return batch_id


def find_batch(chain: Chain, operator: str, root: bytes, start: int) -> tuple[int, int] | None:
    """The id of a batch on chain and its block; it was planned at block `start`."""
    first = max(chain.deployment.block, start - REORG_BLOCKS)
    for event in EventReader(chain, [("Inference", "Committed")], first).read():
        if event.args["operator"] == operator and bytes(event.args["root"]) == root:
            return int(event.args["batchId"]), event.block
    return None


def check_batches(store: Store, chain: Chain, operator: str, head: int) -> None:
    """Batches that a re-organisation took off the chain, or gave another id, are to be committed again or noted anew."""
    for root, batch_id in store.batch_ids(head - REORG_BLOCKS):
        _, _, _, found = chain.read("Inference", "batch", batch_id)
        if bytes(found) != root:
            say("batch lost in a re-organisation", batch=batch_id)
            found = find_batch(chain, operator, root, head - REORG_BLOCKS)
            store.batch_committed(root, *(found or (None, head)))


def _under_way(sender: Sender) -> bool:
    eth = sender.chain.w3.eth
    count = lambda which: sender.chain.rpc(lambda: eth.get_transaction_count(sender.address, which))  # noqa: E731
    return count("pending") != count("latest")


class Trees:
    """The Merkle trees of the batches that were asked for last."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._trees: OrderedDict[bytes, ListTree] = OrderedDict()
        self._lock = Lock()

    def path(self, root: bytes, place: int) -> list[bytes]:
        """Siblings of one answer of a batch, bottom-up."""
        with self._lock:
            if root not in self._trees:
                self._trees[root] = ListTree(self.store.batch_digests(root))
                if len(self._trees) > TREES:
                    self._trees.popitem(last=False)
            self._trees.move_to_end(root)
            return self._trees[root].path(place)
