"""What the demo can be about: a model, questions to it, and what is true of them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from opg.errors import ModelUnreadable
from opg.tensor import Kind, Program
from scripts.demo.samples import FILES
from scripts.demo.telling import console, expect, show, tell
from scripts.magika import BINDINGS as ONE_FILE
from scripts.magika import Magika
from scripts.stage import BINDINGS as ONE_PICTURE
from scripts.stage import DIGITS, Digits

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = 20  # these are asked off chain
READER, LIE = 20, 21  # these two on chain
CLOSE = 1e-4  # to onnxruntime's scores, whose sums are in another order
SHADES = " ░▒▓█"


@dataclass(frozen=True)
class Question:
    """One input as the model takes it, and its right label."""

    title: str
    given: np.ndarray
    right: str


class Subject(ABC):
    """A classifier. `layer` is the one whose weighted sums the liar gets wrong, among all ops of this kind."""

    name: str
    about: str
    path: Path
    bindings: str
    layer: int
    labels: Sequence[str]

    @cached_property
    @abstractmethod
    def questions(self) -> list[Question]:
        """All of them, `LIE` the last."""

    @abstractmethod
    def label(self, scores: np.ndarray) -> str:
        """What the scores say."""

    @abstractmethod
    def review(self, scores: list[np.ndarray], milliseconds: float) -> None:
        """Shows what the questions asked off chain were answered."""

    @abstractmethod
    def draw(self, number: int, label: str) -> None:
        """Shows one question and its answer."""

    def hidden_op(self, program: Program) -> int:
        sums = [i for i in range(len(program.encoded)) if (op := program.op(i)) and op.kind == Kind.CONTRACT]
        return sums[self.layer]

    @cached_property
    def session(self) -> Any:
        """onnxruntime with the same file. Without this setting it writes an identifier of the machine, by being imported."""
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        return onnxruntime.InferenceSession(self.path, providers=["CPUExecutionProvider"])

    def onnxruntime_scores(self, number: int) -> np.ndarray:
        """What another program makes of the same file and the same question."""
        return self.session.run(None, {self.session.get_inputs()[0].name: self.questions[number].given})[0][0]

    def check(self, scores: list[np.ndarray]) -> tuple[int, float]:
        """Holds the answers to onnxruntime's; gives how many have the right label, and the largest difference, of the
        largest score.
        """
        right, most = 0, 0.0
        for number, mine in enumerate(scores):
            theirs = self.onnxruntime_scores(number)
            expect(int(mine.argmax()) == int(theirs.argmax()), f"onnxruntime says the same of question {number}")
            most = max(most, float(np.abs(mine - theirs).max() / np.abs(theirs).max()))
            right += self.label(mine) == self.questions[number].right
        expect(most <= CLOSE, f"the scores are within {CLOSE} of onnxruntime's, not {most}")
        return right, most


class Handwriting(Subject):
    """The repository's own small model."""

    name = "digits"
    about = "reads handwritten digits"
    path = DIGITS
    bindings = ONE_PICTURE
    layer = 1
    labels = "0123456789"

    def __init__(self) -> None:
        self.digits = Digits.load()

    @cached_property
    def questions(self) -> list[Question]:
        label = self.digits.labels
        return [Question(f"picture {n}", self.digits.picture(n), str(label[n])) for n in range(LIE + 1)]

    def label(self, scores: np.ndarray) -> str:
        return self.labels[int(scores.argmax())]

    def draw(self, number: int, label: str) -> None:
        top = len(SHADES) - 1
        for row in self.digits.images[number].reshape(8, 8):
            console.print("      " + "".join(SHADES[int(p) * top // 16] * 2 for p in row))
        console.print(f"      is read as {label}\n")

    def review(self, scores: list[np.ndarray], milliseconds: float) -> None:
        right, most = self.check(scores)
        self.draw(0, self.label(scores[0]))
        tell(
            f"{right} of {len(scores)} held-out pictures were read right, {milliseconds:.0f} ms each; onnxruntime reads all of them "
            f"alike, scores within {most:.0e}."
        )


# of the repository, of its models and of the samples; the last two are asked on chain
KINDS = {
    "README.md": "markdown",
    "Makefile": "makefile",
    "pyproject.toml": "toml",
    "package.json": "json",
    "LICENSE": "txt",
    "brownie-config.yaml": "yaml",
    "contracts/OPG.sol": "solidity",
    "opg/game.py": "python",
    "scripts/setup.sh": "shell",
    "scripts/solc/shim.cjs": "javascript",
    "docs/protocol.md": "markdown",
    "package-lock.json": "json",
    "opg/models/digits.onnx": "onnx",
    "opg/models/digits-heldout.npz": "npz",
    "scripts/demo/files/add.wasm": "wasm",
    "scripts/demo/files/digits.bmp": "bmp",
    "scripts/demo/files/digits.png": "png",
    "scripts/demo/files/digits.zip": "zip",
    "scripts/demo/files/tone.wav": "wav",
    "scripts/demo/files/tone.wav.gz": "gzip",
    "contracts/Referee.sol": "solidity",
    "scripts/ipfs_vectors.mjs": "javascript",
}
assert FILES == ROOT / "scripts/demo/files" and len(KINDS) == LIE + 1


class Files(Subject):
    """magika, from its wheel: of which kind is a file?"""

    name = "magika"
    about = "tells of which kind a file is (Google's, from its wheel: 785,000 parameters)"
    bindings = ONE_FILE
    layer = -1

    def __init__(self, magika: Magika) -> None:
        self.magika, self.path, self.labels = magika, magika.model, magika.labels

    @cached_property
    def questions(self) -> list[Question]:
        return [Question(name, self.magika.features((ROOT / name).read_bytes()), kind) for name, kind in KINDS.items()]

    def label(self, scores: np.ndarray) -> str:
        return self.magika.label(scores)

    def draw(self, number: int, label: str) -> None:
        console.print(f"      {self.questions[number].title} is read as {label}\n")

    def review(self, scores: list[np.ndarray], milliseconds: float) -> None:
        right, most = self.check(scores)
        rows = []
        for number, mine in enumerate(scores):
            theirs = self.onnxruntime_scores(number)
            rows.append(
                (
                    self.questions[number].title,
                    self.label(mine),
                    f"{mine.max():.6f}",
                    self.label(theirs),
                    f"{theirs.max():.6f}",
                )
            )
        show("file", "is read as", "score", "onnxruntime", "score", rows=rows, left=2)
        tell(
            f"{right} of {len(scores)} files were told right, {milliseconds:.0f} ms each; onnxruntime reads all of them alike, "
            f"scores within {most:.0e}."
        )


def chosen(name: str | None) -> Subject:
    """By name; without one magika, or, where its wheel is not installed, the digits model.

    Raises `ModelUnreadable` when magika is asked for by name and not there.
    """
    if name == Handwriting.name:
        return Handwriting()
    magika = Magika.find()
    if magika:
        return Files(magika)
    if name:
        raise ModelUnreadable("the wheel of magika is not installed", "run `make models`, or take --model digits")
    tell(
        "[yellow]The wheel of magika is not installed, so this is about the digits model. With a package index in reach, "
        "`make demo` fetches it.[/]"
    )
    return Handwriting()
