"""Fixtures that every test may use: accounts, chains, gas by name, and a count of property examples."""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.evm import Evm, Receipt, account
from tests.machines import STEPS

GAS_FILE = Path(__file__).parent / "gas.json"
DEEP = os.environ.get("OPG_DEEP") == "1"
EXAMPLES = {"ran": 0}
CLIENTS = Path(__file__).resolve().parents[1] / ".venv" / "clients"

hypothesis.settings.register_profile(
    "default", max_examples=50, stateful_step_count=30, deadline=None, derandomize=True, database=None,
    suppress_health_check=hypothesis.HealthCheck.all(),
)  # fmt: skip
hypothesis.settings.register_profile(
    "deep", max_examples=1000, stateful_step_count=100, deadline=None, database=None,
    suppress_health_check=hypothesis.HealthCheck.all(),
)  # fmt: skip
hypothesis.settings.load_profile("deep" if DEEP else "default")


def _count_examples() -> None:
    """Wraps hypothesis' own execution of one test case, so that the number printed is what really ran."""
    from hypothesis.core import StateForActualGivenExecution as State

    original = State.execute_once

    def execute_once(self, *args, **kwargs):
        EXAMPLES["ran"] += 1
        return original(self, *args, **kwargs)

    State.execute_once = execute_once


_count_examples()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TOTAL] = Counter()


_TOTAL = pytest.StashKey[Counter]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    node.config.stash[_TOTAL].update(getattr(node, "workeroutput", {}).get("played", {}))


def pytest_sessionstart(session: pytest.Session) -> None:
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["played"] = {"examples": EXAMPLES["ran"], "steps": STEPS["made"]}


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    total = config.stash[_TOTAL] + Counter(examples=EXAMPLES["ran"], steps=STEPS["made"])
    terminalreporter.write_line(f"property examples run: {total['examples']:,}; steps of machines: {total['steps']:,}")


@pytest.fixture
def evm() -> Iterator[Evm]:
    """A fresh chain in process."""
    chain = Evm()
    yield chain
    chain.close()


@pytest.fixture
def anvil_evm() -> Iterator[Evm]:
    """A real node of its own, whose time is the test's: gas that is written down comes from here."""
    chain = Evm("anvil")
    yield chain
    chain.close()


def _person(index: int) -> Callable:
    @pytest.fixture(scope="session")
    def person():
        return account(index)

    return person


alice, bob, charlie, dave, erin, frank = (_person(i) for i in range(1, 7))


@pytest.fixture
def gas_snapshot() -> Callable[[str, Receipt | int], None]:
    """Compares gas with tests/gas.json by name; `make gas` writes it, `make mutate` looks away."""

    def record(name: str, receipt: Receipt | int) -> None:
        if os.environ.get("OPG_GAS") == "ignore":
            return
        used = receipt if isinstance(receipt, int) else receipt.gas_used
        known = json.loads(GAS_FILE.read_text()) if GAS_FILE.exists() else {}
        if os.environ.get("OPG_GAS") == "write":
            known[name] = used
            GAS_FILE.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n")
            return
        assert name in known, f"{name} is not in tests/gas.json: run `make gas`"
        assert known[name] == used, f"{name} takes {used:,} gas, tests/gas.json has {known[name]:,}: run `make gas`"

    return record


@pytest.fixture(scope="session")
def clients_python() -> str:
    """An interpreter that has the opengradient SDK and tritonclient, unmodified, and nothing of ours; else skips."""
    if not (CLIENTS / ".stamp").is_file():
        pytest.skip("the opengradient SDK and tritonclient are not here: make clients")
    return str(CLIENTS / "bin" / "python")
