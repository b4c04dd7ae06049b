"""A registry with one model: Alice's `digits`, a quarter of each fee."""

from dataclasses import replace

import pytest

from opg.chain.structs import Header

HEADER = Header(
    input_words=(64, 8),
    constant_count=3,
    op_count=5,
    constants_root=b"\xc0" * 32,
    ops_root=b"\x0b" * 32,
    outputs=(4, 0),
)
VERSION = {"hash": b"\xa5" * 32, "cid": "bafy", "bindings": "batch=1", "modes": 0b001}


@pytest.fixture
def models(evm, alice):
    made = evm.deploy("Models")
    made.register("digits", 2_500, sender=alice)
    return made


@pytest.fixture
def header():
    """A good header as a tuple; fields can be replaced by name."""
    return lambda **changes: replace(HEADER, **changes).abi()


@pytest.fixture
def publish(models, alice, header):
    """Publishes a version of a model, with whatever is changed in it."""

    def send(model_id=1, changed_header=None, sender=alice, **changes):
        version = VERSION | changes
        return models.publish(model_id, changed_header or header(), *version.values(), sender=sender)

    return send
