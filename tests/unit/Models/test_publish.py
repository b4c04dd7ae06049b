"""A version is checked, committed to, and never changes."""

import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.evm import normal, reverts

MACHINE = keccak(text="OPG tensor machine 1")
HEADER_TYPE = "(uint32[],uint32,uint32,bytes32,bytes32,uint32[])"
ZERO = bytes(32)


def test_a_version_commits_to_its_program(models, publish, header):
    publish()
    version = models.version(1)
    assert version.programRoot == keccak(encode(["bytes32", HEADER_TYPE], [MACHINE, header()]))
    assert version.programRoot == models.programRoot(1)
    assert version.inputsHash == keccak(encode(["uint256[]"], [[64, 8]]))
    assert (version.modelId, version.opCount, version.modes) == (1, 5, 0b001)
    assert (version.constantsRoot, version.artifactHash) == (b"\xc0" * 32, b"\xa5" * 32)
    assert (version.artifactCid, version.bindings) == ("bafy", "batch=1")


def test_a_version_is_announced_with_its_header(models, publish, header):
    receipt = publish()
    event = receipt.event("VersionPublished")
    assert receipt.value == event.versionId == event.modelId == 1
    assert event.version == models.version(1)
    assert normal(event.header) == header()


def test_terms_are_what_a_request_needs(models, publish):
    publish(modes=0b101)
    assert models.terms(1) == (0b101, False, keccak(encode(["uint256[]"], [[64, 8]])))


def test_versions_of_all_models_count_from_one(models, publish, bob):
    models.register("speech", 0, sender=bob)
    assert [publish().value, publish(2, sender=bob).value, publish().value] == [1, 2, 3]
    assert models.versionCount() == 3
    assert [models.version(i).modelId for i in (1, 2, 3)] == [1, 2, 1]


def test_a_later_version_leaves_the_earlier_alone(models, publish, header):
    publish()
    before = models.version(1)
    publish(1, header(op_count=9), cid="other", bindings="", modes=0b111)
    assert models.version(1) == before


def test_only_the_present_owner_publishes(models, publish, alice, bob):
    models.approve(bob, 1, sender=alice)
    with reverts("NotModelOwner", 1, bob):
        publish(sender=bob)
    models.transferFrom(alice, bob, 1, sender=alice)
    with reverts("NotModelOwner", 1, alice):
        publish()
    publish(sender=bob)


def test_there_is_no_version_of_no_model(publish):
    with reverts("NoSuchModel", 2):
        publish(2)


@pytest.mark.parametrize("read", ["version", "programRoot", "terms"])
@pytest.mark.parametrize("version_id", [0, 2])
def test_a_version_that_does_not_exist_is_an_error(models, publish, read, version_id):
    publish()
    with reverts("NoSuchVersion", version_id):
        getattr(models, read)(version_id)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("inputWords", {"input_words": ()}),
        ("inputWords", {"input_words": (1,) * 17}),
        ("inputWords", {"input_words": (1, 0)}),
        ("constantCount", {"constant_count": 2**20 + 1}),
        ("opCount", {"op_count": 0, "outputs": ()}),
        ("opCount", {"op_count": 2**20 + 1}),
        ("constantsRoot", {"constants_root": ZERO}),
        ("constantsRoot", {"constant_count": 0}),
        ("opsRoot", {"ops_root": ZERO}),
        ("outputs", {"outputs": ()}),
        ("outputs", {"outputs": (0,) * 17}),
        ("outputs", {"outputs": (0, 5)}),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(publish, header, field, changes):
    with reverts("BadHeader", field):
        publish(1, header(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"input_words": (2**32 - 1,) * 16},
        {"constant_count": 2**20},
        {"constant_count": 0, "constants_root": ZERO},
        {"op_count": 2**20, "outputs": (2**20 - 1,)},
        {"op_count": 1, "outputs": (0,) * 16},
    ],
)
def test_a_header_at_the_limits_is_taken(publish, header, changes):
    assert publish(1, header(**changes)).value == 1


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("artifactHash", {"hash": ZERO}),
        ("artifactCid", {"cid": ""}),
        ("artifactCid", {"cid": "x" * 129}),
        ("bindings", {"bindings": "x" * 257}),
        ("modes", {"modes": 0}),
        ("modes", {"modes": 0b1000}),
    ],
)
def test_an_incomplete_version_is_refused(publish, field, changes):
    with reverts("IncompleteVersion", field):
        publish(**changes)


def test_a_version_at_the_limits_is_taken(models, publish):
    publish(cid="x" * 128, bindings="y" * 256, modes=0b111)
    assert (models.version(1).artifactCid, models.version(1).bindings) == ("x" * 128, "y" * 256)


def test_word_counts_are_not_wider_than_they_say(models, header, alice):
    """Calldata with dirty upper bits: two headers that look alike must not have two program roots."""
    entry = next(e for e in models.abi if e.get("name") == "publish")
    data = models.calldata(entry, (1, header(), b"\xa5" * 32, "bafy", "", 1))
    clean = (5).to_bytes(32, "big")
    assert data.count(clean) == 1
    dirty = data.replace(clean, (2**32 + 5).to_bytes(32, "big"))
    send = models._evm.backend.send
    send(alice.address, models.address, data, 10**6)
    with reverts():
        send(alice.address, models.address, dirty, 10**6)
