"""The node beside the bare executor, and beside onnxruntime behind the same server: real processes, real HTTP, a real chain.

Contestants take turns, a few seconds each, so that all meet the same disturbances. `opg` is the node as an operator runs it, asked and paid
with signed requests and vouchers; `onnxruntime` is the same node with an onnxruntime session in its workers; `plain` is that without
checks, signatures and log. All execute on the same number of threads. The bounds are in `scripts.bench_node`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import requests
from eth_account import Account

from opg import actions
from opg.answers import SignedAnswer
from opg.chain import Chain, Deployment, Sender, Voucher, ask_digest, sign_digest, voucher_digest
from opg.chain.deploying import OPG
from opg.chain.local import LocalChain, free_port
from opg.chain.structs import NO_HASH, Answer, Ask
from opg.node import Node, Policy, launch, serve
from opg.node.admission import Order
from opg.tensor import Program, Trace
from opg.versions import LoadedVersion, bundle, compile_file, load_version
from opg.vouchers import LIFE_SECONDS, SignedVoucher
from opg.worker import Inherited, receive, share
from scripts.load import Found, ask_at_random, ask_steadily, ask_without_pause
from scripts.stage import Stage

NAME = "bench"
STAKE, DEPOSIT = 1_500, 100  # OPG
PRICE = OPG // 1_000_000
START_SECONDS = 120
SPAWN = multiprocessing.get_context("spawn")
BATCH = 16
WORDS = {"tensor(int32)": np.int32, "tensor(float)": np.float32}
DATATYPES = {"float32": "FP32", "int32": "INT32"}


class OnnxRuntime:
    """Runs the model's file where the machine would run its program. For models whose tensors are words already."""

    def __init__(self, model: bytes, threads: int) -> None:
        self.model, self.threads = model, threads
        self._session: Any = None

    def execute(self, _: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self._session is None:
            self._session = self._open()
        given = {
            each.name: words.view(WORDS[each.type]).reshape(
                [size if isinstance(size, int) else 1 for size in each.shape]
            )
            for each, words in zip(self._session.get_inputs(), inputs, strict=True)
        }
        return [np.ascontiguousarray(each).reshape(-1).view(np.uint32) for each in self._session.run(None, given)]

    def trace(self, program: Program, inputs: Sequence[np.ndarray]) -> Trace:
        raise NotImplementedError("onnxruntime commits to nothing")

    def _open(self) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = self.threads
        return onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])


class Plain(Node):
    """A server that promises nothing: no checks, no signature, no log."""

    def answer(self, order: Order) -> SignedAnswer:
        outputs = self.pool.run(order.version, order.inputs)
        answer = Answer(NO_HASH, order.version.id, NO_HASH, NO_HASH, self.operator, 0)
        return SignedAnswer(answer, NO_HASH, self.sender.address, bytes(65), order.inputs, outputs)


@dataclass(frozen=True)
class World:
    """A chain with one published model, a staked operator and a user with a channel. Picklable."""

    url: str
    manifest: str
    model: str
    version_id: int
    operator: str
    key: str
    user: str

    def chain(self) -> Chain:
        return Chain(self.url, Deployment.load(Path(self.manifest)))


@contextmanager
def world(folder: Path, model: bytes, bindings: str) -> Iterator[World]:
    """Everything that a node needs, on a private chain."""
    path = folder / "model.onnx"
    path.write_bytes(model)
    with LocalChain() as local:
        stage = Stage(local)
        key, user = local.account(), Sender(local.chain, local.account())
        owner = stage.person()
        version = actions.publish(
            owner, actions.register_model(owner, NAME, 0), compile_file(path, bindings), path.name
        )
        operator = stage.operator(STAKE, key, "http://127.0.0.1")
        stage.pay(user.address, DEPOSIT)
        actions.open_channel(user, operator.address, DEPOSIT * OPG)
        stage.deployment.save(folder / "manifest.json")
        keys = key.key.hex(), user.account.key.hex()
        yield World(local.url, str(folder / "manifest.json"), str(path), version, operator.address, *keys)


# ---------------------------------------------------------------------- contestants


@dataclass(frozen=True)
class Contestant:
    """A server: which engine, and how many requests go to a worker at once."""

    engine: str
    max_batch: int

    @property
    def name(self) -> str:
        return f"{self.engine}, batch {self.max_batch}"


