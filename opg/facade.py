"""What people do with the facade for the `opengradient` SDK; see docs/compatibility.md. Amounts in wei of OPG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from web3.contract import Contract

from opg import actions
from opg.chain.artifacts import artifact
from opg.chain.connection import Chain
from opg.chain.sender import Sender
from opg.chain.structs import NO_ADDRESS
from opg.errors import BadInput
from opg.tensor import Compiled, Spec

FACADE = "OpenGradientFacade"
FLOAT, BOOL, LONG = "float32", "bool", "int64"


def named_input(spec: Spec) -> tuple[str, bool, int, int, list[int]]:
    """One input as `describe` takes it: name, whether integers, their bounds, shape."""
    if spec.dtype == FLOAT:
        low, high = 0, 0
    elif spec.dtype == BOOL:
        low, high = 0, 1
    else:  # the machine's integers have 32 bits, also where the file says int64
        info = np.iinfo(np.int32 if spec.dtype == LONG else spec.dtype)
        low, high = int(info.min), int(info.max)
    return spec.name, spec.dtype != FLOAT, low, high, list(spec.shape)


def open_to_sdk(sender: Sender, version_id: int, compiled: Compiled, operators: Sequence[str]) -> None:
    """Makes a version of the sender's model known to the facade: names its inputs and who answers by default, binds its content identifier."""
    chain = sender.chain
    if not chain.read(FACADE, "inputsOf", version_id):
        sender.send(FACADE, "describe", version_id, [named_input(spec) for spec in compiled.inputs])
    sender.send(FACADE, "setOperators", version_id, list(operators))
    cid = chain.read("Models", "version", version_id)[8]
    if not chain.read(FACADE, "versionOf", cid):
        sender.send(FACADE, "bind", version_id)


def deposit(sender: Sender, amount: int, max_fee: int) -> str:
    """Pays into the sender's escrow; gives its address. `max_fee`: what it pays at most for one answer."""
    actions.approve(sender, FACADE, amount)
    sender.send(FACADE, "deposit", amount, max_fee)
    return escrow_of(sender.chain, sender.address).address


def withdraw(sender: Sender, amount: int | None = None) -> int:
    """Takes out of the sender's escrow, all by default; gives how much."""
    escrow = escrow_of(sender.chain, sender.address)
    if amount is None:
        amount = available(sender.chain, sender.address)
    if amount:
        sender.transact(escrow.functions.withdraw(sender.address, amount), "Escrow.withdraw")
    return amount


def available(chain: Chain, user: str) -> int:
    """What a user can spend or take out."""
    return int(chain.call(escrow_of(chain, user).functions.available(), "Escrow.available"))


def escrow_of(chain: Chain, user: str) -> Contract:
    """A user's escrow. Raises `BadInput` when there is none."""
    address: Any = chain.read(FACADE, "escrowOf", user)
    if address == NO_ADDRESS:
        raise BadInput(f"{user} has no escrow", "pay some OPG in first: opg escrow deposit")
    return chain.w3.eth.contract(address=address, abi=artifact("Escrow").abi)
