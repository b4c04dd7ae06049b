"""What it costs to audit: answers executed again per second and core, an operator that gives 100 answers a second, and machines that share the work.

    python -m scripts.bench_watch                       both models, on one core
    python -m scripts.bench_watch --machines 1 --machines 2   the same on so many dask workers, each a process (needs the extra `watch`)
    python -m scripts.bench_watch --scheduler tcp://HOST:8786 on a cluster that runs: its workers need this package and nothing else

The answers are real: executed, hashed, signed, and written as a node serves a batch. Audited is what `opg watch` does with them. Times are
processor times of all that takes part, which a busy machine disturbs less than the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from itertools import count, cycle, islice
from typing import Any

import pytest
from eth_account import Account

from opg.answers import SignedAnswer
from opg.chain.structs import Answer
from opg.chain.typed import answer_digest, sign_digest
from opg.log import say
from opg.tensor import pack, set_threads
from opg.tensor.commitment import ListTree
from opg.versions import LoadedVersion, Published, bundle
from opg.watchtower import Cluster, Engine, Subject, Verdict, judge
from tests.models import DIGITS, MAGIKA, Ladder

ACCOUNT = Account.from_key("0x" + "5e" * 32)
OPERATOR, INFERENCE, CHAIN = "0x" + "11" * 20, "0x" + "22" * 20, 31337
RATE = 100  # answers a second of the operator that is audited
ROUNDS = 5
PORTION = 64
SECONDS_A_DAY = 86_400
numbers = count(1)


def version_of(model: Ladder) -> LoadedVersion:
    """The model as a published version."""
    compiled = model.compile()
    ops, root = len(compiled.program.encoded), compiled.program.root
    return LoadedVersion(Published(1, 1, ops, 1, False, root, compiled.artifact_hash, "", compiled.bindings), compiled)


def batch_of(version: LoadedVersion, model: Ladder, answers: int) -> bytes:
    """A batch as a node serves it: JSON of so many answers, to the model's own inputs over and over."""
    made = []
    for given in islice(cycle(list(model.inputs())), answers):
        inputs = tuple(pack(spec.to_words(given[spec.name])) for spec in version.compiled.inputs)
        outputs = version.execute(inputs)
        answer = Answer(next(numbers).to_bytes(32, "big"), 1, bundle(inputs), bundle(outputs), OPERATOR, 1_700_000_000)
        digest = answer_digest(answer, CHAIN, INFERENCE)
        made.append(SignedAnswer(answer, digest, ACCOUNT.address, sign_digest(digest, ACCOUNT), inputs, outputs))
    return json.dumps({"answers": [each.json() for each in made]}).encode()


def read(content: bytes) -> list[Subject]:
    """What a watchtower does with the data besides executing: parse, hash, the committed root, each answer's path to it, and a line in its log."""
    answers = [SignedAnswer.from_json(each) for each in json.loads(content)["answers"]]
    digests = [answer_digest(each.answer, CHAIN, INFERENCE) for each in answers]
    tree = ListTree(digests)
    assert tree.root
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        for place, digest in enumerate(digests):
            tree.path(place)
            say("right", answer=digest, version=1)
    return [Subject(each.answer.input, each.answer.output, each.inputs) for each in answers]


def processor_seconds(deed: Callable[[], Any]) -> float:
    begin = time.process_time()
    deed()
    return time.process_time() - begin


