"""Metadata that needs no server and cannot be broken out of."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, reverts

PREFIX = "data:application/json;base64,"
NAMES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, blacklist_characters="\"'\\"),
    min_size=1,
    max_size=64,
)


def metadata(uri):
    assert uri.startswith(PREFIX)
    return json.loads(base64.b64decode(uri.removeprefix(PREFIX), validate=True))


def test_it_holds_the_name(models):
    assert metadata(models.tokenURI(1)) == {"name": "digits"}


def test_it_holds_licence_and_link_when_they_are_set(models, alice):
    models.setLicence(1, "MIT", sender=alice)
    assert metadata(models.tokenURI(1)) == {"name": "digits", "license": "MIT"}
    models.setMetadataUri(1, "https://example.org", sender=alice)
    assert metadata(models.tokenURI(1)) == {
        "name": "digits",
        "license": "MIT",
        "external_url": "https://example.org",
    }


def test_a_sale_does_not_change_it(models, alice, bob):
    before = models.tokenURI(1)
    models.transferFrom(alice, bob, 1, sender=alice)
    assert models.tokenURI(1) == before


def test_no_model_has_none(models):
    with reverts("NoSuchModel", 2):
        models.tokenURI(2)


@given(name=NAMES)
def test_every_name_survives(name):
    evm = Evm()
    models = evm.deploy("Models")
    models.register(name, 0, sender=account(1))
    uri = models.tokenURI(1)
    assert metadata(uri) == {"name": name}
    assert len(uri) <= 150
