"""What the node adds to an execution, and how its log grows old: numbers as JSON lines, and a reason to fail where a bound is missed.

python -m scripts.bench_node                      # 100,000 answers
python -m scripts.bench_node --answers 1000000    # the whole claim
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from eth_account import Account

from opg.answers import SignedAnswer
from opg.chain.structs import Answer
from opg.chain.typed import answer_digest, sign_digest
from opg.node.batches import Trees
from opg.node.schema import dump
from opg.node.store import Store
from opg.tensor.commitment import ListTree, verify_path
from opg.versions import bundle

ACCOUNT = Account.from_key("0x" + "5e" * 32)
OPERATOR = "0x" + "11" * 20
INFERENCE = "0x" + "22" * 20
INPUTS, OUTPUTS = (bytes(4 * 64),), (bytes(4 * 10),)  # the digits model's
CHAIN = 31337
SIGNED = 2_000
LOOKS = 300
BATCH = 100_000
BOUNDS = {"answer_ms": 1.0, "lookup_ms": 10.0, "batch_seconds": 5.0}
numbers = count(1)


def answer(outputs: tuple[bytes, ...] = OUTPUTS) -> SignedAnswer:
    """An answer as the node makes one: hashed and signed."""
    request = next(numbers).to_bytes(32, "big")
    made = Answer(request, 1, bytes(32), bundle(outputs), OPERATOR, 1_700_000_000)
    digest = answer_digest(made, CHAIN, INFERENCE)
    return SignedAnswer(made, digest, ACCOUNT.address, sign_digest(digest, ACCOUNT), INPUTS, outputs)


def bench_answers(store: Store) -> dict[str, float]:
    """Milliseconds for hashing, signing and keeping one answer: one after another, and eight at a time."""
    store.keep(answer())
    times = []
    begin_cpu = time.process_time()
    for _ in range(SIGNED):
        begin = time.perf_counter()
        store.keep(answer())
        times.append((time.perf_counter() - begin) * 1e3)
    cpu = (time.process_time() - begin_cpu) * 1e3 / SIGNED
    begin = time.perf_counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: store.keep(answer()), range(SIGNED)))
    together = (time.perf_counter() - begin) * 1e3 / SIGNED
    return {
        "answer_ms": statistics.median(times),
        "answer_p99_ms": statistics.quantiles(times, n=100)[98],
        "answer_cpu_ms": cpu,
        "answer_of_eight_ms": together,
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


def main() -> int:
    """Prints the numbers; 1 when a bound is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--answers", type=int, default=BATCH, help="in the log")
    options.add_argument("--dir", type=Path, help="folder on the disk to measure")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        store = Store(Path(folder) / "node.sqlite")
        fill(store, given.answers)
        found = {"lookups": bench_lookups(store), "batch": bench_batch(store, min(BATCH, given.answers))}
        found["answers"] = bench_answers(store)
        store.close()
    missed = []
    for name, numbers_ in found.items():
        print(json.dumps({"bench": name, **{key: round(value, 4) for key, value in numbers_.items()}}))
        missed += [
            f"{key} is {numbers_[key]:.2f}, at most {bound:g}"
            for key, bound in BOUNDS.items()
            if key in numbers_ and numbers_[key] > bound
        ]
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
