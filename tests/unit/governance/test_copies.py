"""Whoever copies the words of a proposal, before or after it is made, makes another proposal, and no command takes one for the other. Attack 25."""

from __future__ import annotations

import json

import pytest

from opg.chain import Sender
from opg.errors import BadInput, TransactionRefused
from opg.governance.checks import duplicates
from opg.governance.proposal import Proposal, build
from opg.governance.report import markdown
from opg.governance.script import load_script
from opg.governance.simulation import simulate
from opg.governance.vesting import wallet_address
from tests.unit.cli.conftest import cli  # noqa: F401
from tests.unit.cli.test_errors import fails
from tests.unit.governance.conftest import good

THRESHOLD = ("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))")


@pytest.fixture
def author(stage) -> Sender:
    """Has votes enough to propose."""
    return voter(stage)


@pytest.fixture
def thief(stage) -> Sender:
    """Too."""
    return voter(stage)


def voter(stage) -> Sender:
    made = stage.person(opg=10)
    made.send("OPG", "delegate", made.address)
    stage.local.advance(2)
    return made


def propose(sender: Sender, made: Proposal) -> None:
    """Without our tool's care."""
    sender.send("OPGGovernor", "propose", list(made.targets), list(made.values), list(made.calldatas), made.description)


def cancel(sender: Sender, made: Proposal) -> None:
    parts = list(made.targets), list(made.values), list(made.calldatas)
    sender.send("OPGGovernor", "cancel", *parts, made.description_hash)


def test_only_the_author_can_propose_the_words_that_are_in_the_mempool(cli, governance, author, thief, written):  # noqa: F811
    path = str(written(THRESHOLD, proposer=author.address))
    seen = json.loads(good(cli("proposal", "export", path, "submit")))
    with pytest.raises(TransactionRefused, match="GovernorRestrictedProposer"):
        thief.send_data(seen["to"], bytes.fromhex(seen["data"][2:]), "propose")
    assert "voting begins" in good(cli("proposal", "submit", path, key=author.account))
    ((_, made, who),) = governance.all()
    assert (who, made.reserved) == (author.address, author.address)
    assert made.description == f"{made.words}\n\n#proposer={author.address}"


def test_a_file_without_a_proposer_is_marked_by_who_submits_it_and_found_again(
    cli, governance, stage, author, proposed, written  # noqa: F811
):  # fmt: skip
    path, key = str(written(THRESHOLD)), {"key": author.account}
    told = good(cli("proposal", "submit", path, **key))
    number = proposed(THRESHOLD).by(author.address).id
    assert f"proposal {number}: voting begins" in told
    assert f'PROPOSER = "{author.address}"' in told
    assert "not to be mistaken" not in told
    for which in (path, str(number)):
        shown = good(cli("proposal", "show", which))
        assert f"proposal {number}\n" in shown
        assert f"by {author.address}, who alone could propose these words" in shown
        assert "#proposer" not in shown
    stage.local.advance(62)
    assert "for: 10 votes" in good(cli("proposal", "vote", path, "for", **key))


def test_words_that_were_copied_first_and_cancelled_are_not_lost(
    cli, governance, stage, author, thief, proposed, written  # noqa: F811
):  # fmt: skip
    """With the thief's own mark, and without any."""
    path, made, key = str(written(THRESHOLD)), proposed(THRESHOLD), {"key": author.account}
    for copy in (made.by(thief.address), made):
        propose(thief, copy)
        cancel(thief, copy)
        played = simulate(governance.chain, copy, with_exits=False)
        assert f"others than {thief.address} can still propose these words" in played.error
    told = good(cli("proposal", "submit", path, **key))
    assert f"not to be mistaken for proposal {made.id} by {thief.address} (canceled)" in told
    others = ["queue", "execute", "show", "simulate", "vote"]
    for command in others:
        rest = ["for"] if command == "vote" else []
        result = cli("proposal", command, path, *rest, **key)
        fails(result, "several proposals", author.address, thief.address, "PROPOSER")
    path = str(written(THRESHOLD, proposer=author.address))
    assert f"proposal {made.by(author.address).id}\n" in good(cli("proposal", "show", path))
    assert "nothing speaks against it" in good(cli("proposal", "simulate", path))
    stage.local.advance(62)
    assert "for: 10 votes" in good(cli("proposal", "vote", path, "for", **key))


def test_everybody_cancels_the_own_copy(cli, governance, author, thief, proposed, written):  # noqa: F811
    path, made = str(written(THRESHOLD)), proposed(THRESHOLD)
    propose(thief, made.by(thief.address))
    fails(cli("proposal", "cancel", path, key=author.account), "only its proposer", thief.address)
    good(cli("proposal", "submit", path, key=author.account))
    assert "cancelled" in good(cli("proposal", "cancel", path, key=author.account))
    states = {who: governance.state(each).name for _, each, who in governance.all()}
    assert states == {thief.address: "PENDING", author.address: "CANCELED"}


