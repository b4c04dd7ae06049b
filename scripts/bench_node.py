"""The node against the bounds that it has to keep, in one run: what it adds to an execution, and how its log grows old.

    make bench ARGS=--node                            everything; about four minutes of a quiet machine with two processors
    python -m scripts.bench_node --only log           the log and the batches, without serving
    python -m scripts.bench_node --model digits       a model whose execution costs nothing: shows the server alone

Serving is judged with magika; without its wheel (`make models`) digits are served, and only shown. The exit code is 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from eth_account import Account

from opg.answers import SignedAnswer
from opg.chain.structs import Answer, Ask
from opg.chain.typed import answer_digest, ask_digest, sign_digest
from opg.node.batches import Trees
from opg.node.schema import dump
from opg.node.store import Store
from opg.tensor import pack
from opg.tensor.commitment import ListTree, verify_path
from opg.versions import bundle
from scripts.bench_serving import BATCH as DYNAMIC
from scripts.bench_serving import Serving, bench_serving
from tests.models import DIGITS, MAGIKA, Ladder

ACCOUNT = Account.from_key("0x" + "5e" * 32)
OPERATOR = "0x" + "11" * 20
INFERENCE = "0x" + "22" * 20
INPUTS, OUTPUTS = (bytes(4 * 64),), (bytes(4 * 10),)  # the digits model's
CHAIN = 31337
SIGNED = 2_000
AT_ONCE = 8
LOOKS = 300
BATCH = 100_000
ANSWERS = 1_000_000
BOUNDS = {"answer_ms": 1.0, "lookup_ms": 10.0, "batch_seconds": 5.0, "bare": 0.9, "onnxruntime": 1.6, "p99": 1.5}
numbers = count(1)


def answer(outputs: tuple[bytes, ...] = OUTPUTS, inputs: tuple[bytes, ...] = INPUTS) -> SignedAnswer:
    """An answer as the node makes one: both sides hashed, the request and the answer named, and signed."""
    hashed = bundle(inputs)
    request = ask_digest(Ask(1, hashed, OPERATOR, OPERATOR, next(numbers), 1_700_000_000), CHAIN, INFERENCE)
    made = Answer(request, 1, hashed, bundle(outputs), OPERATOR, 1_700_000_000)
    digest = answer_digest(made, CHAIN, INFERENCE)
    return SignedAnswer(made, digest, ACCOUNT.address, sign_digest(digest, ACCOUNT), inputs, outputs)


def bench_answers(
    store: Store, inputs: tuple[bytes, ...] = INPUTS, outputs: tuple[bytes, ...] = OUTPUTS
) -> dict[str, float]:
    """Milliseconds for hashing, signing and keeping one answer: one after another, and eight at a time."""
    store.keep(answer(outputs, inputs))
    times = []
    for _ in range(SIGNED):
        begin = time.perf_counter()
        store.keep(answer(outputs, inputs))
        times.append((time.perf_counter() - begin) * 1e3)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda _: store.keep(answer(outputs, inputs)), range(SIGNED)))
    together, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    return {
        "alone_ms": statistics.median(times),
        "alone_p99_ms": statistics.quantiles(times, n=100)[98],
        "answer_ms": together * 1e3 / SIGNED,
        "cpu_ms": cpu * 1e3 / SIGNED,
    }


def fill(store: Store, answers: int) -> None:
    """Puts answers into the log, as many at once as fit: their signatures are all the same."""
    signature, body = bytes(65), (dump(INPUTS), dump(OUTPUTS))

    def rows() -> Iterable[tuple[object, ...]]:
        for _ in range(answers):
            request = next(numbers).to_bytes(32, "big")
            made = Answer(request, 1, bytes(32), bytes(32), OPERATOR, 1_700_000_000)
            yield request, request[::-1], json.dumps(made.json()), OPERATOR, signature, *body

    with store._writing() as db:
        query = "insert into answers (request, digest, answer, key, signature, inputs, outputs) values (?, ?, ?, ?, ?, ?, ?)"
        db.executemany(query, rows())


def bench_lookups(store: Store) -> dict[str, float]:
    """Looks into a full log, in milliseconds: the slowest kind's median, and the slow ones of each kind."""
    last = store.answer_count()
    choice = random.Random(1)
    picks = [choice.randrange(1, last + 1).to_bytes(32, "big") for _ in range(LOOKS)]
    looks = {
        "by_request": lambda pick: store.answer_to(pick),
        "by_digest": lambda pick: store.answer(pick[::-1]),
        "by_unknown": lambda pick: store.answer(pick[::-1][:31] + b"\xff"),
        "count": lambda _: store.answer_count(),
    }
    found, medians = {}, []
    for name, look in looks.items():
        times = []
        for pick in picks:
            begin = time.perf_counter()
            look(pick)
            times.append((time.perf_counter() - begin) * 1e3)
        medians.append(statistics.median(times))
        found[f"{name}_p99_ms"] = statistics.quantiles(times, n=100)[98]
    return {"answers": last, "lookup_ms": max(medians), **found}