def measure(model: Ladder, answers: int) -> None:
    """One core: what reading costs, and what executing again costs. Medians of rounds that take turns."""
    version = version_of(model)
    set_threads(1)
    content = batch_of(version, model, answers)
    subjects = read(content)
    assert judge(version, subjects) == [Verdict.RIGHT] * answers
    reading, judging, bare = [], [], []
    for _ in range(ROUNDS):
        reading.append(processor_seconds(lambda: read(content)) / answers)
        judging.append(processor_seconds(lambda: judge(version, subjects)) / answers)
        bare.append(processor_seconds(lambda: [version.execute(each.inputs) for each in subjects]) / answers)
    r, j, b = map(statistics.median, (reading, judging, bare))
    size = len(content) / answers
    print(f"{model.name}: {1 / (r + j):,.0f} audited answers per second and core")
    print(f"  an answer: reading {1e6 * r:,.0f} µs, executing and hashing {1e6 * j:,.0f} µs (of it the execution {1e6 * b:,.0f} µs); "
          f"an audit is {(r + j) / b:.2f} × the execution")  # fmt: skip
    print(f"  an operator that gives {RATE} answers a second: {RATE * (r + j):.2f} cores, {RATE * size / 1e6:.2f} MB/s of batch data "
          f"({RATE * size * SECONDS_A_DAY / 1e9:,.0f} GB a day)")  # fmt: skip
    print(f"  a sample of 5 %: {RATE * (r + j / 20):.2f} cores; who lies once in 1,000 answers is caught after "
          f"{1 / (0.05 * 0.001 * RATE):,.0f} seconds in the mean", flush=True)  # fmt: skip


@contextmanager
def machines(number: int) -> Iterator[Cluster]:
    """So many workers of a dask cluster on this machine, a process and a thread each."""
    from distributed import LocalCluster

    os.environ["OPG_THREADS"] = "1"
    with LocalCluster(n_workers=number, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        engine = Cluster(cluster.scheduler_address)
        try:
            yield engine
        finally:
            engine.close()


def audit_on(engine: Engine, version: LoadedVersion, subjects: list[Subject]) -> None:
    portions = [subjects[first : first + PORTION] for first in range(0, len(subjects), PORTION)]
    for done in [engine.submit(version, each) for each in portions]:
        assert set(done.result()) == {Verdict.RIGHT}


def share(model: Ladder, answers: int, clusters: list[Callable[[], Any]]) -> None:
    """The same audit on clusters of different size. The busiest worker's processor time is how long it takes where each has a core of its own."""
    version = version_of(model)
    set_threads(1)
    subjects = read(batch_of(version, model, answers))
    alone = min(processor_seconds(lambda: judge(version, subjects)) for _ in range(3))
    print(f"{model.name}: {answers:,} answers; on one core without a cluster {alone:.2f} s of processor time")
    first = 0.0
    for made in clusters:
        with made() as engine:
            audit_on(
                engine, version, subjects[:PORTION] * engine.places
            )  # every worker has the model then, and has compiled it
            before, here, begin = _spent(engine), time.process_time(), time.perf_counter()
            audit_on(engine, version, subjects)
            wall, here = time.perf_counter() - begin, time.process_time() - here
            spent = [now - then for now, then in zip(_spent(engine), before, strict=True)]
            first = first or max(spent)
            print(f"  {engine.places} workers: the busiest {max(spent):.2f} s of processor time, {first / max(spent):.2f} × as quick as the first "
                  f"cluster; all {sum(spent):.2f} s, handing out {here:.2f} s, of it the work itself {alone / (sum(spent) + here):.0%}; "
                  f"{wall:.2f} s by the clock", flush=True)  # fmt: skip


def _spent(engine: Any) -> list[float]:
    """Processor seconds of each worker so far."""
    return list(engine._client.run(time.process_time).values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=1_024)
    parser.add_argument(
        "--machines", type=int, action="append", help="workers of a cluster on this machine; again for another size"
    )
    parser.add_argument("--scheduler", help="address of a dask scheduler whose workers are used")
    options = parser.parse_args()
    clusters: list[Callable[[], Any]] = [lambda n=n: machines(n) for n in options.machines or []]
    if options.scheduler:
        clusters.append(contextmanager(lambda: iter([Cluster(options.scheduler)])))
    for model in (DIGITS, MAGIKA):
        try:
            if clusters:
                share(model, options.answers, clusters)
            else:
                measure(model, options.answers)
        except pytest.skip.Exception as absent:
            print(f"{model.name}: left out: {absent}")


if __name__ == "__main__":
    main()
