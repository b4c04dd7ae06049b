"""Alice pays Bob for Charlie's model: 5 % to Frank, the treasury, a quarter to Charlie, the rest to Bob."""

from types import SimpleNamespace

import pytest

from tests.market import deploy_guardian, deploy_staking
from tests.typed import sign

VOUCHER = "Voucher(address payer,address operator,uint256 modelId,uint256 total,uint64 deadline)"
CLOSE_SECONDS = 24 * 3600
WEALTH = 10**6
MODEL = 1


def build(evm, alice, charlie, frank):
    """Token, models and channels on any chain; Alice has it all and lets the channels take it."""
    opg = evm.deploy("OPG", alice)
    models = evm.deploy("Models")
    models.register("digits", 2_500, sender=charlie)
    guardian = deploy_guardian(evm)
    staking = deploy_staking(evm, opg, guardian)
    channels = evm.deploy("Channels", opg, models, staking, guardian, frank, 500, CLOSE_SECONDS)
    opg.approve(channels, 2**256 - 1, sender=alice)
    return SimpleNamespace(opg=opg, models=models, staking=staking, channels=channels, guardian=guardian)


@pytest.fixture
def market(evm, alice, charlie, frank):
    return build(evm, alice, charlie, frank)


@pytest.fixture
def opg(market):
    return market.opg


@pytest.fixture
def guardian(market):
    return market.guardian


@pytest.fixture
def models(market):
    return market.models


@pytest.fixture
def staking(market):
    return market.staking


@pytest.fixture
def channels(market):
    return market.channels


@pytest.fixture
def voucher(evm, alice, bob):
    """A voucher of Alice for Bob, good for an hour; fields can be replaced by name."""

    def make(total, payer=alice, operator=bob, model=MODEL, deadline=None):
        return (
            payer.address,
            operator.address,
            model,
            total,
            evm.now + 3600 if deadline is None else deadline,
        )

    return make


@pytest.fixture
def sign_voucher(channels):
    return lambda signer, voucher, **elsewhere: sign(signer, channels, "OPG Channels", VOUCHER, voucher, **elsewhere)


@pytest.fixture
def redeem(channels, sign_voucher, alice, dave):
    """Somebody, Dave, redeems a voucher that Alice (or another signer) signs."""

    def send(voucher, signer=alice, key=None):
        return channels.redeem(voucher, key or signer, sign_voucher(signer, voucher), sender=dave)

    return send


@pytest.fixture
def entry(sign_voucher, alice):
    """A voucher, its signer, the signature: what is redeemed in a batch."""
    return lambda voucher, signer=alice: (voucher, signer, sign_voucher(signer, voucher))


@pytest.fixture
def act():
    """A contract wallet calls a contract."""
    return lambda wallet, contract, function, *args, sender: wallet.execute(
        contract, contract.calldata(function, args), sender=sender
    )


@pytest.fixture
def wallet(evm, opg, channels, act, alice, bob, dave):
    """Dave's contract wallet, with 1,000 wei deposited for Bob."""
    made = evm.deploy("Wallet1271", dave)
    opg.transfer(made, WEALTH, sender=alice)
    act(made, opg, "approve", channels, WEALTH, sender=dave)
    act(made, channels, "deposit", bob, 1_000, sender=dave)
    return made
