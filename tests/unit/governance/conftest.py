"""A deployment whose holder votes, and whose treasury has OPG."""

from __future__ import annotations

from pathlib import Path

import pytest

from opg.chain.deploying import OPG
from opg.governance.onchain import Governance
from opg.governance.proposal import Proposal, build
from opg.governance.script import load_script
from tests.stage import session_stage, stage  # noqa: F401

TREASURY = 1_000_000


@pytest.fixture
def governance(stage) -> Governance:  # noqa: F811
    """The bank votes with nearly everything there is."""
    stage.bank.send("OPG", "delegate", stage.bank.address)
    stage.pay(stage.chain.deployment.address("OPGTimelock"), TREASURY)
    stage.local.advance(2)  # votes count from the next second on
    return Governance(stage.chain)


@pytest.fixture
def written(tmp_path):
    """`written("set_(…)", "A sentence")`: a proposal file with these actions."""

    def write(
        *actions: tuple[str, str], title: str = "Try it", name: str = "2026_11_21_try_it.py", proposer: str = ""
    ) -> Path:
        listed = "\n".join(f"{number}. {said}" for number, (said, _) in enumerate(actions, 1))
        made = "\n".join(f"    ({said!r}, {call})," for said, call in actions)
        whose = f"PROPOSER = {proposer!r}\n\n" if proposer else ""
        path = tmp_path / name
        path.write_text(
            f'"""{title}\n\nBecause.\n\n{listed}\n"""\n\nfrom opg.governance import *\n\n{whose}ACTIONS = [\n{made}\n]\n'
        )
        return path

    return write


@pytest.fixture
def proposed(stage, written):  # noqa: F811
    """The proposal that a file with these actions makes on the stage's deployment."""

    def make(*actions: tuple[str, str], **options: str) -> Proposal:
        return build(load_script(written(*actions, **options)), stage.chain.deployment)

    return make


def opg(amount: int) -> int:
    return amount * OPG


def good(result) -> str:
    """What a command said that had nothing to complain about."""
    code, out, err = result
    assert code == 0, out + err
    return out
