"""A small network of real processes on a real chain: operators' nodes, customers, watchtowers; and what each of them holds.

network = Network(local, folder, seed=1)
network.open()
network.trade(seconds=300)        # crashes one operator again and again, brings in a new liar when one is in jail
network.close()                   # customers stop, everybody finishes what is due
network.settle()                  # time passes, everybody takes out what is theirs
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from eth_account.signers.local import LocalAccount

from opg import actions
from opg.answers import SignedAnswer
from opg.chain import EventReader, Sender
from opg.chain.deploying import LOCAL, OPG
from opg.chain.events import Event
from opg.chain.local import LocalChain, free_port, stop_process
from opg.chain.structs import Request
from opg.challenge import Case, Challenge
from opg.node import Store
from opg.versions import LoadedVersion, load_version
from scripts.stage import DIGITS, Stage

ROOT = Path(__file__).resolve().parents[1]
WAIT_SECONDS = 120
CUSTOMERS, TOWERS = 5, 2
CUSTOMER_OPG, TOWER_OPG = 1_000, 300
PRICE_ON_CHAIN = OPG
PRICES = {"honest": OPG // 100, "crasher": 9 * OPG // 1000, "liar": 8 * OPG // 1000}  # who lies is cheap
STAKES = {"honest": 20_000, "crasher": 20_000}
LIAR_STAKES = (1_400, 5_000)  # with the first, one lie is enough to be out
LIE_SHARE = 0.08
BUDGET = 200  # OPG that a watchtower has in bonds at once: four games
AUDITS = (1.0, 0.5, 0.2, 0.0, 0.0)  # of the customers
OPEN = (1).to_bytes(32, "big")
GONE = bytes(32)


@dataclass
class Process:
    """A program with a key in its environment, in a session of its own; its words go to a file."""

    command: list[str]
    account: LocalAccount
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                env={**self.environment, "OPG_PRIVATE_KEY": self.account.key.hex()},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """`kill -9`, of the process alone: what it has started has to notice."""
        assert self.running is not None
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()

    def ask_to_end(self) -> None:
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    @property
    def words(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@dataclass
class Operator:
    """A staked operator with the process of its node."""

    name: str
    owner: Sender
    key: LocalAccount
    process: Process
    data: Path
    port: int
    stake: int  # wei, at the beginning
    price: int
    kills: int = 0
    past: list[dict[str, int]] = field(default_factory=list)  # vouchers by channel, at each kill

    @property
    def address(self) -> str:
        return self.owner.address

    def ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/v2/health/ready"
            return requests.get(url, timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def vouchers(self) -> dict[str, int]:
        """What is on its disk: wei by channel."""
        with self.store() as store:
            rows = store._rows("select channel, total from vouchers")
            return {bytes(channel).hex(): int(total) for channel, total in rows}

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What is on the disk of its node."""
        store = Store(self.data / "node.sqlite")
        try:
            yield store
        finally:
            store.close()


@dataclass
class Customer:
    """An account with the process that asks with it."""

    account: Sender
    process: Process
    data: Path

    def receipts(self) -> list[SignedAnswer]:
        return [SignedAnswer.load(path) for path in sorted((self.data / "receipts").glob("*.json"))]

    def receipt_path(self, digest: bytes) -> Path:
        return next((self.data / "receipts").glob(f"*-{digest.hex()}.json"))

    def requests(self) -> Iterator[tuple[bytes, Request, tuple[bytes, ...]]]:
        path = self.data / "requests.jsonl"
        for line in path.read_text().splitlines() if path.exists() else []:
            found = json.loads(line)
            inputs = tuple(bytes.fromhex(each) for each in found["inputs"])
            yield bytes.fromhex(found["id"]), Request.from_json(found["request"]), inputs


