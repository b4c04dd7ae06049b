"""A proposal file says what it does, in the protocol's words, or is refused with the rule that it breaks."""

from __future__ import annotations

from datetime import date

import pytest

from opg.errors import BadInput
from opg.governance import (
    OPG,
    Disputes,
    OPGGovernor,
    bps,
    contract,
    days,
    hours,
    percent,
    set_,
    settable,
    stream,
    tokens,
)
from opg.governance.proposal import build, decode_proposal, items
from opg.governance.script import load_script, new_script

THRESHOLD = (
    "Set the votes that a proposal needs to 200,000 OPG",
    "set_(OPGGovernor.proposalThreshold, tokens(200_000))",
)


def test_the_template_is_a_proposal(tmp_path, stage):
    path = new_script("raise_the_threshold", tmp_path, date(2026, 11, 21))
    assert path.name == "2026_11_21_raise_the_threshold.py"
    made = build(load_script(path), stage.chain.deployment)
    assert made.title == "Raise the threshold"
    assert [str(call) for call in decode_proposal(stage.chain.deployment, made)] == [
        f"OPGGovernor.setProposalThreshold(newProposalThreshold={2 * 10**18})"
    ]


def test_a_name_is_taken_only_once(tmp_path):
    new_script("one", tmp_path, date(2026, 11, 21))
    with pytest.raises(BadInput, match="there already"):
        new_script("one", tmp_path, date(2026, 11, 21))


@pytest.mark.parametrize("slug", ["Big", "two words", "../up", "", "ümlaut"])
def test_names_that_are_none(tmp_path, slug):
    with pytest.raises(BadInput, match="no name"):
        new_script(slug, tmp_path, date(2026, 11, 21))


def test_the_description_repeats_every_call(proposed, stage):
    made = proposed(THRESHOLD, ("Let the voters wait 2 minutes", "set_(OPGGovernor.votingDelay, 120)"))
    calls = decode_proposal(stage.chain.deployment, made)
    assert items(made.description) == [
        (THRESHOLD[0], str(calls[0])),
        ("Let the voters wait 2 minutes", "OPGGovernor.setVotingDelay(newVotingDelay=120)"),
    ]


def test_the_number_is_the_governors(proposed, stage):
    made = proposed(THRESHOLD)
    parts = [list(made.targets), list(made.values), list(made.calldatas), made.description_hash]
    assert stage.chain.read("OPGGovernor", "hashProposal", *parts) == made.id


@pytest.mark.parametrize(
    ("name", "says"), [("try_it.py", "is not named"), ("2026_13_01_try.py", "a day that does not exist")]
)
def test_wrong_names_of_files(written, name, says):
    with pytest.raises(BadInput, match=says):
        load_script(written(THRESHOLD, name=name))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("set_(Disputes.referee, 5)", "cannot be set by vote"),
        ("OPG.mint(5)", "has no function mint"),
        ("OPG.transfer(5)", "takes 2 arguments, 1 are given"),
        ("1 / 0", "ZeroDivisionError"),
        ("OPG", "no .description, call. pair"),
        ("tokens(0.1)", "would be rounded"),
        ("days(0.000001)", "no whole number of seconds"),
        ("stream('bob', tokens(1), 0, days(1))", "is no address"),
        (f"stream('0x{'11' * 20}', tokens(1), 1_800_000_000_000, days(1))", "begins at 1800000000000 is mistyped"),
        ("Staking.minStake()", "only reads"),
        ("give_role(Staking, 'SLASHR_ROLE', Disputes)", "Staking has no role SLASHR_ROLE"),
        ("give_role(Channels, 'SLASHER_ROLE', Disputes)", "Channels has no role SLASHER_ROLE"),
        ("days('5')", "is no number"),
        ("bps('5')", "is no number"),
        ("tokens('nan')", "no whole number of wei"),
        ("set_(Staking.minStak, 5)", "cannot be set by vote"),
        ("exit(0)", "SystemExit"),
    ],
)
def test_calls_that_are_none(written, call, says):
    with pytest.raises(BadInput, match=says):
        load_script(written(("Do it", call)))


def test_all_that_can_be_set_is_listed_and_can_be_set():
    listed = settable()
    assert {"Staking.minStake", "Inference.collateral", "Channels.protocolFeeBps", "OPGTimelock.delay"} <= set(listed)
    assert {"OPGGovernor.quorumNumerator", "OPGGovernor.lateQuorumVoteExtension", "Guardian.guardian"} <= set(listed)
    assert not {"Disputes.bond", "Models.licence", "Staking.commission"} & set(listed)
    for name in listed:
        place, _, member = name.partition(".")
        assert set_(getattr(contract(place), member), 1).abi["stateMutability"] == "nonpayable"


def test_arguments_that_do_not_fit(proposed):
    with pytest.raises(BadInput, match=r"OPG.transfer\(address, uint256\)"):
        proposed(("Pay", "OPG.transfer('nobody', tokens(1))"))


BOB = "0x" + "b0" * 20
MISTYPED = "0xDE709f2102306220921060314715629080e2fb77"  # its checksum has De


@pytest.mark.parametrize("call", [f"grant('{MISTYPED}', tokens(1))", f"stream('{MISTYPED}', tokens(1), 0, days(1))"])
def test_nothing_is_paid_to_a_mistyped_address(proposed, call):
    with pytest.raises(BadInput, match="wrong checksum"):
        proposed(("Pay", call))


def test_more_than_a_transaction_takes(proposed):
    assert proposed(("Say much", f"Staking.register('{BOB}', 'x' * 60_000)")).size < 128 * 1024
    with pytest.raises(BadInput, match=r"makes a transaction of .* bytes"):
        proposed(("Say more", f"Staking.register('{BOB}', 'x' * 70_000)"))


def test_a_docstring_that_says_something_else(written):
    path = written(THRESHOLD)
    path.write_text(path.read_text().replace("1. Set the votes", "1. Set the vote"))
    with pytest.raises(BadInput, match="do not say the same"):
        load_script(path)


def test_a_docstring_that_is_not_numbered(written):
    path = written(THRESHOLD)
    path.write_text(path.read_text().replace("\n1. ", "\n2. "))
    with pytest.raises(BadInput, match="does not number its actions"):
        load_script(path)


def test_units():
    assert (hours(1.5), days(2), tokens("0.5"), tokens(3)) == (5_400, 172_800, 5 * 10**17, 3 * 10**18)
    assert (bps(5), bps(500), percent(5)) == (5, 500, 5)
    for wrong in (-1, 10_001, 0.5):
        with pytest.raises(BadInput, match=r"basis points|no share"):
            bps(wrong)
    assert set_(OPGGovernor.quorumNumerator, 5).function == "updateQuorumNumerator"
    assert OPG.transfer("0x", 1).contract == "OPG"
    with pytest.raises(BadInput, match="is no function"):
        Disputes()
    with pytest.raises(BadInput, match="takes time"):
        stream("0x" + "11" * 20, 1, 0, 0)
