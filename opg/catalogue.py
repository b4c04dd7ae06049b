"""Which models and versions there are, and who offers them. Prices in wei of OPG."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from opg.actions import NO_LONGER_OFFERED
from opg.chain.connection import Chain
from opg.chain.events import EventReader


@dataclass(frozen=True)
class Model:
    """A registered model. `fee_bps` is its share of each fee, of which `parts` go to itself (first) and its ancestors, in millionths."""

    id: int
    name: str
    owner: str
    fee_bps: int
    parts: dict[int, int]
    licence: str
    metadata_uri: str


def model(chain: Chain, model_id: int) -> Model:
    """Raises `TransactionRefused` (`NoSuchModel`)."""
    fee_bps, _, models, parts = chain.read("Models", "lineage", model_id)
    encoded = str(chain.read("Models", "tokenURI", model_id)).partition(",")[2]
    return Model(
        model_id,
        str(json.loads(base64.b64decode(encoded))["name"]),
        str(chain.read("Models", "ownerOf", model_id)),
        int(fee_bps),
        dict(zip(models, parts, strict=True)),
        str(chain.read("Models", "licenceOf", model_id)),
        str(chain.read("Models", "metadataUriOf", model_id)),
    )


def count(chain: Chain) -> int:
    """How many models there are; they are numbered from 1."""
    return int(chain.read("Models", "modelCount"))


def versions_of(chain: Chain, model_id: int | None = None) -> dict[int, list[int]]:
    """Numbers of versions, oldest first, by model; of one model or of all."""
    topic = None if model_id is None else model_id.to_bytes(32, "big")
    found: dict[int, list[int]] = {}
    for event in EventReader(chain, [("Models", "VersionPublished")], second_indexed=topic).read():
        found.setdefault(int(event.args["modelId"]), []).append(int(event.args["versionId"]))
    return found


def offers_of(chain: Chain, version_id: int) -> dict[str, int]:
    """Prices of on-chain answers by operator, of those that are live now; the cheapest first."""
    topic, prices = version_id.to_bytes(32, "big"), {}
    for event in EventReader(chain, [("Inference", "Offered")], second_indexed=topic).read():
        prices[str(event.args["operator"])] = int(event.args["price"])
    offered = {who: price for who, price in prices.items() if price != NO_LONGER_OFFERED}
    live = {who: price for who, price in offered.items() if chain.read("Staking", "isLive", who)}
    return dict(sorted(live.items(), key=lambda each: each[1]))
