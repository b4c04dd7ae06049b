"""Decoding what contracts say. Whoever may write a text there may write any bytes: what is no text must not stop who reads it."""

from __future__ import annotations

from functools import cache

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from web3._utils.abi import build_strict_registry


@cache
def codec() -> ABICodec:
    """web3's own, but bytes of a `string` that are no UTF-8 are shown as `\\xff` rather than refused."""
    registry = build_strict_registry()
    registry.unregister_decoder("string")
    registry.register_decoder("string", StringDecoder(handle_string_errors="backslashreplace"), label="string")
    return ABICodec(registry)
