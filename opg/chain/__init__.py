"""Everything that talks to an Ethereum chain. Knows no model and no tensor."""

from opg.chain.accounts import load_account
from opg.chain.artifacts import artifact
from opg.chain.connection import Chain
from opg.chain.deployment import Deployment
from opg.chain.events import Event, EventReader, emitted, find_events
from opg.chain.sender import Sender, Sent
from opg.chain.structs import Answer, Evidence, Header, Operand, OpProof, Request, Run, Voucher
from opg.chain.typed import answer_digest, ask_digest, recover, sign_digest, voucher_digest

__all__ = [
    "Answer",
    "Chain",
    "Deployment",
    "Event",
    "EventReader",
    "Evidence",
    "Header",
    "OpProof",
    "Operand",
    "Request",
    "Run",
    "Sender",
    "Sent",
    "Voucher",
    "answer_digest",
    "artifact",
    "ask_digest",
    "emitted",
    "find_events",
    "load_account",
    "recover",
    "sign_digest",
    "voucher_digest",
]
