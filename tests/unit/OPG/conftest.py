"""The token, all of it Alice's, and Dave's contract wallet."""

import pytest

from tests.typed import sign

TRANSFER = (
    "TransferWithAuthorization(address from,address to,uint256 value,"
    "uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
RECEIVE = TRANSFER.replace("Transfer", "Receive")
CANCEL = "CancelAuthorization(address authorizer,bytes32 nonce)"


@pytest.fixture
def opg(evm, alice):
    return evm.deploy("OPG", alice)


@pytest.fixture
def wallet(evm, opg, alice, dave):
    """A contract wallet with 1,000 wei, owned by Dave."""
    made = evm.deploy("Wallet1271", dave)
    opg.transfer(made, 1_000, sender=alice)
    return made


@pytest.fixture
def sign_transfer(opg):
    return lambda signer, values, **elsewhere: sign(signer, opg, "OPG", TRANSFER, values, **elsewhere)


@pytest.fixture
def sign_receive(opg):
    return lambda signer, values: sign(signer, opg, "OPG", RECEIVE, values)


@pytest.fixture
def sign_cancel(opg):
    return lambda signer, values: sign(signer, opg, "OPG", CANCEL, values)
