"""What models commit to, and which numpy says so: run in this process and in others. `python -m tests.unit.executor.roots` prints it."""

from __future__ import annotations

import importlib.util
import json

import numpy as np

from opg.tensor import trace
from tests.models import DIGITS, MAGIKA, SILERO, Ladder

WHEELS = {DIGITS: None, SILERO: "silero_vad", MAGIKA: "magika"}


def roots() -> dict[str, list[str]]:
    """By the name of each model that is installed: programRoot, and the roots of its input, output and trace."""
    return {
        model.name: _roots(model) for model, wheel in WHEELS.items() if not wheel or importlib.util.find_spec(wheel)
    }


def _roots(model: Ladder) -> list[str]:
    compiled, given = model.compile(), next(iter(model.inputs()))
    made = trace(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    return [root.hex() for root in (compiled.program.root, made.input_root, made.output_root, made.tree.root)]


if __name__ == "__main__":
    print(json.dumps({"version": np.__version__, "file": np.__file__, "roots": roots()}))
