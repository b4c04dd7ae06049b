"""A whole life on a copy of the chain, and the verdict on it."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from opg.chain.artifacts import artifact, selector
from opg.governance.checks import described, judge, worst
from opg.governance.fork import Fork
from opg.governance.proposal import Proposal, calldata
from opg.governance.report import html, markdown
from opg.governance.simulation import simulate
from opg.governance.terms import OPGGovernor, Staking, Term, give_role, set_, take_role, tokens
from tests.unit.cli.conftest import cli  # noqa: F401
from tests.unit.governance.conftest import TREASURY, good, opg

THRESHOLD = ("Set the votes that a proposal needs to 2 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))")
BOB = to_checksum_address("0x" + "b0" * 20)


def test_a_good_proposal_is_called_good(governance, stage, proposed):
    made = simulate(governance.chain, proposed(THRESHOLD))
    findings = judge(made)
    assert worst(findings) == "good", findings
    assert made.lent == 0
    assert [(each.account, each.votes) for each in made.voters] == [(stage.bank.address, opg(10**9 - TREASURY))]
    assert [step.label for step in made.steps] == [
        f"OPGGovernor.{verb}" for verb in ("propose", "castVote", "queue", "execute")
    ]
    assert [(v.name, str(v.before), str(v.after)) for v in made.views] == [
        ("proposalThreshold", str(opg(1)), str(opg(2))),
    ]
    assert ("OPGGovernor", "ProposalThresholdSet") in [(contract, name) for contract, name, _ in made.events]
    assert any(at == governance.governor.address for at, _, _, _ in made.slots)
    assert [name for name, problem in made.exits if not problem] == [
        "finish a thaw that began before", "begin and finish a thaw", "close a channel"
    ]  # fmt: skip


def test_the_chain_itself_is_left_alone(governance, proposed, stage):
    head, made = stage.chain.head(), proposed(THRESHOLD)
    simulate(governance.chain, made)
    assert stage.chain.head() == head
    assert list(governance.all()) == []


def test_a_copy_remembers_no_other_chain(stage):
    """Two copies of one block of which the chain has two versions, as after a re-organisation."""
    at, eth = stage.chain.deployment.address("Guardian"), stage.chain.w3.eth
    with Fork(stage.chain) as fork:
        assert fork.chain.w3.eth.get_code(at) == eth.get_code(at)
    stage.local.rpc("anvil_setCode", at, "0x00")
    with Fork(stage.chain) as fork:
        assert fork.chain.w3.eth.get_code(at) == b"\0"


def test_a_grant_is_shown_and_left_to_people(governance, proposed):
    made = simulate(governance.chain, proposed((f"Pay 500 OPG to {BOB}", f"grant('{BOB}', tokens(500))")))
    findings = judge(made)
    assert worst(findings) == "look"
    assert made.held["OPGTimelock"] == (opg(TREASURY), opg(TREASURY - 500))
    said = " ".join(finding.text for finding in findings)
    assert "the treasury pays 500 OPG, 0.05% of what it has" in said
    assert "has no code: make sure that it is whom you mean" in said


def test_a_stream_says_who_gets_it_and_when(governance, proposed):
    """The wallet's address alone says nothing; what it follows from is in the description, and nothing else fits it."""
    honest = proposed(
        (f"Pay 500 OPG to {BOB} over 365 days", f"stream('{BOB}', tokens(500), 1_800_000_000, days(365))")
    )
    findings = judge(simulate(governance.chain, honest, with_exits=False))
    assert worst(findings) == "look", findings
    assert any(f"is a stream: {BOB} gets it from 2027-01-15 08:00:00 UTC" in finding.text for finding in findings)
    parts = honest.targets, honest.values, honest.calldatas
    for lie in (("start=1800000000", "start=1800000001"), (f"ficiary={BOB}", f"ficiary={governance.governor.address}")):
        findings = judge(
            simulate(governance.chain, Proposal(*parts, honest.description.replace(*lie)), with_exits=False)
        )
        assert any("action 1 says 365 days" in finding.text for finding in findings if finding.verdict == "bad")


def test_a_number_that_leaps_is_for_a_person_to_judge(governance, proposed):
    """500 where 500 OPG were meant: every word of the description fits the call."""
    findings = judge(simulate(governance.chain, proposed(("Set it to 500", "set_(Staking.minStake, 500)")), False))
    assert worst(findings) == "look"
    assert any("Staking.minStake becomes 500" in finding.text for finding in findings)