class Network:
    """All of it. Use it as a context manager: every process ends with it."""

    def __init__(
        self, local: LocalChain, folder: Path, seed: int, on_chain: float, pause: float, workers: int = 0
    ) -> None:
        self.local, self.folder, self.draw = local, folder, random.Random(seed)
        self.on_chain, self.pause, self.workers = on_chain, pause, workers
        self.stage = Stage(local)
        self.chain = self.stage.chain
        self.stage.publish(self.stage.person())
        self.manifest = folder / "manifest.json"
        self.chain.deployment.save(self.manifest)
        self.version: LoadedVersion = load_version(self.chain, self.stage.version_id, DIGITS)
        self.processes: list[Process] = []
        self.operators: list[Operator] = []
        self.customers: list[Customer] = []
        self.towers: list[tuple[Sender, Process]] = []

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.processes:
            if each.running is not None:
                stop_process(each.running)

    # ------------------------------------------------------------------ who there is

    @property
    def honest(self) -> list[Operator]:
        return [each for each in self.operators if each.name != "liar"]

    @property
    def liars(self) -> list[Operator]:
        return [each for each in self.operators if each.name == "liar"]

    def operator(self, address: str) -> Operator:
        return next(each for each in self.operators if each.address == address)

    def people(self) -> list[Sender]:
        """Everybody who may own or be owed OPG."""
        towers = [account for account, _ in self.towers]
        customers = [each.account for each in self.customers]
        return [*(each.owner for each in self.operators), *customers, *towers,
                self.stage.owner, self.stage.treasury, self.stage.bank]  # fmt: skip

    # ------------------------------------------------------------------ the beginning

    def open(self) -> None:
        """Everybody comes: operators first, then those who trust them not."""
        for name in ("honest", "crasher", "liar"):
            self._bring(name)
        for number in range(TOWERS):
            account = self.stage.person(opg=TOWER_OPG)
            options = ["watch", "--model", str(DIGITS), "--poll", "0.3", "--budget", str(BUDGET), "--workers", str(self.workers),
                       "--data", str(self.folder / f"tower-{number}")]  # fmt: skip
            self.towers.append((account, self._process(f"tower-{number}", account.account, "opg.cli", *options)))
        for number, audit in enumerate(AUDITS):
            account, data = self.stage.person(opg=CUSTOMER_OPG), self.folder / f"customer-{number}"
            options = ["--seed", number, "--audit", audit, "--pause", self.pause, "--on-chain", self.on_chain]
            process = self._process(
                data.name, account.account, "tests.customer", "--data", str(data), *map(str, options)
            )
            self.customers.append(Customer(account, process, data))
        for process in self.processes:
            if process.running is None:
                process.start()
        self.wait("the nodes", lambda: all(each.ready() for each in self.operators))
        self.wait("the customers", lambda: all("trading" in each.process.words for each in self.customers))

    def _bring(self, name: str) -> Operator:
        """A new operator; its node is starting."""
        number, key, port = len(self.operators), self.local.account(), free_port()
        url, data = f"http://127.0.0.1:{port}", self.folder / f"{name}-{number}"
        stake = STAKES.get(name) or self.draw.choice(LIAR_STAKES)
        owner = self.stage.operator(stake, key, url)
        owner.send("Inference", "offer", self.stage.version_id, PRICE_ON_CHAIN)
        price = f"{PRICES[name] / OPG:f}"
        options = ["--model", str(DIGITS), "--version-id", "1", "--operator", owner.address, "--port", str(port),
                   "--price", price, "--commit-every", "3", "--poll", "0.3", "--data", str(data)]  # fmt: skip
        if name == "liar":
            command = ["scripts.liar", *options, *self._where(), "--lie-share", str(LIE_SHARE), "--seed", str(number)]
        else:
            command = ["opg.cli", "node", *options, "--max-skew", "0", "--workers", str(self.workers)]
        process = self._process(data.name, key, *command)
        self.operators.append(Operator(name, owner, key, process, data, port, stake * OPG, PRICES[name]))
        process.start()
        return self.operators[-1]

    # ------------------------------------------------------------------ the middle

    def trade(self, seconds: float, crash_every: tuple[float, float], liars: int, towers: bool) -> None:
        """Lets everybody go on for a while. One operator is killed at random times and started again at once or a little later; a liar
        that sits in jail is followed by another one, `liars` in all. With `towers`, watchtowers are killed in the middle of their games, too.
        Goes on longer when too little has happened.
        """
        crasher = next(each for each in self.operators if each.name == "crasher")
        begun = time.monotonic()
        crash_at = begun + self.draw.uniform(*crash_every)
        while (over := time.monotonic() >= begun + seconds) is False or not self._eventful():
            assert time.monotonic() < begun + seconds + WAIT_SECONDS, "nothing happens"
            self.check_processes()
            if time.monotonic() >= crash_at and not (over and crasher.kills):
                self._crash(crasher)
                if towers:
                    _, tower = self.draw.choice(self.towers)
                    tower.kill()
                    tower.start()
                crash_at = time.monotonic() + self.draw.uniform(*crash_every)
            if len(self.liars) < liars and self.jailed(self.liars[-1]):
                self._bring("liar")
            time.sleep(0.1)

    def _eventful(self) -> bool:
        """Whether every operator was asked, and somebody was caught."""
        asked = Counter(each.answer.operator for customer in self.customers for each in customer.receipts())
        return self.jailed(self.liars[0]) and all(asked[each.address] >= 5 for each in self.honest)

    def _crash(self, operator: Operator) -> None:
        operator.process.kill()
        operator.kills += 1
        operator.past.append(operator.vouchers())
        time.sleep(self.draw.choice((0, self.draw.uniform(0, 2))))
        operator.process.start()

    def jailed(self, operator: Operator) -> bool:
        return bool(self.chain.read("Staking", "jailedUntil", operator.address))

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """Customers stop, and everybody finishes what is due: answers, batches, audits, disputes."""
        self.wait("the nodes", lambda: all(each.ready() for each in self.honest))
        self._end([each.process for each in self.customers])
        self._dispute_the_rest()
        self.wait("the answers", lambda: not any(self._due(each) for each in self.honest))
        known = self.known()
        self.wait("the audits", lambda: all(known <= self.audited(tower) for _, tower in self.towers))
        wrong = [signed for signed in self.answers() if not self.is_right(signed)]
        self.wait("the disputes", lambda: all(self.paid_for(signed) for signed in wrong))
        self.wait("the games", lambda: not self.open_games())

    def _dispute_the_rest(self) -> None:
        """Lies that their operator never committed to: whoever was told them holds the evidence. The first with `opg dispute`."""
        known = self.known()
        held = [(each, signed) for each in self.customers for signed in each.receipts() if not self.is_right(signed)]
        held = [(each, signed) for each, signed in held if signed.digest not in known]
        for customer, signed in held[:1]:
            path = str(customer.receipt_path(signed.digest))
            self.command(customer.account.account, "dispute", path, "--model", str(DIGITS), "--poll", "0.2")
        games = [
            Challenge(each.account, self.version, Case(signed.digest, signed.answer, signed.inputs, signed.evidence))
            for each, signed in held[1:]
        ]
        self.wait("the customers' games", lambda: all([game.step() for game in games]))

    def _due(self, operator: Operator) -> int:
        with operator.store() as store:
            return store.uncommitted_count() + store.request_count("open") + len(self._open_requests(operator))

    def _open_requests(self, operator: Operator) -> list[bytes]:
        return [
            number
            for each in self.customers
            for number, request, _ in each.requests()
            if request.operator == operator.address and self.state(number) == OPEN
        ]

    def open_games(self) -> list[bytes]:
        events = self.events(("Disputes", "Opened"))
        games = [bytes(event.args["gameId"]) for event in events]
        return [each for each in games if self.chain.read("Disputes", "game", each)[1] < 9]

    def settle(self) -> None:
        """Time passes: fees are paid or come back, customers begin to leave. The nodes finalise and redeem by themselves."""
        self.local.advance(2 * LOCAL.window_seconds + 1)
        self.wait("the fees", lambda: not any(self._unpaid(each) for each in self.honest))
        for each in self.customers:
            for number, request, _ in each.requests():
                state = self.state(number)
                if state == OPEN:
                    each.account.send("Inference", "expire", request.abi())
                elif state != GONE and self.refuted(state):
                    each.account.send("Inference", "refund", request.abi())
        self.wait("the liars' fees", lambda: not any(self._unpaid(each) for each in self.liars))
        for customer, operator in self._channels():
            customer.account.send("Channels", "startClose", operator.address)
        self.wait("the redemptions", lambda: not any(self._unredeemed(each) for each in self.operators))
        self._end([*(each.process for each in self.operators), *(process for _, process in self.towers)])
        self.stage.bank.send("Staking", "burnSlashed")

    def _unpaid(self, operator: Operator) -> list[bytes]:
        numbers = [
            number for each in self.customers for number, request, _ in each.requests()
            if request.operator == operator.address
        ]  # fmt: skip
        return [number for number in numbers if self.state(number) != GONE]

    def _channels(self) -> list[tuple[Customer, Operator]]:
        """With something in them."""
        pairs = [(customer, operator) for customer in self.customers for operator in self.operators]
        deposit = lambda a, b: self.chain.read("Channels", "channel", a.account.address, b.address)[0]  # noqa: E731
        return [pair for pair in pairs if deposit(*pair)]

    def _unredeemed(self, operator: Operator) -> int:
        with operator.store() as store:
            return store.unredeemed()

    def leave(self) -> None:
        """Everybody takes out all there is."""
        channels = self._channels()
        thaws = []
        for each in self.operators:
            active, _, _ = self.chain.read("Staking", "stakeOf", each.address)
            if active:
                thaws.append((each.owner, actions.thaw(each.owner, active)[0]))
        self.local.advance(max(LOCAL.thawing_seconds, LOCAL.close_seconds) + 1)
        for owner, number in thaws:
            owner.send("Staking", "finishThaw", number)
        for customer, operator in channels:
            customer.account.send("Channels", "finishClose", operator.address)
        for person in self.people():
            actions.collect(person)

    # ------------------------------------------------------------------ what is known

    def answers(self) -> list[SignedAnswer]:
        """All answers that any operator has given, on chain or off: what is on the disks of their nodes."""
        found = []
        for each in self.operators:
            with each.store() as store:
                digests = [bytes(digest) for (digest,) in store._rows("select digest from answers")]
                found += [answer for digest in digests if (answer := store.answer(digest)) is not None]
        return found

    def known(self) -> set[bytes]:
        """The answers that the chain knows of: given there, or in a batch."""
        query = (
            "select digest from answers left join batches on batch = root where id is not null or length(signature) = 0"
        )
        found = set()
        for each in self.operators:
            with each.store() as store:
                found |= {bytes(digest) for (digest,) in store._rows(query)}
        return found

    def audited(self, tower: Process) -> set[bytes]:
        """What a watchtower says that it has judged."""
        lines = tower.words.splitlines()
        words = [line.split("answer=0x")[1][:64] for line in lines if "  right  " in line or "  WRONG  " in line]
        return {bytes.fromhex(each) for each in words}

    def is_right(self, signed: SignedAnswer) -> bool:
        return self.version.execute(signed.inputs) == signed.outputs

    def refuted(self, digest: bytes) -> bool:
        return bool(self.chain.read("Inference", "answerState", digest)[2])

    def paid_for(self, wrong: SignedAnswer) -> bool:
        """Whether a lie was refuted; or given off chain, by somebody who has nothing left to lose and whom nobody can rely on."""
        return self.refuted(wrong.digest) or (bool(wrong.signature) and not any(self.stake(wrong.answer.operator)))

    def stake(self, operator: str) -> tuple[int, int]:
        """Active and thawing."""
        active, thawing, _ = self.chain.read("Staking", "stakeOf", operator)
        return int(active), int(thawing)

    def state(self, request_id: bytes) -> bytes:
        return bytes(self.chain.read("Inference", "requestState", request_id))

    def events(self, *topics: tuple[str, str]) -> list[Event]:
        return list(EventReader(self.chain, topics).read())

    # ------------------------------------------------------------------ processes

    def _where(self) -> list[str]:
        return ["--rpc", self.local.url, "--manifest", str(self.manifest)]

    def _environment(self) -> dict[str, str]:
        where = {"OPG_RPC": self.local.url, "OPG_MANIFEST": str(self.manifest), "OPG_THREADS": "1"}
        return {**os.environ, **where, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}

    def _process(self, name: str, account: LocalAccount, *command: str) -> Process:
        made = Process(list(command), account, self._environment(), self.folder / f"{name}.log")
        self.processes.append(made)
        return made

    def command(self, account: LocalAccount, *arguments: str) -> str:
        """Runs one command of `opg` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "opg.cli", *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS,
            env={**self._environment(), "OPG_PRIVATE_KEY": account.key.hex()},
        )  # fmt: skip
        assert done.returncode == 0, f"opg {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    @staticmethod
    def _end(processes: list[Process]) -> None:
        """Asks them to end, all at once, and sees that they do so in good order."""
        for each in processes:
            each.ask_to_end()
        for each in processes:
            assert each.running.wait(WAIT_SECONDS) == 0, each.words[-3000:]

    def check_processes(self) -> None:
        for each in self.processes:
            assert each.alive or each.running is None, f"{each.command} ended: {each.words[-3000:]}"

    def wait(self, what: str, come: Callable[[], Any]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not come():
            failed = [each for each in self.processes if each.running is not None and each.running.poll()]
            if failed or time.monotonic() > until:
                said = "".join(f"\n--- {each.log.name}\n{each.words[-1500:]}" for each in failed or self.processes)
                raise AssertionError(f"{what} did not come within {WAIT_SECONDS} seconds{said}")
            time.sleep(0.2)