def test_a_file_that_names_its_proposer_is_not_the_copy_of_somebody_else(
    cli, governance, stage, author, thief, proposed, written  # noqa: F811
):  # fmt: skip
    made, path = proposed(THRESHOLD), str(written(THRESHOLD, proposer=author.address))
    propose(thief, made.by(thief.address))
    shown = good(cli("proposal", "show", path))
    assert f"proposal {made.by(author.address).id}\n" in shown
    assert f"not submitted; only {author.address} can do that" in shown
    assert f"proposal {made.by(thief.address).id} by {thief.address} (pending) says and does the same" in shown
    for deed in ("vote", "sign-vote", "queue", "execute", "cancel"):
        result = cli("proposal", deed, path, *(["for"] if "vote" in deed else []), key=author.account)
        fails(result, f"is not submitted by {author.address}", "submit it first")
    fails(cli("proposal", "submit", path, key=thief.account), f"is proposed by {author.address}", "use that key")


@pytest.mark.parametrize("names", [False, True])
def test_a_proposal_from_before_there_were_marks_is_found(
    cli, governance, stage, author, proposed, written, names  # noqa: F811
):  # fmt: skip
    made, key = proposed(THRESHOLD), {"key": author.account}
    propose(author, made)
    path = str(written(THRESHOLD, proposer=author.address if names else ""))
    shown = good(cli("proposal", "show", path))
    assert f"proposal {made.id}\n" in shown
    assert f"by {author.address}, as anybody could propose these words" in shown
    fails(cli("proposal", "submit", path, **key), f"proposed this already, as number {made.id}: it is pending")
    assert "cancelled" in good(cli("proposal", "cancel", path, **key))


def test_a_mark_is_what_the_governor_takes_for_one(stage, proposed):
    made, who = proposed(THRESHOLD), "0x" + "ab" * 20
    for mark in (f"#proposer={who}", f"\n\n#proposer={who.upper().replace('X', 'x')}", f" #proposer={who}"):
        marked = Proposal(made.targets, made.values, made.calldatas, made.words + mark)
        assert marked.reserved.lower() == who
        assert (marked.words, marked.unmarked.id) == (made.words, made.id)
        with pytest.raises(TransactionRefused, match="GovernorRestrictedProposer"):
            propose(stage.bank, marked)
    for text in (f"#proposer={who} ", f"#proposer={who}\n", f"#proposer={who[:-1]}", f"#Proposer={who}",
                 f"#proposer={who[:-1]}g", f"#proposer={who.replace('x', 'X')}"):  # fmt: skip
        plain = Proposal(made.targets, made.values, made.calldatas, made.words + text)
        assert (plain.reserved, plain.words) == (None, plain.description)
        with pytest.raises(TransactionRefused, match="GovernorInsufficientProposerVotes"):
            propose(stage.bank, plain)


def test_the_number_of_what_is_not_submitted_is_known_when_its_proposer_is(cli, governance, author, proposed, written):  # noqa: F811
    made = proposed(THRESHOLD)
    assert str(made.id) not in (shown := good(cli("proposal", "show", str(written(THRESHOLD)))))
    assert "not submitted" in shown
    page = markdown(simulate(governance.chain, made, with_exits=False), [])
    assert "Not submitted yet: its number follows from who does that." in page
    marked = made.by(author.address)
    played = simulate(governance.chain, marked, with_exits=False)
    assert played.proposer == author.address
    page = markdown(played, [])
    assert f"Proposal `{marked.id}`, not submitted yet, which only `{author.address}` can do." in page
    assert "proposer=" not in page.partition("## What it does")[0]


def test_what_would_happen_twice_is_told(governance, author, thief, proposed):
    made = proposed(THRESHOLD)
    propose(thief, made.by(thief.address))
    told = list(duplicates(simulate(governance.chain, made.by(author.address), with_exits=False)))
    assert told == [("look", f"proposal {made.by(thief.address).id} by {thief.address}, pending, says and does the same: "
                             "both would do it twice")]  # fmt: skip
    cancel(thief, made.by(thief.address))
    assert not list(duplicates(simulate(governance.chain, made.by(author.address), with_exits=False)))


def test_what_is_refused_creates_no_wallets(governance, stage, written):
    who = "0x" + "b0" * 20
    script = load_script(written(("Pay 1 OPG over 365 days", f"stream('{who}', tokens(1), 1_800_000_000, days(365))")))
    poor = stage.person()
    with pytest.raises(TransactionRefused, match="GovernorInsufficientProposerVotes"):
        governance.submit(poor, build(script, stage.chain.deployment), script.streams)
    assert not stage.chain.has_code(wallet_address(script.streams[0]))


@pytest.mark.parametrize("who", ["0x12", "me", "0xDE709f2102306220921060314715629080e2fb77"])
def test_a_proposer_that_is_mistyped(written, who):
    with pytest.raises(BadInput, match=r"2026_11_21_try_it.py: PROPOSER: .*(no address|wrong checksum)"):
        load_script(written(THRESHOLD, proposer=who))