def test_nobody_who_delegated_is_told(stage, proposed):
    """Votes are lent, and that is said."""
    made = simulate(stage.chain, proposed(THRESHOLD))
    assert made.executed
    assert worst(findings := judge(made)) == "look"
    assert "for want of votes" in findings[0].text


@pytest.fixture
def stakers(stage):
    """An operator with 30 million OPG and who delegates 25 million to it: a quorum together. Nobody else can vote."""
    operator = stage.operator(30_000_000, stage.local.account(), "https://example.org")
    delegator = stage.person(opg=25_000_000)
    delegator.send("OPG", "approve", stage.chain.deployment.address("Staking"), opg(25_000_000))
    delegator.send("Staking", "delegate", operator.address, opg(25_000_000), 0)
    stage.local.advance(2)
    return [(operator.address, opg(30_000_000), opg(30_000_000)), (delegator.address, opg(25_000_000), opg(25_000_000))]


def test_who_has_staked_votes(stage, proposed, stakers):
    """And who has delegated stake; but not who stakes on the copy only, to try the exits."""
    made = simulate(stage.chain, proposed(THRESHOLD))
    findings = judge(made)
    assert made.lent == 0
    assert worst(findings) == "good", findings
    assert [(each.account, each.votes, each.staked) for each in made.voters] == stakers
    assert made.proposer == stakers[0][0]
    assert [step.label.partition(".")[2] for step in made.steps][:3] == ["propose", "castVote", "castVote"]
    page = markdown(made, findings)
    assert "55,000,000 OPG of 2 accounts; a quorum is 40,000,000." in page
    assert f"| `{stakers[1][0]}` | 25,000,000 | 25,000,000 |" in page


def test_nobody_votes_who_is_not_needed(governance, proposed, stakers):
    """The bank alone is a quorum."""
    made = simulate(governance.chain, proposed(THRESHOLD), with_exits=False)
    assert [step.label for step in made.steps].count("OPGGovernor.castVote") == 1
    assert len(made.voters) == 3


def test_once_voting_has_begun_nobody_lends_votes(stage, governance, proposed):
    """And votes against are counted as they were cast."""
    poor = stage.person(opg=10)
    poor.send("OPG", "delegate", poor.address)
    stage.local.advance(2)
    number = governance.submit(poor, proposed(THRESHOLD), [])
    stage.local.advance(62)
    governance.vote(stage.bank, governance.find(number), "against")
    made = simulate(stage.chain, governance.find(number), with_exits=False)
    assert made.lent == 0
    assert worst(judge(made)) == "bad"
    assert "does not pass: 10 OPG for it, 998,999,990 OPG against, 0 OPG abstain" in made.error


def test_what_nobody_can_carry_is_told(governance, stage, proposed):
    """The proposer that the file names has no votes, and nothing to delegate. Nobody else's votes would help."""
    poor = stage.person()
    made = simulate(governance.chain, proposed(THRESHOLD).by(poor.address))
    assert made.lent == 0
    assert (
        f"GovernorInsufficientProposerVotes(proposer={poor.address.lower()}, votes=0 OPG, threshold=1 OPG)"
        in made.error
    )


def test_a_proposer_who_has_not_delegated_yet_lends_first(stage, proposed):
    rich = stage.person(opg=10)
    made = simulate(stage.chain, proposed(THRESHOLD).by(rich.address), with_exits=False)
    assert made.executed
    assert made.proposer == rich.address
    assert rich.address in [each.account for each in made.voters]


def test_a_proposal_on_chain_is_played_from_where_it_stands(governance, proposed, stage):
    made = proposed(THRESHOLD)
    number = governance.submit(stage.bank, made, [])
    played = simulate(governance.chain, governance.find(number))
    assert played.steps[0].label == "OPGGovernor.castVote"
    assert worst(judge(played)) == "good"


def by_hand(stage, *calls, description="# Harmless\n\nOnly a small thing.", values=None, data=None, targets=None):
    """A proposal that was made elsewhere."""
    deployment = stage.chain.deployment
    targets = targets or [deployment.address(call.contract) for call in calls]
    data = data or [calldata(call, deployment) for call in calls]
    return Proposal(tuple(targets), tuple(values or [0] * len(targets)), tuple(data), description)


SMALL = set_(OPGGovernor.proposalThreshold, tokens(2))


def hidden_call(stage, proposed):
    good = proposed(THRESHOLD)
    extra = by_hand(stage, take_role(Staking, "SLASHER_ROLE", Term("Disputes")))
    joined = (good.targets + extra.targets, good.values + extra.values, good.calldatas + extra.calldatas)
    return Proposal(*joined, good.description)


