"""The executor beside onnxruntime, in one run: whole models, hashing, traces, memory.

    make bench                                     everything
    python -m scripts.bench --model magika --profile   one model, and where its time goes

Runs alternate, so that both meet the same disturbances; times are medians and ranges. `cpu` is the ratio of processor times at
one thread: on a busy machine it says more than the clock.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from opg.tensor import Compiled, bundle, compile_onnx, execute, set_threads, trace
from opg.tensor.functions import Fn
from opg.tensor.hashing import chunk_count, depth_of, layout
from opg.tensor.plan import Plan
from opg.tensor.runner import Memory
from tests.models import DIGITS, MAGIKA, MINILM, OCR, SILERO, digits_image

GOALS = {"digits": 1.5, "silero-vad": 2.0, "magika": 1.5, "PP-OCRv4 recognition": 1.5, "all-MiniLM-L6-v2": 1.5}
Inputs = dict[str, np.ndarray]


def tokens(length: int) -> Inputs:
    ids = np.random.default_rng(1).integers(1000, 30_000, (1, length))
    return {"input_ids": ids, "attention_mask": np.ones((1, length), np.int64)}


SIZES: dict[str, tuple[dict[str, int], Callable[[], Inputs]]] = {
    "PP-OCRv4 recognition": (
        {**OCR.bindings, "p2o.DynamicDimension.1": 320},
        lambda: {"x": digits_image("20478135", 320)},
    ),
    "all-MiniLM-L6-v2": ({"batch": 1, "sequence": 128}, lambda: tokens(128)),
}
LADDER = (DIGITS, SILERO, MAGIKA, OCR, MINILM)


def seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start


def alternate(runs: list[Callable[[], object]], budget: float, clock: Callable[[], float]) -> list[list[float]]:
    """Times of each of the runs: blocks of them take turns until `budget` seconds are over, seven times at least."""
    once = [max(min(seconds(run, time.perf_counter) for _ in range(3)), 1e-6) for run in runs]
    block = [max(1, int(0.02 / t)) for t in once]
    times: list[list[float]] = [[] for _ in runs]
    stop, rounds = time.perf_counter() + budget, 0
    while rounds < 7 or time.perf_counter() < stop:
        for number, run in enumerate(runs):
            time.sleep(0.004)  # threads that spin after the other's run come to rest
            run()
            times[number] += [seconds(run, clock) for _ in range(block[number])]
        rounds += 1
    return times


def shown(times: list[float]) -> str:
    a, b, c = (1e3 * t for t in (statistics.median(times), min(times), max(times)))
    return f"{a:8.3f} [{b:.3f} – {c:.3f}]"


def session(data: bytes, threads: int) -> object:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")  # between its runs the processors are ours
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def measure(model: object, threads: list[int], budget: float, profile: bool) -> None:
    bindings, inputs = SIZES.get(model.name, (model.bindings, lambda: next(iter(model.inputs()))))
    data, given = model.load(), inputs()
    compiled = compile_onnx(data, bindings)
    words = [spec.to_words(given[spec.name]) for spec in compiled.inputs]
    set_threads(1)
    execute(compiled.program, words)
    print(
        f"{model.name}: {compiled.report.macs / 1e6:.1f} million multiply-adds, bound {compiled.bindings or 'nothing'}"
    )
    for count in threads:
        set_threads(count)
        theirs = session(data, count)
        feed = {i.name: given[i.name] for i in theirs.get_inputs()}
        runs = [lambda s=theirs, f=feed: s.run(None, f), lambda: execute(compiled.program, words)]
        ort, own = alternate(runs, budget, time.perf_counter)
        ratio = statistics.median(own) / statistics.median(ort)
        text = f"  {count} thread{'s' if count > 1 else ' '}  onnxruntime {shown(ort)} ms   ours {shown(own)} ms   ratio {ratio:.2f}"
        if count == 1:
            busy = [statistics.median(t) for t in alternate(runs, budget, time.process_time)]
            text += f"   cpu {busy[1] / busy[0]:.2f}   goal {GOALS[model.name]}"
        print(text, flush=True)
    for count in threads:
        _honesty(compiled, words, count, budget)
    if profile:
        _profile(compiled, words)


def _honesty(compiled: Compiled, words: list[np.ndarray], count: int, budget: float) -> None:
    """What hashing the inputs and outputs costs, and a trace with all its trees."""
    set_threads(count)
    program = compiled.program
    outputs = execute(program, words)
    runs = [
        lambda: execute(program, words),
        lambda: (bundle(words), bundle(outputs)),
        lambda: trace(program, words).tree.root,
    ]
    plain, hashing, full = alternate(runs, budget, time.perf_counter)
    middle = statistics.median(plain)
    share, times = statistics.median(hashing) / middle, statistics.median(full) / middle
    busy = ""
    if count == 1:
        cpu = [statistics.median(t) for t in alternate(runs, budget, time.process_time)]
        both, all_ops = (
            permutations([x.size for x in [*words, *outputs]]),
            list(map(program.words_of, range(len(program.encoded)))),
        )
        whole, each = permutations(all_ops, True), permutation()
        busy = f"   cpu {cpu[1] / cpu[0]:.1%}, {cpu[2] / cpu[0]:.2f} ×   goals 2 %, 5 ×\n            " + (
            f"{both:,} permutations of input and output, {whole:,} of a trace: at {1e9 * each:.1f} ns each "
            f"{both * each / cpu[0]:.1%} and {whole * each / cpu[0]:.2f} × without anything else"
        )
    print(
        f"  {count} thread{'s' if count > 1 else ' '}  hashing {shown(hashing)} ms = {share:.1%}   "
        f"full trace {shown(full)} ms = {times:.2f} ×{busy}",
        flush=True,
    )


def permutations(lengths: list[int], listed: bool = False) -> int:
    """How many keccak permutations the trees over tensors of these lengths take: two a chunk, one a node, one a root."""
    found = 0
    for count in [*map(chunk_count, lengths), *([len(lengths)] if listed else [])]:
        found += 2 * count + 1
        for _ in range(depth_of(count)):
            count = -(-count // 2)
            found += count
    return found - (2 * len(lengths) + 1 if listed else 0)


def permutation() -> float:
    """Seconds of processor time of a permutation at its best: of nodes of a list tree that stays in the cache."""
    made = layout((), 4096)
    digests = np.zeros((made.rows, 32), dtype=np.uint8)
    return min(seconds(lambda: made.run([], digests), time.process_time) for _ in range(100)) / 4095


def _profile(compiled: Compiled, words: list[np.ndarray]) -> None:
    """Where the time goes: by kernel, then the longest steps."""
    memory = Memory(Plan(compiled.program))
    times = memory.time_steps(words)
    kinds: dict[str, list[float]] = defaultdict(list)
    for step, spent in zip(memory.plan.steps, times, strict=True):
        kinds[step.kernel].append(spent)
    print(f"  {len(times)} steps, {1e3 * sum(times):.3f} ms, memory {4e-6 * memory.plan.words:.1f} MB")
    for kernel, spent in sorted(kinds.items(), key=lambda k: -sum(k[1])):
        print(f"    {kernel:16} {len(spent):5} {1e3 * sum(spent):9.3f} ms {sum(spent) / sum(times):6.1%}")
    for number in np.argsort(times)[::-1][:10]:
        step = memory.plan.steps[number]
        ops = [compiled.program.op(s.op) for s in (step.parts or [step])]
        names = [Fn(o.fn).name if o.kind == 1 else step.kernel for o in ops]
        print(f"    {1e6 * times[number]:9.1f} µs  {' '.join(names)}  {list(ops[-1].dims)} {list(ops[-1].reduced)}")


# ---- memory


def memory() -> None:
    """Peak memory of both on MiniLM, each in a process of its own that imports only what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minilm.onnx"
        path.write_bytes(MINILM.load())
        found = {}
        for what in ("onnxruntime", "ours"):
            command = [sys.executable, "-m", "scripts.peak_memory", what, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[what] = float(done.stdout)
    theirs, own = found["onnxruntime"], found["ours"]
    print(f"peak memory on MiniLM, of the whole process: onnxruntime {theirs:.0f} MB, ours {own:.0f} MB, ratio {own / theirs:.2f} (goal 2)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="only these: " + ", ".join(m.name for m in LADDER))
    parser.add_argument("--threads", type=int, action="append", help="thread counts; by default 1 and 2")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    options = parser.parse_args()
    unknown = set(options.model or ()) - {m.name for m in LADDER}
    if unknown:
        parser.error(f"no model {sorted(unknown)[0]!r}; there are {', '.join(m.name for m in LADDER)}")
    for model in LADDER:
        if options.model and model.name not in options.model:
            continue
        try:
            measure(model, options.threads or [1, 2], options.seconds, options.profile)
            gc.collect()
        except pytest.skip.Exception as absent:
            print(f"{model.name}: left out: {absent}")
    if not options.model or MINILM.name in options.model:
        try:
            memory()
        except pytest.skip.Exception as absent:
            print(f"peak memory: left out: {absent}")


if __name__ == "__main__":
    main()
