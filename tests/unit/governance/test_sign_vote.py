"""A vote is signed without a transaction, and cast by anybody: once, for what was signed, for nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from opg.chain import EventReader, Sender
from opg.chain.local import free_port
from opg.governance.ballot import Ballot
from tests.stage import create
from tests.unit.cli.conftest import cli  # noqa: F401
from tests.unit.cli.test_errors import fails
from tests.unit.governance.conftest import good, opg

BOB = to_checksum_address("0x" + "b0" * 20)
THRESHOLD = ("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))")


@pytest.fixture
def voter(stage) -> Sender:
    """Has votes, and then no ether any more."""
    made = stage.person(opg=10)
    made.send("OPG", "delegate", made.address)
    stage.local.rpc("anvil_setBalance", made.address, "0x0")
    return made


@pytest.fixture
def anybody(stage) -> dict:
    return {"key": stage.person().account}


@pytest.fixture
def path(cli, voter, governance, stage, written) -> str:  # noqa: F811
    """A proposal that can be voted on."""
    made = str(written(THRESHOLD))
    good(cli("proposal", "submit", made, key=stage.bank.account))
    stage.local.advance(62)
    return made


@pytest.fixture
def another(cli, governance, stage, written) -> str:  # noqa: F811
    """A second one."""
    made = str(written(THRESHOLD, title="Another", name="2026_11_22_another.py"))
    good(cli("proposal", "submit", made, key=stage.bank.account))
    stage.local.advance(62)
    return made


@pytest.fixture
def ballot(cli, path, voter, tmp_path):  # noqa: F811
    """`ballot("--nonce", "1")`: the file of a signed vote for the proposal, with these options."""

    def sign(*options: str, choice: str = "for", which: str = path, key=voter.account):
        made = tmp_path / "vote.json"
        made.write_text(good(cli("proposal", "sign-vote", which, choice, *options, key=key)))
        return made

    return sign


def changed(path, **fields):
    """The file with other fields, and the old signature."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return str(path)


def test_whoever_has_it_casts_it_and_the_voter_pays_nothing(cli, governance, stage, ballot, voter, anybody):  # noqa: F811
    file = str(ballot())
    told = good(cli("proposal", "cast-vote", file, **anybody))
    assert f"for: 10 votes of {voter.address}" in told and told.endswith(": Try it\n")
    (number,) = [number for number, _, _ in governance.all()]
    assert stage.chain.read("OPGGovernor", "proposalVotes", number) == [0, opg(10), 0]
    fails(cli("proposal", "cast-vote", file, **anybody), "has voted already")


def test_its_reason_is_signed_and_kept_on_chain(cli, stage, ballot, voter, anybody):  # noqa: F811
    reason = 'more "voices" :smile: [b] ümlaut\n'
    good(cli("proposal", "cast-vote", str(ballot("--reason", reason, choice="against")), **anybody))
    (event,) = EventReader(stage.chain, [("OPGGovernor", "VoteCast")]).read()
    assert (event.args["voter"], event.args["support"], event.args["reason"]) == (voter.address, 0, reason)


@pytest.mark.parametrize("fields", [
    {"choice": "against"}, {"reason": "because"}, {"signature": "0x" + "11" * 65}, {"signature": "0x11"},
], ids=str)  # fmt: skip
def test_what_was_signed_is_all_that_counts(cli, stage, ballot, anybody, fields):  # noqa: F811
    """Attack 25."""
    result = cli("proposal", "cast-vote", changed(ballot(), **fields), **anybody)
    fails(result, "is no signature of", "have it signed anew")


def test_nobody_signs_for_somebody_else(cli, stage, ballot, anybody):  # noqa: F811
    """The bank has votes, and has signed nothing. Attack 25."""
    file = changed(ballot(), voter=stage.bank.address)
    fails(cli("proposal", "cast-vote", file, **anybody), f"is no signature of {stage.bank.address}")


def test_a_vote_on_another_proposal_or_another_chain(cli, governance, stage, ballot, anybody, another, voter):  # noqa: F811
    file = ballot()
    signed = json.loads(file.read_text())
    number = next(number for number, made, _ in governance.all() if made.title == "Another")
    fails(cli("proposal", "cast-vote", changed(file, proposal=str(number)), **anybody), "is no signature of")
    fails(cli("proposal", "cast-vote", changed(file, proposal="12"), **anybody), "there is no proposal 12 here")
    fails(cli("proposal", "cast-vote", changed(file, **signed | {"chain": 1}), **anybody), "on chain 1;", "--rpc")
    elsewhere = {"governor": voter.address}
    fails(cli("proposal", "cast-vote", changed(file, **signed | elsewhere), **anybody), "was signed for governor")