def trailing_bytes(stage, proposed):
    return by_hand(stage, SMALL, data=[calldata(SMALL, stage.chain.deployment) + b"\1"])


def call_in_a_call(stage, proposed):
    inner = calldata(give_role(Staking, "SLASHER_ROLE", BOB), stage.chain.deployment)
    return by_hand(stage, OPGGovernor.relay(Staking, 0, inner))


def role_grab(stage, proposed):
    return proposed((f"Let {BOB} look after Staking", f"give_role(Staking, 'DEFAULT_ADMIN_ROLE', '{BOB}')"))


def slasher_for_a_person(stage, proposed):
    return proposed((f"Let {BOB} slash", f"give_role(Staking, 'SLASHER_ROLE', '{BOB}')"))


def timelock_loses_its_role(stage, proposed):
    return proposed(("Tidy up", "take_role(Staking, 'DEFAULT_ADMIN_ROLE', OPGTimelock)"))


def second_proposer(stage, proposed):
    return proposed((f"Let {BOB} propose", f"give_role(OPGTimelock, 'PROPOSER_ROLE', '{BOB}')"))


def out_of_bounds(stage, proposed):
    return proposed(("Let the voters wait 60 days", "set_(OPGGovernor.votingDelay, days(60))"))


def unknown_target(stage, proposed):
    return by_hand(stage, targets=[BOB], data=[b""])


def ether(stage, proposed):
    return by_hand(stage, SMALL, values=[5])


def self_destructing_target(stage, proposed):
    code = "0x6000ff"
    at = to_checksum_address("0x" + "de" * 20)
    stage.local.rpc("anvil_setCode", at, code)
    return by_hand(stage, targets=[at], data=[b"\1\2\3\4"])


def proxy_target(stage, proposed):
    at = to_checksum_address("0x" + "df" * 20)
    stage.local.rpc("anvil_setCode", at, "0x5f5f5f5f5f5af400")
    return by_hand(stage, targets=[at], data=[b"\1\2\3\4"])


def exchanged_code(stage, proposed):
    stage.local.rpc("anvil_setCode", stage.chain.deployment.address("Guardian"), "0x00")
    return proposed(("Another guardian", f"Guardian.setGuardian('{BOB}')"))


def other_words(stage, proposed):
    return proposed(("Set the votes that a proposal needs to 3 OPG", "set_(OPGGovernor.proposalThreshold, tokens(2))"))


def basis_points_for_percent(stage, proposed):
    return proposed(("Take 5 % of fees", "set_(Inference.protocolFeeBps, bps(5))"))


def wei_for_tokens(stage, proposed):
    return proposed(("Let proposers have 1 OPG", "set_(OPGGovernor.proposalThreshold, 1)"))


def unknown_role(stage, proposed):
    return by_hand(stage, Staking.grantRole(b"\7" * 32, Term("Disputes")))


def other_code_line(stage, proposed):
    good = proposed(THRESHOLD)
    return Proposal(good.targets, good.values, good.calldatas, good.description.replace("000)`", "001)`"))


def other_address(stage, proposed):
    return proposed((f"Pay 1 OPG to {'0x' + 'cc' * 20}", f"grant('{BOB}', tokens(1))"))


def no_delay(stage, proposed):
    return proposed(("Execute at once, after 0 seconds", "set_(OPGTimelock.delay, 0)"))


def treasury_drain(stage, proposed):
    return proposed((f"Pay {TREASURY - 1:,} OPG to {BOB}", f"grant('{BOB}', tokens({TREASURY - 1}))"))


def open_allowance(stage, proposed):
    return proposed((f"Let {BOB} take 5 OPG", f"OPG.approve('{BOB}', tokens(5))"))


def paid_into_a_contract(stage, proposed):
    return proposed(("Pay 5 OPG into Staking", "grant(Staking, tokens(5))"))


def paid_to_nobody(stage, proposed):
    return proposed(("Pay 5 OPG", f"grant('{'0x' + '00' * 20}', tokens(5))"))


def twice(stage, proposed):
    pay = (f"Pay 5 OPG to {BOB}", f"grant('{BOB}', tokens(5))")
    return proposed(pay, pay)


def votes_of_the_treasury(stage, proposed):
    return proposed((f"Let {BOB} speak for the treasury", f"OPG.delegate('{BOB}')"))


def other_governor(stage, proposed):
    return proposed((f"Move to {BOB}", f"OPGGovernor.updateTimelock('{BOB}')"))


