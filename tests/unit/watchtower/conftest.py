"""See tests/stage.py."""

import pytest

from opg.watchtower import Watchtower, fetching
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.stage import digits, host, picture, session_stage, stage, user, version  # noqa: F401


@pytest.fixture(autouse=True)
def patience():
    """A test that wants an answer waits for it, however slow the machine is."""
    with pytest.MonkeyPatch.context() as patient:  # of its own: the tests' ends before the chain is restored
        patient.setattr(fetching, "PATIENCE_SECONDS", 30.0)
        patient.setattr(fetching, "ROUND_SECONDS", 60.0)
        yield


@pytest.fixture
def tower(stage, tmp_path):  # noqa: F811
    """A watchtower with 100 OPG."""
    return Watchtower(stage.chain, stage.person(opg=100), [DIGITS], tmp_path / "tower.sqlite")


@pytest.fixture
def liar(host):  # noqa: F811
    return host(executor=LyingExecutor(2, 5))
