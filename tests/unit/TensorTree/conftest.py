import pytest

from tests.evm import Evm


@pytest.fixture(scope="session")
def tree():
    return Evm().deploy("TensorTreeHarness")