def host(world: World, contestant: Contestant, data: str, port: int, threads: int, log: str) -> None:
    """A process that serves until it is told to stop: `threads` workers with one thread each."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    os.environ["OPG_THREADS"] = "1"
    opg, plain = contestant.engine == "opg", contestant.engine == "plain"
    executor = None if opg else OnnxRuntime(Path(world.model).read_bytes(), 1)
    node = launch(
        world.chain(),
        Account.from_key(world.key),
        world.operator,
        {world.version_id: Path(world.model)},
        Path(data),
        Policy(price=PRICE, max_skew_seconds=0, poll_seconds=2.0),
        executor,
        threads,
        contestant.max_batch,
        Plain if plain else Node,
    )
    serve(node, "127.0.0.1", port)


@dataclass
class Running:
    """A server that runs."""

    contestant: Contestant
    url: str
    pid: int

    def cpu(self) -> float:
        """Seconds of processor time of the process and its workers so far. Linux."""
        return _cpu_of(self.pid)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").iterdir()
    found = {int(child) for each in threads for child in (each / children.name).read_text().split()}
    return own + sum(map(_cpu_of, found))


@contextmanager
def running(world: World, contestant: Contestant, folder: Path, threads: int) -> Iterator[Running]:
    """A server in a process of its own."""
    port = free_port()
    data = folder / contestant.name.replace(", ", "-").replace(" ", "-")
    log = f"{data}.log"
    process = SPAWN.Process(target=host, args=(world, contestant, str(data), port, threads, log))
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log)
        yield Running(contestant, url, process.pid or 0)
    finally:
        process.terminate()
        process.join(30)
        process.kill()


def _wait(url: str, process: Any, log: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.is_alive():
        try:
            if requests.get(f"{url}/v2/health/ready", timeout=1).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not come up:\n{Path(log).read_text()}")


def execute_alone(pipe: Connection, shared: int, inputs: list[tuple[bytes, ...]]) -> None:
    """A process that does nothing but execute: seconds in, executions and processor time out."""
    os.environ["OPG_THREADS"] = "1"
    (version,) = receive(shared).values()
    version.execute(inputs[0])
    pipe.send("ready")
    while seconds := pipe.recv():
        count, begin, begin_cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() < begin + seconds:
            version.execute(inputs[count % len(inputs)])
            count += 1
        pipe.send((count / (time.perf_counter() - begin), (time.process_time() - begin_cpu) / count))


@contextmanager
def bare(
    version: LoadedVersion, inputs: list[tuple[bytes, ...]], threads: int
) -> Iterator[Callable[[float], tuple[float, float]]]:
    """The executor in as many processes as the node has workers. Gives what runs it for some seconds: executions a second of all, and
    processor seconds of one.
    """
    with share({version.id: version}) as shared, ExitStack() as stack:
        pipes = []
        for _ in range(threads):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=execute_alone, args=(theirs, Inherited(shared), inputs))
            process.start()
            stack.callback(process.join)
            stack.callback(ours.send, 0)
            pipes.append(ours)
        for pipe in pipes:
            pipe.recv()

        def run(seconds: float) -> tuple[float, float]:
            for pipe in pipes:
                pipe.send(seconds)
            rates, cpus = zip(*(pipe.recv() for pipe in pipes), strict=True)
            return sum(rates), statistics.mean(cpus)

        yield run


# ---------------------------------------------------------------------- requests


class Requests:
    """Signed and paid requests as HTTP, made before the clock runs: `made` takes some for one load."""

    def __init__(self, world: World, version: LoadedVersion, inputs: list[tuple[bytes, ...]]) -> None:
        self.world, self.version, self.inputs = world, version, inputs
        self.chain = world.chain()
        self.inference = self.chain.deployment.address("Inference")
        self.channels = self.chain.deployment.address("Channels")
        self.user = Account.from_key(world.user)
        self.bundles = [bundle(each) for each in inputs]
        self.made = 0
        self._waiting: deque[bytes] = deque()

    def prepare(self, count: int) -> None:
        """Makes requests until so many are there."""
        while len(self._waiting) < count:
            self._waiting.append(self._make())

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._waiting.popleft() if self._waiting else self._make()

    def _make(self) -> bytes:
        place = self.made % len(self.inputs)
        self.made += 1
        now = int(time.time())
        ask = Ask(self.version.id, self.bundles[place], self.world.operator, self.user.address, self.made, now + 1_800)
        signature = sign_digest(ask_digest(ask, self.chain.id, self.inference), self.user)
        terms = self.user.address, self.world.operator, self.version.model_id, self.made * PRICE, now + LIFE_SECONDS
        promise = voucher_digest(Voucher(*terms), self.chain.id, self.channels)
        voucher = SignedVoucher(Voucher(*terms), self.user.address, sign_digest(promise, self.user))
        tensors, raw = [], b""
        for spec, words in zip(self.version.compiled.inputs, self.inputs[place], strict=True):
            data = np.frombuffer(words, ">u4").astype("<u4").tobytes()
            described = {"name": spec.name, "datatype": DATATYPES[spec.dtype], "shape": list(spec.shape)}
            tensors.append({**described, "parameters": {"binary_data_size": len(data)}})
            raw += data
        paid = {
            "opg_ask": json.dumps(ask.json()),
            "opg_ask_signature": "0x" + signature.hex(),
            "opg_voucher": json.dumps(voucher.json()),
        }
        head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True, **paid}}).encode()
        lines = [
            f"POST /v2/models/{NAME}/infer HTTP/1.1",
            "Host: 127.0.0.1",
            f"Content-Length: {len(head) + len(raw)}",
            f"Inference-Header-Content-Length: {len(head)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + head + raw


# ---------------------------------------------------------------------- rounds

SHORT, LONG = 2.0, 5.0  # seconds of a load
ROUNDS, WINDOWS = 3, 5
CONNECTIONS = {1: 4, BATCH: 32}
LOAD = 0.7
MOST = 1_500  # answers a second that requests are made ahead for
CONTESTANTS = (
    Contestant("opg", 1),
    Contestant("onnxruntime", 1),
    Contestant("opg", BATCH),
    Contestant("onnxruntime", BATCH),
    Contestant("plain", BATCH),
)


@dataclass(frozen=True)
class Serving:
    """What was measured, by contestant: answers a second, milliseconds of processor time for one, and latencies at 70 % of the load.

    Medians of the rounds and windows; the least processor time. A machine that is shared stands still now and then, and whoever is measured
    just then has its p99 from that: hence medians, beside the least and the greatest.
    """

    rates: dict[str, float]
    cpu_ms: dict[str, float]
    latencies: dict[str, dict[str, float]]


def bench_serving(
    model: bytes,
    bindings: str,
    inputs: list[tuple[bytes, ...]],
    folder: Path,
    threads: int,
    contestants: Sequence[Contestant] = CONTESTANTS,
) -> Serving:
    """All contestants in turns, then latencies of the node, and of onnxruntime, with dynamic batches."""
    with world(folder, model, bindings) as made, ExitStack() as stack:
        version = load_version(made.chain(), made.version_id, Path(made.model))
        asked = Requests(made, version, inputs)
        alone = stack.enter_context(bare(version, inputs, threads))
        servers = [stack.enter_context(running(made, each, folder, threads)) for each in contestants]
        rounds = [_round(alone, servers, asked) for _ in range(ROUNDS)]
        rates = {name: statistics.median(each[name][0] for each in rounds) for name in rounds[0]}
        cpus = {name: 1e3 * min(each[name][1] for each in rounds) for name in rounds[0]}
        return Serving(rates, cpus, _latencies(servers, asked, rates))


def _round(
    alone: Callable[[float], tuple[float, float]], servers: list[Running], asked: Requests
) -> dict[str, tuple[float, float]]:
    """Each contestant once: answers a second, processor seconds of one."""
    found = {"bare": alone(SHORT)}
    for each in servers:
        asked.prepare(int(1.3 * SHORT * min(found["bare"][0], MOST)) + 64)
        before = each.cpu()
        load = ask_without_pause(each.url, asked, CONNECTIONS[each.contestant.max_batch], SHORT)
        found[each.contestant.name] = load.rate, (each.cpu() - before) / len(load.latencies)
    return found


def _latencies(servers: list[Running], asked: Requests, rates: dict[str, float]) -> dict[str, dict[str, float]]:
    """In turns, too; while one is measured the others stand still. Medians of the windows, and the least and the greatest ratio."""
    windows: dict[str, list[dict[str, float]]] = {}
    for _ in range(WINDOWS):
        for each in servers:
            if each.contestant not in (Contestant("opg", BATCH), Contestant("onnxruntime", BATCH)):
                continue
            rate = LOAD * rates[each.contestant.name]
            for kind, load in (("evenly spaced", ask_steadily), ("at random", ask_at_random)):
                asked.prepare(int(1.3 * LONG * min(rate, MOST)))
                with _alone(each, servers):
                    found = _percentiles(load(each.url, asked, rate, LONG))
                windows.setdefault(f"{each.contestant.name}, {kind}", []).append(found)
    latencies = {}
    for name, found_in in windows.items():
        ratios = [each["ratio"] for each in found_in]
        medians = {key: statistics.median(each[key] for each in found_in) for key in found_in[0]}
        latencies[name] = {**medians, "least": min(ratios), "most": max(ratios)}
    return latencies


@contextmanager
def _alone(one: Running, servers: list[Running]) -> Iterator[None]:
    others = [each for each in servers if each is not one]
    for each in others:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in others:
            os.kill(each.pid, signal.SIGCONT)


def _percentiles(found: Found) -> dict[str, float]:
    percentiles = statistics.quantiles(found.latencies, n=100)
    return {
        "p50_ms": 1e3 * percentiles[49],
        "p99_ms": 1e3 * percentiles[98],
        "ratio": percentiles[98] / percentiles[49],
    }
