"""What stands around the model in magika's wheel: a file becomes its input, its scores become a label.

The wheel is optional and nothing of it is in this repository: `make demo` and `make models` fetch it. The rules are those of its
`config.min.json`; `tests/unit/harness/test_magika.py` holds them to the wheel's own program.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from opg.errors import BadInput

MODEL = "models/standard_v3_3"
BINDINGS = "unk__214=1"  # one file at a time
UNSURE = {True: "txt", False: "unknown"}  # by whether the label is that of a text


@dataclass(frozen=True)
class Magika:
    """The wheel's folder, read but never imported."""

    wheel: Path

    @classmethod
    def find(cls) -> Magika | None:
        """None where the wheel is not installed."""
        found = importlib.util.find_spec("magika")
        return cls(Path(found.origin).parent) if found and found.origin else None

    @property
    def model(self) -> Path:
        return self.wheel / MODEL / "model.onnx"

    @cached_property
    def config(self) -> dict[str, Any]:
        return json.loads((self.wheel / MODEL / "config.min.json").read_text())

    @cached_property
    def kinds(self) -> dict[str, Any]:
        """What is known of each label; of those that the model does not know too."""
        return json.loads((self.wheel / "config" / "content_types_kb.min.json").read_text())

    @property
    def labels(self) -> list[str]:
        """In the order of the scores."""
        return self.config["target_labels_space"]

    def features(self, content: bytes) -> np.ndarray:
        """What the model reads of a file: bytes of its beginning, then of its end, white space around them left out, and the padding
        token where there are none. int32 [1, beg_size + end_size].

        Raises `BadInput` for a file of too few bytes: magika does not ask its model about those.
        """
        read = self.config
        if read["mid_size"] or read["use_inputs_at_offsets"]:
            raise NotImplementedError("this version of magika reads more than the beginning and the end of a file")
        first = content[: read["block_size"]].lstrip()[: read["beg_size"]]
        last = content[-read["block_size"] :].rstrip()[-read["end_size"] :]
        if len(first) < read["min_file_size_for_dl"]:
            raise BadInput(f"{len(first)} bytes are too few to tell what they are", "give a larger file")
        pad = read["padding_token"]
        words = [*first, *[pad] * (read["beg_size"] - len(first)), *[pad] * (read["end_size"] - len(last)), *last]
        return np.array([words], np.int32)

    def label(self, scores: np.ndarray) -> str:
        """The label with the highest score, as magika shows it: one it is not sure enough of becomes `txt` or `unknown`."""
        best = int(np.argmax(scores))
        guess = self.labels[best]
        shown = self.config["overwrite_map"].get(guess, guess)
        sure = self.config["thresholds"].get(guess, self.config["medium_confidence_threshold"])
        return shown if float(scores[best]) >= sure else UNSURE[bool(self.kinds[shown]["is_text"])]
