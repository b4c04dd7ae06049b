"""How a node is: for `opg node status`, and for programs at GET /opg/v1/status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opg.errors import OPGError
from opg.node.store import Store

if TYPE_CHECKING:
    from opg.node.node import Node


def status(node: Node) -> dict[str, Any]:
    """Everything an operator wants to know. Amounts in wei as texts, times in seconds."""
    try:
        node.check_fit()
        ready = "yes"
    except OPGError as problem:
        ready = f"no: {problem}"
    return {
        "operator": node.operator,
        "key": node.sender.address,
        "ready": ready,
        "price": str(node.policy.price),
        "versions": {
            str(each.id): f"{node.names[each.model_id]} (model {each.model_id})" for each in node.versions.values()
        },
        "workers": node.pool.alive,
        "waiting": node.pool.waiting,
        "chain": {
            "head": node.view.head,
            "ageSeconds": round(node.view.age, 1),
            "skewSeconds": round(node.view.skew, 1),
        },
        "clocks": {f"0x{game.hex()}": left for game, left in node.duties.defence.clocks.items()},
        "alarms": dict(node.duties.alarms),
        **stored(node.store),
    }


def stored(store: Store) -> dict[str, Any]:
    """What the store alone tells, also when no node runs."""
    vouchers = store.vouchers_to_redeem()
    planned = store.planned_batch()
    return {
        "answers": store.answer_count(),
        "uncommitted": store.uncommitted_count(),
        "plannedBatch": f"0x{planned[0].hex()}" if planned else None,
        "vouchers": len(vouchers),
        "unredeemed": str(store.unredeemed()),
        "requests": {state: store.request_count(state) for state in ("open", "fulfilled")},
        "games": [f"0x{game.hex()}" for game, _ in store.games()],
    }
