"""Addresses that people type: mistyped ones are refused, wherever money or power would go there."""

from __future__ import annotations

from opg.errors import BadInput

DIGITS = 40


def checked(text: str, what: str = "") -> str:
    """The address with its checksum (EIP-55). Raises `BadInput` where digits are missing, or upper and lower case say that one is wrong."""
    from eth_utils.address import is_hex_address, to_checksum_address

    named = f"{what} {text!r}".strip()
    if not (text.startswith("0x") and is_hex_address(text)):
        raise BadInput(f"{named} is no address", f"write 0x and {DIGITS} hexadecimal digits")
    made = str(to_checksum_address(text))
    if made != text and text[2:] not in (text[2:].lower(), text[2:].upper()):
        raise BadInput(f"{named} has a wrong checksum: a digit or its case is mistyped", "copy it again")
    return made
