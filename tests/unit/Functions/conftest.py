import pytest

from tests.evm import Evm


@pytest.fixture(scope="session")
def functions():
    return Evm().deploy("FunctionsHarness")