PLANTED = {
    hidden_call: "the description numbers 1 actions, the proposal has 2 calls",
    trailing_bytes: "hides behind its arguments",
    call_in_a_call: "carries other calls inside",
    role_grab: "gets DEFAULT_ADMIN_ROLE",
    slasher_for_a_person: "an account without code, gets SLASHER_ROLE",
    timelock_loses_its_role: "OPGTimelock loses DEFAULT_ADMIN_ROLE",
    second_proposer: "gets PROPOSER_ROLE",
    out_of_bounds: "a parameter would leave its bounds",
    unknown_target: "an account without code",
    ether: "sends 5 wei of ether",
    self_destructing_target: "can destroy itself",
    proxy_target: "runs code of other contracts as its own",
    exchanged_code: "is not what this source compiles to",
    other_words: "action 1 says 3",
    basis_points_for_percent: "action 1 says 5 %",
    wei_for_tokens: "action 1 says 1 OPG",
    unknown_role: "Staking has no role 0x0707",
    other_code_line: "is described as",
    other_address: "its call does not",
    no_delay: "a parameter would leave its bounds",
    treasury_drain: "100.00% of what it has",
    open_allowance: "from the treasury whenever it likes",
    paid_into_a_contract: "from where nobody can fetch it",
    paid_to_nobody: "is zero",
    twice: "2 times the same",
    votes_of_the_treasury: f"{BOB} gets the votes of the treasury",
    other_governor: "TimelockChange",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_malicious_or_clumsy_proposal_is_flagged(governance, stage, proposed, plant):
    """Attack 25."""
    made = simulate(governance.chain, plant(stage, proposed), with_exits=False)
    findings = judge(made)
    assert worst(findings) == "bad"
    assert any(PLANTED[plant] in finding.text for finding in findings if finding.verdict == "bad"), findings


def test_signs_that_hide_others_are_shown(cli, governance, stage, proposed):  # noqa: F811
    """A terminal's commands, and letters that turn the reading direction, in a title and under a number."""
    good_one = proposed(THRESHOLD)
    words = good_one.words.replace("# Try it", "# Try \x1b[2J it").replace("Because", "Because\u202e")
    made = Proposal(good_one.targets, good_one.values, good_one.calldatas, words)
    played = simulate(governance.chain, made, with_exits=False)
    hidden = "the description has 2 characters that nobody sees, and that may turn or hide others"
    assert ("look", hidden) in list(described(played))
    page = html(markdown(played, judge(played)), made.title)
    number = governance.submit(stage.bank, made, [])
    for shown in (page, good(cli("proposal", "show", str(number))), good(cli("proposal", "list"))):
        assert "Try �[2J it" in shown
        assert not {"\x1b", "\u202e"} & set(shown)


def test_a_description_that_is_no_text_hides_nothing(cli, governance, stage, proposed):  # noqa: F811
    """It would be left out, or stop the list; its calls are what is voted on."""
    made = proposed(THRESHOLD)
    parts = [list(made.targets), list(made.values), list(made.calldatas), made.words.encode() + b"\xff\xed\xa0\x80"]
    propose = next(each for each in artifact("OPGGovernor").abi if each.get("name") == "propose")
    data = selector(propose) + encode(["address[]", "uint256[]", "bytes[]", "bytes"], parts)
    stage.bank.send_data(governance.governor.address, data, "propose")
    ((number, found, _),) = governance.all()
    assert found.id == number
    assert "Try it" in good(cli("proposal", "list"))
    assert "OPGGovernor.setProposalThreshold(" in good(cli("proposal", "show", str(number)))
    assert "4 characters that nobody sees" in good(cli("proposal", "simulate", str(number)))
    stage.local.advance(62)
    assert "against: " in good(cli("proposal", "vote", str(number), "against", key=stage.bank.account))


def test_the_report_shows_everything_and_interprets_nothing(governance, stage):
    """A description is somebody's text: it is never markup."""
    evil = "# <script>alert(1)</script>\n\n[click](javascript:alert(1)) `x`\n\n1. Do | it"
    made = simulate(governance.chain, by_hand(stage, SMALL, description=evil), with_exits=False)
    page = html(markdown(made, judge(made)), made.proposal.title)
    assert "<script" not in page
    assert 'href="javascript' not in page
    for words in (
        "proposalThreshold",
        "ProposalThresholdSet",
        "setProposalThreshold",
        "castVote",
        "Storage that changed",
    ):
        assert words in page
