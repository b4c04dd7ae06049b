"""Payers whose signatures a contract judges (ERC-1271), and payers that become contracts (EIP-7702)."""

from eth_account import Account

from tests.evm import reverts
from tests.typed import sign
from tests.unit.Channels.conftest import CLOSE_SECONDS, VOUCHER, build


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