def test_votes_on_two_proposals_are_signed_at_once_and_cast_in_order(cli, ballot, anybody, another, tmp_path):  # noqa: F811
    first = json.loads(ballot().read_text())
    second = ballot("--nonce", "1", which=another)
    fails(cli("proposal", "cast-vote", str(second), **anybody), "signed with nonce 1", "is 0", "before first")
    (tmp_path / "first.json").write_text(json.dumps(first))
    good(cli("proposal", "cast-vote", str(tmp_path / "first.json"), **anybody))
    assert "Another" in good(cli("proposal", "cast-vote", str(second), **anybody))


def test_a_nonce_that_is_used(cli, ballot, path, another, anybody, voter):  # noqa: F811
    late = ballot().read_text()
    good(cli("proposal", "cast-vote", str(ballot()), **anybody))
    key = {"key": voter.account}
    fails(cli("proposal", "sign-vote", another, "for", "--nonce", "0", **key), "nonce 0 is used", "leave out --nonce")
    fails(cli("proposal", "sign-vote", path, "for", **key), "has voted already")
    file = ballot(which=another)
    fails(cli("proposal", "cast-vote", changed(file, nonce=json.loads(late)["nonce"]), **anybody), "sign anew")


def test_before_voting_begins_it_is_signed_and_not_cast(
    cli, governance, stage, voter, anybody, written, tmp_path  # noqa: F811
):  # fmt: skip
    path, file = str(written(THRESHOLD)), tmp_path / "vote.json"
    early = cli("proposal", "sign-vote", path, "for", key=voter.account)
    fails(early, "is not submitted", "submit it first")
    good(cli("proposal", "submit", path, key=stage.bank.account))
    file.write_text(good(cli("proposal", "sign-vote", path, "for", key=voter.account)))
    fails(cli("proposal", "cast-vote", str(file), **anybody), "voting has not begun", "it begins 20")
    stage.local.advance(62)
    good(cli("proposal", "cast-vote", str(file), **anybody))


def test_when_voting_is_over_it_is_neither(cli, stage, ballot, path, voter, anybody):  # noqa: F811
    file = str(ballot())
    stage.local.advance(stage.chain.read("OPGGovernor", "votingPeriod"))
    fails(cli("proposal", "cast-vote", file, **anybody), "voting is over: defeated")
    fails(cli("proposal", "sign-vote", path, "for", key=voter.account), "voting is over: defeated")


def test_who_had_no_votes_signs_none(cli, stage, path):  # noqa: F811
    fails(cli("proposal", "sign-vote", path, "for", key=stage.person().account), "had no votes when voting began")
    fails(cli("proposal", "sign-vote", path, "maybe", key=stage.person().account), "is no vote", "for, abstain")


@pytest.fixture
def wallet(stage):
    """A contract wallet with votes, and the key of its owner."""
    owner = stage.person()
    made = create(owner, "Wallet1271", owner.address)
    stage.pay(made, 10)
    contract = stage.chain.w3.eth.contract(address=made, abi=_abi("Wallet1271"))
    token = stage.chain.contract("OPG")
    delegate = token.encode_abi("delegate", [made])
    owner.transact(contract.functions.execute(token.address, bytes.fromhex(delegate[2:])), "Wallet1271.execute")
    return owner, made, contract


def _abi(name: str):
    from opg.chain.artifacts import artifact

    return artifact(name).abi


def test_a_contract_votes_by_whom_it_lets_sign(cli, stage, wallet, path, ballot, anybody):  # noqa: F811
    """ERC-1271. It may take its word back, until the vote is cast."""
    owner, address, contract = wallet
    file = ballot("--voter", address, key=owner.account)
    stranger = stage.person().account
    fails(cli("proposal", "sign-vote", path, "for", "--voter", address, key=stranger), "no signature of", "export")
    with stage.local.restored():
        owner.transact(contract.functions.repudiate(), "Wallet1271.repudiate")
        fails(cli("proposal", "cast-vote", str(file), **anybody), f"no signature of {address}")
    assert f"for: 10 votes of {address}" in good(cli("proposal", "cast-vote", str(file), **anybody))


def test_only_contracts_let_others_sign(cli, stage, path, voter):  # noqa: F811
    other = stage.person().account
    result = cli("proposal", "sign-vote", path, "for", "--voter", voter.address, key=other)
    fails(result, f"your key is that of {other.address}", "is no contract", "leave out --voter")


