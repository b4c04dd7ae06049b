"""The same file all the way through the command line: written, simulated, submitted, voted, queued, executed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from opg.chain import Sender
from opg.chain.artifacts import role_id
from opg.deploy.proxy import PROXY
from opg.governance.proposal import build, paid_streams, stream_line, streams
from opg.governance.script import load_script
from opg.governance.terms import Vesting
from opg.governance.vesting import wallet_address
from tests.unit.cli.conftest import cli  # noqa: F401
from tests.unit.cli.test_errors import fails
from tests.unit.governance.conftest import TREASURY, good, opg

BOB = to_checksum_address("0x" + "b0" * 20)
EVE = to_checksum_address("0x" + "e0" * 20)
START, LENGTH = 1_800_000_000, 31_536_000


def test_a_proposer_takes_a_proposal_back_before_voting_begins(cli, governance, stage, written):  # noqa: F811
    path = str(
        written(("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))"))
    )
    voter = {"key": stage.bank.account}
    good(cli("proposal", "submit", path, **voter))
    fails(cli("proposal", "cancel", path, key=Account.create()), "only its proposer", stage.bank.address)
    assert json.loads(good(cli("proposal", "export", path, "cancel")))["to"] == governance.governor.address
    assert "cancelled" in good(cli("proposal", "cancel", path, **voter))
    assert "canceled; nothing more can happen" in good(cli("proposal", "show", path))
    fails(cli("proposal", "submit", path, **voter), "you have proposed this already", "canceled", "word it anew")
    fails(cli("proposal", "cancel", path, **voter), "only before voting begins", "canceled")
    code, told, _ = cli("proposal", "simulate", path)
    assert code == 1 and "it was canceled already" in told
    assert "? nobody's funds are touched: not known, for it was not executed" in told


@pytest.fixture
def module(stage):
    """A new module with code: the one that is let in."""
    return stage.chain.deployment.address("Referee")


def test_a_vote_changes_a_parameter_pays_a_grant_lets_a_module_in_and_replaces_the_guardian(
    cli, governance, stage, written, module  # noqa: F811
):  # fmt: skip
    path = str(
        written(
            ("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))"),
            (f"Pay 500 OPG to {BOB}", f"grant('{BOB}', tokens(500))"),
            (f"Pay 100 OPG to {EVE} over 365 days", f"stream('{EVE}', tokens(100), {START}, days(365))"),
            (f"Let the module {module} slash", f"give_role(Staking, 'SLASHER_ROLE', '{module}')"),
            (f"Make {BOB} the guardian", f"Guardian.setGuardian('{BOB}')"),
        )
    )
    voter = {"key": stage.bank.account}
    assert "not submitted" in good(cli("proposal", "show", path))
    told = good(cli("proposal", "submit", path, **voter))
    assert "voting begins" in told
    number = told.split()[1].rstrip(":")
    assert "Try it" in good(cli("proposal", "list"))
    fails(cli("proposal", "vote", path, "for", **voter), "voting has not begun", "it begins")
    fails(cli("proposal", "queue", path, **voter), "cannot be queued now: it is pending", "voting begins 20")

    stage.local.advance(62)
    assert "for: 999,000,000 votes" in good(cli("proposal", "vote", number[:10], "for", "--reason", "why not", **voter))
    shown = good(cli("proposal", "show", number))
    for words in ("OPGGovernor.setProposalThreshold(", "OPG.transfer(to=", "Staking.grantRole(", "active; voting ends"):
        assert words in shown
    stage.local.advance(602)
    fails(cli("proposal", "execute", path, **voter), "cannot be executed now: it is succeeded", "opg proposal queue")
    assert "it can be executed" in good(cli("proposal", "queue", path, **voter))
    fails(cli("proposal", "queue", path, **voter), "cannot be queued now: it is queued", "it can be executed 20")
    fails(cli("proposal", "execute", path, **voter), "cannot be executed now: it is queued", "it can be executed 20")
    stage.local.advance(602)
    assert "executed in 0x" in good(cli("proposal", "execute", path, **voter))

    read = stage.chain.read
    assert read("OPGGovernor", "proposalThreshold") == opg(2)
    assert read("OPG", "balanceOf", BOB) == opg(500)
    assert read("Staking", "hasRole", role_id("SLASHER_ROLE"), module)
    assert read("Guardian", "guardian") == BOB
    wallet = stage.chain.w3.eth.contract(
        address=wallet_address(Vesting(EVE, START, LENGTH)),
        abi=[
            {"type": "function", "name": name, "inputs": [], "outputs": [{"type": kind}], "stateMutability": "view"}
            for name, kind in (("owner", "address"), ("start", "uint256"), ("duration", "uint256"))
        ],
    )
    terms = [wallet.functions[name]().call() for name in ("owner", "start", "duration")]
    assert terms == [EVE, START, LENGTH]
    assert read("OPG", "balanceOf", wallet.address) == opg(100)
    assert read("OPG", "balanceOf", stage.chain.deployment.address("OPGTimelock")) == opg(TREASURY - 600)
    assert "nothing more can happen" in good(cli("proposal", "show", path))


def test_a_stream_survives_that_somebody_created_its_wallet_first(governance, stage, written):
    script = load_script(written((f"Pay 1 OPG to {EVE}", f"stream('{EVE}', tokens(1), {START}, days(365))")))
    terms = Vesting(EVE, START, LENGTH)
    governance.create_wallet(stage.person(), terms)
    number = governance.submit(stage.bank, build(script, stage.chain.deployment), [terms])
    assert governance.find(number).title == "Try it"


def test_a_stream_that_a_wallet_elsewhere_proposed_has_its_wallet_when_it_is_executed(cli, governance, stage, written):  # noqa: F811
    paid = (f"Pay 1 OPG to {EVE} over 365 days", f"stream('{EVE}', tokens(1), {START}, days(365))")
    path = written(paid, proposer=stage.bank.address)
    made, voter = json.loads(good(cli("proposal", "export", str(path), "submit"))), {"key": stage.bank.account}
    stage.bank.send_data(made["to"], bytes.fromhex(made["data"][2:]), "propose")
    stage.local.advance(62)
    good(cli("proposal", "vote", str(path), "for", **voter))
    stage.local.advance(602)
    good(cli("proposal", "queue", str(path), **voter))
    stage.local.advance(602)
    good(cli("proposal", "execute", str(path), key=stage.person().account))
    wallet = wallet_address(Vesting(EVE, START, LENGTH))
    assert stage.chain.has_code(wallet)
    assert stage.chain.read("OPG", "balanceOf", wallet) == opg(1)


def test_who_executes_pays_for_no_wallet_that_nothing_is_paid_into(stage, proposed):
    """Whatever terms somebody writes into a description."""
    made = proposed((f"Pay 1 OPG to {EVE} over 365 days", f"stream('{EVE}', tokens(1), {START}, days(365))"))
    other = Vesting(BOB, START, LENGTH)
    longer = replace(made, description=f"{made.words}\n   `{stream_line(other)}`")
    assert len(streams(longer.words)) == 2
    assert paid_streams(stage.chain.deployment, longer) == [Vesting(EVE, START, LENGTH)]


def test_a_chain_without_the_proxy_is_said(governance, stage):
    stage.local.rpc("anvil_setCode", PROXY, "0x")
    from opg.errors import BadInput

    with pytest.raises(BadInput, match="no CREATE2 proxy"):
        governance.create_wallet(stage.person(), Vesting(EVE, START, LENGTH))


THRESHOLD = ("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))")


def test_simulate_writes_both_reports(cli, governance, written, tmp_path):  # noqa: F811
    path = written(THRESHOLD)
    assert "nothing speaks against it" in good(cli("proposal", "simulate", str(path)))
    assert path.with_suffix(".md").read_text().startswith("# Try it")
    assert path.with_suffix(".html").read_text().startswith("<!doctype html>")


def test_simulate_takes_a_network_by_name(cli, governance, stage, written, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "lake.yaml").write_text("chain_id: 31337\nrpc: LAKE_RPC\nguardian: ${NOBODY_SET_THIS}\n")
    stage.chain.deployment.save(tmp_path / "deployments" / "31337" / "manifest.json")
    path = str(written(THRESHOLD))
    fails(cli("proposal", "simulate", path, "--network", "lake"), "no node is known for lake", "LAKE_RPC")
    fails(cli("proposal", "simulate", path, "--network", "pond"), "there is no network 'pond'", "lake")
    monkeypatch.setenv("LAKE_RPC", stage.local.url)
    assert "nothing speaks against it" in good(cli("proposal", "simulate", path, "--network", "lake"))


def test_simulate_fails_for_what_nobody_should_vote_for(cli, governance, written):  # noqa: F811
    path = written(("Tidy up", "take_role(Staking, 'DEFAULT_ADMIN_ROLE', OPGTimelock)"))
    code, out, _ = cli("proposal", "simulate", str(path))
    assert code == 1
    assert "✗ do not vote for this" in out


def test_a_wallet_elsewhere_gets_the_same_transaction(cli, governance, stage, written):  # noqa: F811
    path = str(written(THRESHOLD))
    fails(cli("proposal", "export", path, "vote"), "is not submitted")
    fails(cli("proposal", "export", path, "submit"), "does not say who proposes it", "PROPOSER")
    path = str(written(THRESHOLD, proposer=stage.bank.address))
    made = json.loads(good(cli("proposal", "export", path, "submit")))
    sender = Sender(stage.chain, stage.bank.account)
    sender.send_data(made["to"], bytes.fromhex(made["data"][2:]), "propose")
    assert "voting begins" in good(cli("proposal", "show", path))
    batch = json.loads(good(cli("proposal", "export", path, "vote", "--safe")))
    assert batch["chainId"] == str(stage.chain.id)
    assert batch["transactions"][0]["to"] == made["to"]
    fails(cli("proposal", "export", path, "dance"), "cannot be exported", "submit, cancel, vote")
    fails(cli("proposal", "export", path, "vote", "--choice", "maybe"), "is no vote", "for, abstain")


def test_votes_and_delegation_are_explained(cli, stage):  # noqa: F811
    holder = stage.person(opg=50)
    assert f"opg delegate {holder.address}" in good(cli("votes", holder.address))
    assert "50 OPG" in good(cli("delegate", holder.address, key=holder.account))
    assert "votes: 0; 50 as soon as a second passes" in good(cli("votes", holder.address))
    stage.local.advance(2)
    told = good(cli("votes", holder.address))
    assert "votes: 50\n" in told
    assert "do not vote" not in told


def test_votes_of_stake_are_told_apart(cli, stage):  # noqa: F811
    operator = stage.operator(1_500, stage.local.account(), "https://example.org", opg=2_000)
    stage.local.advance(2)
    told = good(cli("votes", operator.address))
    assert "votes: 1,500, 1,500 of them staked\n500 OPG in the wallet do not vote" in told


def test_proposals_that_are_not_there(cli, governance, stage, written):  # noqa: F811
    fails(cli("proposal", "show", "12345"), "no proposal has the number 12345", "opg proposal list")
    fails(cli("proposal", "show", "what"), "neither a proposal file nor a number")
    fails(cli("proposal", "show", "none_2026.py"), "is not named YYYY_MM_DD")
    assert "there are no proposals yet" in good(cli("proposal", "list"))


def test_who_has_no_votes_is_told_what_to_do(cli, governance, stage, written):  # noqa: F811
    path = str(written(THRESHOLD))
    poor = stage.person()
    fails(cli("proposal", "submit", path, key=poor.account), "GovernorInsufficientProposerVotes", "opg delegate")
    fails(cli("proposal", "submit", path, key=poor.account), "threshold=1 OPG")
    fails(
        cli("proposal", "vote", path, "for", key=stage.bank.account),
        "try_it.py is not submitted",
        "opg proposal submit",
    )
    good(cli("proposal", "submit", path, key=stage.bank.account))
    fails(cli("proposal", "vote", path, "for", key=stage.bank.account), "voting has not begun", "it begins 20")
    stage.local.advance(62)
    fails(cli("proposal", "vote", path, "for", key=poor.account), "had no votes when voting began", "opg delegate")
    fails(cli("proposal", "vote", path, "maybe", key=stage.bank.account), "is no vote")


def test_nobody_votes_when_voting_is_over(cli, governance, stage, written):  # noqa: F811
    path = str(written(THRESHOLD))
    good(cli("proposal", "submit", path, key=stage.bank.account))
    stage.local.advance(62 + stage.chain.read("OPGGovernor", "votingPeriod"))
    fails(cli("proposal", "vote", path, "for", key=stage.bank.account), "voting is over: defeated", "nothing more")