def bench_batch(store: Store, size: int) -> dict[str, float]:
    """Seconds from waiting answers to a planned batch, and to a proof for each of them."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    digests = store.waiting(size, 1 << 40)
    root = ListTree(digests).root
    planned = store.plan_batch(root, digests, 0)
    middle = time.perf_counter()
    assert planned and len(digests) == size
    trees = Trees(store)
    paths = [trees.path(root, place) for place in range(size)]
    end, cpu = time.perf_counter(), time.process_time() - begin_cpu
    for place in random.Random(2).sample(range(size), 50):
        assert verify_path(digests[place], place, paths[place]) == root
    begin_item = time.perf_counter()
    store.batch_answers(root, size // 2, 1)
    item = (time.perf_counter() - begin_item) * 1e3
    return {"size": size, "commit_seconds": middle - begin, "proofs_seconds": end - middle, "batch_seconds": end - begin,
            "batch_cpu_seconds": cpu, "item_ms": item}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One line of the result; without a bound it is only shown."""

    name: str
    value: float
    bound: float | None = None
    within: Callable[[float, float], bool] = operator.le

    @property
    def missed(self) -> bool:
        return self.bound is not None and not self.within(self.value, self.bound)

    def __str__(self) -> str:
        sign = "≤" if self.within is operator.le else "≥"
        bound = "" if self.bound is None else f"{sign} {self.bound:g}" + ("   MISSED" if self.missed else "")
        return f"{self.name:76}{self.value:10.3f}   {bound}".rstrip()


def figures_of_log(folder: Path, answers: int, inputs: tuple[bytes, ...], outputs: tuple[bytes, ...]) -> list[Figure]:
    """The log: writing an answer, looking into a full one, and a batch of its answers."""
    store = Store(folder / "log" / "node.sqlite")
    try:
        fill(store, answers)
        looks, batch = bench_lookups(store), bench_batch(store, min(BATCH, answers))
        kept = bench_answers(store, inputs, outputs)
    finally:
        store.close()
    return [
        Figure(f"hash, sign and keep an answer, {AT_ONCE} at a time: ms each", kept["answer_ms"], BOUNDS["answer_ms"]),
        Figure("  of it processor time", kept["cpu_ms"], BOUNDS["answer_ms"]),
        Figure("  one after another, each waiting for the disk: median", kept["alone_ms"]),
        Figure("  one after another: p99", kept["alone_p99_ms"]),
        Figure(
            f"look into a log of {answers:,} answers: ms, the slowest kind", looks["lookup_ms"], BOUNDS["lookup_ms"]
        ),
        Figure("  the slowest kind's p99", max(value for name, value in looks.items() if name.endswith("p99_ms"))),
        Figure(
            f"plan a batch of {min(BATCH, answers):,} and prove every answer: s",
            batch["batch_seconds"],
            BOUNDS["batch_seconds"],
        ),
        Figure("  of it processor time", batch["batch_cpu_seconds"]),
    ]


