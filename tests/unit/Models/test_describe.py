"""A licence, once; and where to read more."""

import pytest

from tests.evm import reverts

GOOD = ["x", "MIT", "Apache-2.0 WITH LLVM-exception", "x" * 256]
BAD = ["", "x" * 257, 'a"b', "a'b", "a\\b", "a\nb", "a\x7fb", "ä"]


@pytest.mark.parametrize("text", GOOD)
def test_a_licence_is_set_once(models, alice, text):
    receipt = models.setLicence(1, text, sender=alice)
    event = receipt.event("LicenceSet")
    assert (event.modelId, event.licence) == (1, text)
    assert receipt.event("MetadataUpdate").args == {"_tokenId": 1}
    assert models.licenceOf(1) == text
    with reverts("LicenceIsSet", 1):
        models.setLicence(1, "other", sender=alice)


@pytest.mark.parametrize("text", GOOD)
def test_the_metadata_may_move(models, alice, text):
    models.setMetadataUri(1, "https://example.org", sender=alice)
    receipt = models.setMetadataUri(1, text, sender=alice)
    event = receipt.event("MetadataUriSet")
    assert (event.modelId, event.uri) == (1, text)
    assert receipt.event("MetadataUpdate").args == {"_tokenId": 1}
    assert models.metadataUriOf(1) == text


@pytest.mark.parametrize("verb", ["setLicence", "setMetadataUri"])
@pytest.mark.parametrize("text", BAD)
def test_text_that_could_break_out_is_refused(models, alice, verb, text):
    with reverts("BadText", text):
        getattr(models, verb)(1, text, sender=alice)


@pytest.mark.parametrize("verb", ["setLicence", "setMetadataUri"])
def test_only_the_owner(models, bob, verb):
    with reverts("NotModelOwner", 1, bob):
        getattr(models, verb)(1, "MIT", sender=bob)
    with reverts("NoSuchModel", 2):
        getattr(models, verb)(2, "MIT", sender=bob)
