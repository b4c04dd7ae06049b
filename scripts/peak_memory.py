"""The most memory that a process needs to load MiniLM and run it once: `python -m scripts.peak_memory onnxruntime|ours FILE`."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

SHAPE = {"batch": 1, "sequence": 128}


def peak() -> float:
    """MB; Linux's own count, because the other one survives the start of a new program."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(what: str, file: str) -> None:
    given = {"input_ids": np.full((1, 128), 2023), "attention_mask": np.ones((1, 128), np.int64)}
    if what == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]).run(None, given)
    else:
        from opg.tensor import compile_onnx, execute, set_threads

        set_threads(1)
        compiled = compile_onnx(file, SHAPE)
        print(f"compiled at {peak():.0f} MB", file=sys.stderr)
        execute(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    print(peak())


if __name__ == "__main__":
    main(*sys.argv[1:])
