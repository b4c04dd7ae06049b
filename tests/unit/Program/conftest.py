import pytest

from tests.evm import Evm


@pytest.fixture(scope="session")
def program():
    return Evm().deploy("ProgramHarness")
