"""As much of protocol buffers as IPFS' file nodes need: varints and length-delimited fields."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, BYTES = 0, 2
MAX_VARINT_BYTES = 9


def varint(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(tag: int, value: int) -> bytes:
    """A numeric field."""
    return varint(tag << 3 | VARINT) + varint(value)


def chunk(tag: int, value: bytes) -> bytes:
    """A field of bytes."""
    return varint(tag << 3 | BYTES) + varint(len(value)) + value


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Tags and values, in order. Raises `ValueError` on anything else than numbers and bytes."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == VARINT:
            yield key >> 3, value
        elif key & 7 == BYTES and at + value <= len(data):
            yield key >> 3, data[at : at + value]
            at += value
        else:
            raise ValueError("not a field")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends. Raises `ValueError`."""
    value = 0
    for place in range(MAX_VARINT_BYTES):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("not a varint")
