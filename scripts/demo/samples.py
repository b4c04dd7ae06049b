"""The binary files that the demo asks about beside the repository's own: small, real, and ours.

    python -m scripts.demo.samples     writes scripts/demo/files again

All of it is made from the held-out pictures of the digits model, from a sine or by hand, the same to the byte everywhere: nothing is
compressed by an algorithm that may change.
"""

from __future__ import annotations

import io
import math
import struct
import wave
import zipfile
import zlib
from pathlib import Path

import numpy as np

FILES = Path(__file__).parent / "files"
HELD_OUT = Path(__file__).parents[2] / "opg" / "models" / "digits-heldout.npz"
SCALE = 8  # a pixel becomes 8 × 8
DEEPEST = 16  # the shade of a pixel that is full of ink


def pictures(count: int) -> np.ndarray:
    """Held-out digits side by side, black on white: uint8 [64, 64 · count]."""
    rows = np.load(HELD_OUT)["images"][:count].reshape(count, 8, 8)
    ink = np.concatenate(list(rows), axis=1) * 255 // DEEPEST
    return np.kron(255 - ink.astype(np.uint8), np.ones((SCALE, SCALE), np.uint8))


def png(grey: np.ndarray) -> bytes:
    """An 8-bit grey picture, stored, not compressed."""
    height, width = grey.shape

    def part(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = b"".join(b"\0" + bytes(row) for row in grey)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(lines, 0)) + part(b"IEND", b"")


def bmp(grey: np.ndarray) -> bytes:
    """The same with a palette of 256 greys, bottom line first."""
    height, width = grey.shape
    palette = b"".join(bytes((g, g, g, 0)) for g in range(256))
    at = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, grey.size, 2835, 2835, 256, 0)
    return struct.pack("<2sIHHI", b"BM", at + grey.size, 0, 0, at) + info + palette + bytes(grey[::-1])


def wav(seconds: float = 0.25, rate: int = 8_000, hertz: int = 440) -> bytes:
    """A sine, 16 bits."""
    made = io.BytesIO()
    with wave.open(made, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        for i in range(int(seconds * rate)):
            out.writeframesraw(struct.pack("<h", round(12_000 * math.sin(2 * math.pi * hertz * i / rate))))
    return made.getvalue()


def archive(entries: dict[str, bytes]) -> bytes:
    """A zip of stored files, of no particular time."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as out:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            out.writestr(entry, data)
    return made.getvalue()


def wasm() -> bytes:
    """A module that exports the sum, product, difference of two int32, and the factorial."""

    def vector(items: list[bytes]) -> bytes:
        return bytes([len(items)]) + b"".join(items)

    def section(number: int, items: list[bytes]) -> bytes:
        body = vector(items)
        return bytes([number, len(body)]) + body

    def body(code: bytes) -> bytes:
        code = b"\0" + code + b"\x0b"
        return bytes([len(code)]) + code

    names = [b"add", b"sub", b"mul", b"factorial"]
    two, one = b"\x60\x02\x7f\x7f\x01\x7f", b"\x60\x01\x7f\x01\x7f"
    arithmetic = [body(b"\x20\x00\x20\x01" + bytes([code])) for code in (0x6A, 0x6B, 0x6C)]
    factorial = body(b"\x20\x00\x45\x04\x7f\x41\x01\x05\x20\x00\x20\x00\x41\x01\x6b\x10\x03\x6c\x0b")
    exports = [bytes([len(n)]) + n + b"\0" + bytes([i]) for i, n in enumerate(names)]
    return (
        b"\0asm\1\0\0\0"
        + section(1, [two, one])
        + section(3, [b"\0", b"\0", b"\0", b"\1"])
        + section(7, exports)
        + section(10, [*arithmetic, factorial])
    )


def samples() -> dict[str, bytes]:
    """All of them, by name."""
    grey = pictures(4)
    plain = zlib.compressobj(0, zlib.DEFLATED, 31)
    return {
        "add.wasm": wasm(),
        "digits.bmp": bmp(grey),
        "digits.png": png(grey),
        "tone.wav": wav(),
        "digits.zip": archive({"digits.png": png(pictures(1)), "tone.wav": wav(0.05)}),
        "tone.wav.gz": plain.compress(wav(0.1)) + plain.flush(),
    }


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for name, data in samples().items():
        (FILES / name).write_bytes(data)