@pytest.mark.parametrize("reason", ["", "because"])
def test_a_wallet_elsewhere_signs_the_same(cli, ballot, path, voter, anybody, reason):  # noqa: F811
    """eth_signTypedData_v4, which hardware and browser wallets have."""
    here = ballot("--reason", reason).read_text()
    whose = ("--voter", voter.address, "--reason", reason)
    typed = json.loads(good(cli("proposal", "sign-vote", path, "for", *whose, "--typed-data")))
    made = Account.sign_typed_data(voter.account.key, full_message=typed).signature
    told = good(cli("proposal", "sign-vote", path, "for", *whose, "--signature", "0x" + made.hex().removeprefix("0x")))
    assert json.loads(told) == json.loads(here)
    fails(cli("proposal", "sign-vote", path, "for", *whose, "--signature", "0x1234"), "no signature of")
    fails(cli("proposal", "sign-vote", path, "for", *whose, "--signature", "what"), "'what' is no signature")
    fails(cli("proposal", "sign-vote", path, "for", "--typed-data"), "is not known", "--voter")


def test_without_a_node_the_same_is_signed(cli, governance, stage, ballot, written, tmp_path, voter):  # noqa: F811
    here, nowhere = json.loads(ballot().read_text()), f"http://127.0.0.1:{free_port()}"
    (number,) = [number for number, _, _ in governance.all()]
    key = {"key": voter.account, "rpc": nowhere}
    sign = ("proposal", "sign-vote")
    named = str(written(THRESHOLD, proposer=stage.bank.address))
    for which in (str(number), named):
        assert json.loads(good(cli(*sign, which, "for", "--offline", "--nonce", "0", **key))) == here
    fails(cli(*sign, named, "for", **key), "no Ethereum node answers")
    fails(cli(*sign, named, "for", "--offline", **key), "without a node", "--nonce")
    fails(cli(*sign, str(number)[:10], "for", "--offline", "--nonce", "0", **key), "write all of it")
    unnamed = str(written(THRESHOLD))
    fails(cli(*sign, unnamed, "for", "--offline", "--nonce", "0", **key), "whose proposal", "PROPOSER")


def test_a_key_in_a_keystore_signs(cli, governance, stage, path, voter, monkeypatch, tmp_path):  # noqa: F811
    keystore = tmp_path / "voter.json"
    keystore.write_text(json.dumps(Account.encrypt(voter.account.key, "secret", kdf="pbkdf2", iterations=4)))
    monkeypatch.setenv("OPG_PASSWORD", "secret")
    made = json.loads(good(cli("proposal", "sign-vote", path, "for", "--keystore", str(keystore))))
    assert made["voter"] == voter.address
    fails(cli("proposal", "sign-vote", path, "for"), "there is no key to sign with")


def test_files_that_are_no_signed_votes(cli, ballot, anybody, tmp_path):  # noqa: F811
    file = ballot()
    signed = json.loads(file.read_text())
    fails(cli("proposal", "cast-vote", str(tmp_path / "none.json"), **anybody), "cannot read")
    for text in ("", "5", "[]", '"for"', "{}"):
        file.write_text(text)
        fails(cli("proposal", "cast-vote", str(file), **anybody), "vote.json is no signed vote", "sign-vote")
    for wrong, says in (({"nonce": -1}, "no signed vote"), ({"nonce": 1.5}, "no signed vote"), ({"chain": "x"}, "no signed vote"),
                        ({"voter": "me"}, "voter 'me' is no address"), ({"choice": "maybe"}, "is no vote"),
                        ({"choice": []}, "no signed vote"), ({"proposal": None}, "no signed vote"),
                        ({"signature": ""}, "is no signature")):  # fmt: skip
        file.write_text(json.dumps(signed | wrong))
        fails(cli("proposal", "cast-vote", str(file), **anybody), says)


def test_every_field_is_in_the_digest(stage, voter):
    made = Ballot.on(stage.chain.deployment, 7, "for", voter.address, 0)
    others = [
        replace(made, **field)
        for field in ({"chain": 1}, {"governor": voter.address}, {"proposal": 8}, {"choice": "abstain"},
                      {"voter": stage.bank.address}, {"nonce": 1}, {"reason": "because"}, {"reason": "why"})
    ]  # fmt: skip
    assert len({each.digest for each in (made, *others)}) == 1 + len(others)
