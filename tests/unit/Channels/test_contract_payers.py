"""Payers whose signatures a contract judges (ERC-1271), and payers that become contracts (EIP-7702)."""

import pytest
from eth_account import Account

from tests.evm import Reverted, reverts
from tests.typed import sign
from tests.unit.Channels.conftest import CLOSE_SECONDS, VOUCHER, WEALTH, build


def test_a_wallet_pays_by_its_owners_signature(channels, wallet, voucher, redeem, bob, dave):
    assert redeem(voucher(100, payer=wallet), dave, key=wallet).value == 100
    assert channels.channel(wallet, bob).deposited == 900


def test_the_owner_itself_is_not_the_wallet(wallet, voucher, redeem, dave):
    with reverts("NotAuthorised", 0, dave):
        redeem(voucher(100, payer=wallet), dave)


def test_a_stranger_does_not_sign_for_a_wallet(wallet, voucher, redeem, erin):
    with reverts("BadSignature", 0, wallet):
        redeem(voucher(100, payer=wallet), erin, key=wallet)


def test_two_wallets_of_one_owner_are_told_apart(evm, opg, channels, wallet, act, voucher, sign_voucher, bob, dave):
    """Attack 11: replay on another account of the same signer. The payer is part of what is signed."""
    twin = evm.deploy("Wallet1271", dave)
    act(wallet, opg, "transfer", twin, 100, sender=dave)
    act(twin, opg, "approve", channels, 100, sender=dave)
    act(twin, channels, "deposit", bob, 100, sender=dave)
    signature = sign_voucher(dave, voucher(100, payer=wallet))
    with reverts("BadSignature", 0, twin):
        channels.redeem(voucher(100, payer=twin), twin, signature, sender=bob)


def test_a_wallet_can_take_its_signature_back(wallet, voucher, redeem, dave):
    """Attack 11: a signer change. That is ERC-1271; the next test is how an operator protects itself."""
    wallet.repudiate(sender=dave)
    with reverts("BadSignature", 0, wallet):
        redeem(voucher(100, payer=wallet), dave, key=wallet)


def test_a_wallets_session_key_cannot_be_taken_back(evm, channels, wallet, act, voucher, redeem, dave, erin):
    """Attack 13: whatever the wallet does in front of the redemption."""
    act(wallet, channels, "authoriseKey", erin, evm.now + 2 * CLOSE_SECONDS, sender=dave)
    signed = voucher(100, payer=wallet)
    wallet.repudiate(sender=dave)
    act(wallet, channels, "revokeKey", erin, sender=dave)
    assert redeem(signed, erin).value == 100


def test_a_session_key_can_be_a_contract(evm, channels, wallet, voucher, redeem, alice, bob, dave):
    channels.deposit(bob, 100, sender=alice)
    channels.authoriseKey(wallet, evm.now + CLOSE_SECONDS, sender=alice)
    assert redeem(voucher(100), dave, key=wallet).value == 100


def test_a_contract_that_answers_nothing_signs_nothing(channels, opg, voucher, sign_voucher, bob):
    signed = voucher(100, payer=opg)
    with reverts("BadSignature", 0, opg):
        channels.redeem(signed, opg, sign_voucher(bob, signed), sender=bob)


def test_an_account_that_gets_code_stays_bound(anvil_evm, alice, bob, charlie, frank):
    """Attack 13, EIP-7702: the payer signs, then points its account at code that denies every signature."""
    evm = anvil_evm
    market = build(evm, alice, charlie, frank)
    market.channels.deposit(bob, 1_000, sender=alice)
    signed = (alice, bob, 1, 100, evm.now + 3600)
    signature = sign(alice, market.channels, "OPG Channels", VOUCHER, signed)
    denier = evm.deploy("Wallet1271", bob)

    delegate(evm, alice, denier)

    assert evm.at("Wallet1271", alice).isValidSignature(b"\x00" * 32, signature) == bytes.fromhex("ffffffff")
    assert market.channels.redeem(signed, alice, signature, sender=bob).value == 100


REENTER, BURN_GAS, RETURN_BOMB = range(3)


@pytest.fixture
def hostile(evm, opg, channels, act, alice, bob, dave):
    """A wallet with a way of its own to judge signatures, and 1,000 wei deposited for Bob."""

    def make(way):
        made = evm.deploy("HostileWallet", way)
        opg.transfer(made, WEALTH, sender=alice)
        act(made, opg, "approve", channels, WEALTH, sender=dave)
        act(made, channels, "deposit", bob, 1_000, sender=dave)
        return made

    return make


def test_a_wallet_that_redeems_while_it_is_asked_is_not_paid_twice(channels, hostile, voucher, bob, dave):
    """Attack 16: it is asked by a call that changes nothing, so what it tries fails, and with it the signature."""
    wallet = hostile(REENTER)
    wallet.prepare((voucher(60, payer=wallet), wallet, b"\1"), sender=dave)
    with reverts("BadSignature", 0, wallet):
        channels.redeem(voucher(100, payer=wallet), wallet, b"\1", sender=bob)
    assert channels.channel(wallet, bob).deposited == 1_000


def test_a_wallet_that_answers_at_length_pays_for_nothing_but_its_own_words(channels, hostile, voucher, bob):
    """Attack 16: only the first word is looked at."""
    wallet = hostile(RETURN_BOMB)
    receipt = channels.redeem(voucher(100, payer=wallet), wallet, b"\1", sender=bob)
    assert receipt.value == 100


def test_a_wallet_that_burns_all_gas_stops_the_batch_it_is_in_and_nothing_else(
    channels, hostile, entry, voucher, alice, bob
):
    """Attack 16: why an operator asks contract wallets for a session key, and redeems the others apart."""
    channels.deposit(bob, 1_000, sender=alice)
    wallet = hostile(BURN_GAS)
    trap = (voucher(100, payer=wallet), wallet, b"\1")
    with pytest.raises(Reverted):
        channels.redeemMany([entry(voucher(100)), trap], sender=bob)
    assert channels.redeemMany([entry(voucher(100))], sender=bob).value == 100


def delegate(evm, account, contract):
    """A set-code transaction of the account for itself."""
    rpc = evm.backend.rpc
    nonce = int(rpc("eth_getTransactionCount", account.address, "latest"), 16)
    authorisation = Account.sign_authorization(
        {"chainId": evm.chain_id, "address": contract.address, "nonce": nonce + 1}, account.key
    )
    signed = account.sign_transaction(
        {
            "chainId": evm.chain_id,
            "nonce": nonce,
            "to": account.address,
            "value": 0,
            "gas": 200_000,
            "maxFeePerGas": 10**9,
            "maxPriorityFeePerGas": 0,
            "data": b"",
            "authorizationList": [authorisation],
        }
    )
    evm.backend.receipt(rpc("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()))
    assert evm.backend.code(account.address)[:3] == bytes.fromhex("ef0100")