def figures_of_serving(found: Serving, judged: bool) -> list[Figure]:
    """Ratios of what was measured in turns."""
    bare, node, other = found.rates["bare"], "opg, batch {}", "onnxruntime, batch {}"
    bound = BOUNDS if judged else dict.fromkeys(BOUNDS)
    shown = [Figure(f"{name}: answers a second", rate) for name, rate in found.rates.items()]
    shown += [Figure(f"{name}: ms of processor time an answer", each) for name, each in found.cpu_ms.items()]
    shown += [
        Figure(f"{name}: {kind} ms at 70 % load", each[f"{kind}_ms"])
        for name, each in found.latencies.items() for kind in ("p50", "p99")
    ]  # fmt: skip
    for size in (1, DYNAMIC):
        rate = found.rates[node.format(size)]
        shown.append(Figure(f"node / bare executor, batch {size}: throughput", rate / bare, bound["bare"], operator.ge))
        shown.append(Figure(f"node / onnxruntime behind the same server, batch {size}: time an answer",
                            found.rates[other.format(size)] / rate, bound["onnxruntime"]))  # fmt: skip
    rate, steady = found.rates[node.format(DYNAMIC)], found.latencies[f"{node.format(DYNAMIC)}, evenly spaced"]
    unsigned = found.rates[f"plain, batch {DYNAMIC}"] / rate
    return [
        *shown,
        Figure(f"node / onnxruntime without checks, signatures and log, batch {DYNAMIC}: time an answer", unsigned, bound["onnxruntime"]),
        Figure("p99 / p50 at 70 % load, evenly spaced: median window", steady["ratio"], bound["p99"]),
        Figure("  least", steady["least"]),
        Figure("  most", steady["most"]),
        Figure("  onnxruntime behind the same server", found.latencies[f"{other.format(DYNAMIC)}, evenly spaced"]["ratio"]),
        Figure("p99 / p50 at 70 % load, at random", found.latencies[f"{node.format(DYNAMIC)}, at random"]["ratio"]),
        Figure("executor's share of the node's processor time, all processors busy", found.cpu_ms["bare"] / found.cpu_ms[node.format(DYNAMIC)]),
    ]  # fmt: skip


def model_of(name: str) -> Ladder:
    """The model to serve: magika when its wheel is there."""
    if name != "magika":
        return DIGITS
    try:
        MAGIKA.load()
    except pytest.skip.Exception as problem:
        print(f"{problem}; digits are served, and not judged", file=sys.stderr)
        return DIGITS
    return MAGIKA


def main() -> int:
    """Prints the figures; 1 when a bound is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--answers", type=int, default=ANSWERS, help="in the log")
    options.add_argument("--model", choices=("magika", "digits"), default="magika", help="to serve")
    options.add_argument(
        "--threads", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="that execute; the server has the rest"
    )
    options.add_argument("--only", choices=("log", "serving"))
    options.add_argument("--dir", type=Path, help="folder on the disk to measure")
    given = options.parse_args()
    model = model_of(given.model)
    compiled = model.compile()
    inputs = [tuple(pack(spec.to_words(each[spec.name])) for spec in compiled.inputs) for each in model.inputs()]
    outputs = tuple(bytes(4 * spec.words) for spec in compiled.outputs)
    print(f"{model.name}; threads that execute: {given.threads}; processors: {os.cpu_count()}", flush=True)
    figures = []
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        if given.only != "log":
            bindings = ",".join(f"{name}={size}" for name, size in model.bindings.items())
            found = bench_serving(model.load(), bindings, inputs, Path(folder), given.threads)
            figures += figures_of_serving(found, model is MAGIKA)
        if given.only != "serving":
            figures += figures_of_log(Path(folder), given.answers, inputs[0], outputs)
    print(*figures, sep="\n")
    return 1 if any(each.missed for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
