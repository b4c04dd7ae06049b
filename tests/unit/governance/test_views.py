"""Every parameter that a vote can change is in the report, before and after, also when the change comes later."""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from opg.chain import EventReader
from opg.chain.artifacts import role_id
from opg.chain.deploying import HOUR, LOCAL, MINUTE, OPG
from opg.governance import settable
from opg.governance.checks import bounds, judge
from opg.governance.proposal import decode_proposal
from opg.governance.report import markdown
from opg.governance.simulation import Simulation, simulate
from opg.words import moment

BOB = to_checksum_address("0x" + "b0" * 20)
FEE = ("Take 2 % of what is redeemed", "set_(Channels.protocolFeeBps, bps(200))")
VALUES = {
    "Staking.minStake": ("minStake", LOCAL.min_stake, 1_500 * OPG),
    "Inference.collateral": ("collateral", LOCAL.collateral, 50 * OPG),
    "Inference.protocolFeeBps": ("protocolFeeBps", LOCAL.protocol_fee_bps, 200),
    "Channels.protocolFeeBps": ("protocolFeeBps", LOCAL.protocol_fee_bps, 250),
    "Guardian.guardian": ("guardian", None, BOB),
    "OPGGovernor.votingDelay": ("votingDelay", LOCAL.voting_delay_seconds, 2 * MINUTE),
    "OPGGovernor.votingPeriod": ("votingPeriod", LOCAL.voting_period_seconds, 20 * MINUTE),
    "OPGGovernor.proposalThreshold": ("proposalThreshold", LOCAL.proposal_threshold, 2 * OPG),
    "OPGGovernor.quorumNumerator": ("quorumNumerator", LOCAL.quorum_percent, 5),
    "OPGGovernor.lateQuorumVoteExtension": ("lateQuorumVoteExtension", LOCAL.late_quorum_seconds, 2 * MINUTE),
    "OPGTimelock.delay": ("getMinDelay", LOCAL.timelock_seconds, 20 * MINUTE),
    "OPGGovernor.timelock": ("timelock", None, BOB),
}


def changes(made: Simulation) -> dict[tuple[str, str], tuple[str, str]]:
    return {(view.contract, view.name): (str(view.before), str(view.after)) for view in made.views}


def test_all_that_a_vote_can_set_is_shown_before_and_after(governance, stage, proposed):
    assert set(VALUES) == set(settable())
    actions = [(f"Set {name}", f"set_({name}, {value!r})") for name, (_, _, value) in VALUES.items()]
    limits = ("Set the pauses", f"Guardian.setPauseLimits({2 * HOUR}, {3 * HOUR})")
    made = simulate(governance.chain, proposed(limits, *actions), with_exits=False)
    assert not made.error
    shown = changes(made)
    for name, (view, before, after) in VALUES.items():
        told = shown.pop((name.partition(".")[0], view))
        assert before is None or told[0] == str(before), name
        assert told[1].endswith(str(after)), name
    assert shown.pop(("Guardian", "maxPauseSeconds")) == (str(LOCAL.max_pause_seconds), str(2 * HOUR))
    assert shown.pop(("Guardian", "cooldownSeconds")) == (str(LOCAL.cooldown_seconds), str(3 * HOUR))
    assert not shown


def test_a_share_that_comes_later_is_shown_with_its_time(governance, proposed):
    made = simulate(governance.chain, proposed(FEE))
    (since,) = (args["since"] for _, event, args in made.events if event == "ProtocolFeeSet")
    assert changes(made) == {("Channels", "protocolFeeBps"): ("300", f"300; from {moment(since)} on 200")}
    assert f"| Channels | protocolFeeBps | `300` | `300; from {moment(since)} on 200` |" in markdown(made, judge(made))


def test_a_share_that_was_announced_before_is_taken_back(governance, stage, proposed):
    """By a vote that is over before the share of the vote before has come."""
    timelock = stage.chain.deployment.address("OPGTimelock")
    stage.local.rpc("anvil_impersonateAccount", timelock)
    stage.local.rpc("anvil_setBalance", timelock, hex(OPG))
    channels = stage.chain.contract("Channels")
    data = channels.encode_abi("setProtocolFeeBps", [500])
    sent = stage.local.rpc("eth_sendTransaction", {"from": timelock, "to": channels.address, "data": data})
    stage.chain.w3.eth.wait_for_transaction_receipt(sent)
    *_, announced = EventReader(stage.chain, [("Channels", "ProtocolFeeSet")]).read()
    back = ("Keep the share of 300 bps", "set_(Channels.protocolFeeBps, bps(300))")
    made = simulate(governance.chain, proposed(back), with_exits=False)
    then = moment(announced.args["since"])
    assert changes(made) == {("Channels", "protocolFeeBps"): (f"300; from {then} on 500", "300")}


def test_a_share_that_leaps_is_for_a_person_to_judge(governance, proposed):
    wrong = ("Take 2 of it", "set_(Channels.protocolFeeBps, bps(2))")
    made = simulate(governance.chain, proposed(wrong), with_exits=False)
    assert list(bounds(made)) == [
        ("look", "Channels.protocolFeeBps becomes 2, from 300: is it in the right unit?")
    ]  # fmt: skip


def test_roles_and_contracts_have_their_names(governance, stage, proposed):
    """The line on chain stays exact: that is what the description is compared with."""
    module = stage.chain.deployment.address("Referee")
    made = proposed(
        ("Let the Referee slash", "give_role(Staking, 'SLASHER_ROLE', contract('Referee'))"),
        ("Let the Disputes not slash", "take_role(Staking, 'SLASHER_ROLE', Disputes)"),
    )
    calls = decode_proposal(stage.chain.deployment, made)
    exact = "0x" + role_id("SLASHER_ROLE").hex()
    assert str(calls[0]) == f"Staking.grantRole(role={exact}, account={module})"
    assert calls[0].readable == "Staking.grantRole(role=SLASHER_ROLE, account=Referee)"
    played = simulate(governance.chain, made, with_exits=False)
    assert changes(played) == {
        ("Staking", "hasRole(SLASHER_ROLE, Referee)"): ("False", "True"),
        ("Staking", "hasRole(SLASHER_ROLE, Disputes)"): ("True", "False"),
    }
    page = markdown(played, [])
    assert "1. `Staking.grantRole(role=SLASHER_ROLE, account=Referee)` at" in page
    assert f"| bytes32 | role | `{exact}` | `SLASHER_ROLE` |" in page
    assert "| Staking | RoleGranted | `role=SLASHER_ROLE, account=Referee, sender=OPGTimelock` |" in page


def test_what_the_treasury_lets_others_do_is_shown(governance, stage, proposed):
    made = simulate(
        governance.chain,
        proposed((f"Let {BOB} vote", f"OPG.delegate('{BOB}')"), (f"Let {BOB} pay", f"OPG.approve('{BOB}', tokens(5))")),
        with_exits=False,
    )
    assert changes(made) == {
        ("OPG", "delegates(OPGTimelock)"): ("0x" + "00" * 20, BOB),
        ("OPG", f"allowance(OPGTimelock, {BOB})"): ("0", str(5 * OPG)),
    }


def test_a_pause_that_a_vote_ends_is_shown(governance, stage, proposed):
    stage.guardian.send("Guardian", "pause", 1, HOUR)
    made = simulate(governance.chain, proposed(("Let deposits go on", "Guardian.resume(1)")), with_exits=False)
    assert [place for place in changes(made)] == [("Guardian", "pauseOf(1)")]
