"""The whole story on a private chain: a model is published, asked and paid, and a host that lies about one
bit is judged.

    make demo
    make demo ARGS="--lie-at OP:ELEMENT"

Real processes: an Ethereum node, two operators' nodes (one of them lies, see `scripts/liar.py`) and a
watchtower. Everything they write goes to a temporary folder. The exit code is zero only if the books
balance to the last wei.
"""

from __future__ import annotations

import argparse
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from eth_account.signers.local import LocalAccount
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from opg import actions
from opg.chain import EventReader, Sender, artifact, emitted
from opg.chain.deploying import LOCAL, OPG
from opg.chain.local import LocalChain, free_port, stop_process
from opg.client import Client
from opg.deploy import plan_of
from opg.deploy.history import history
from opg.deploy.plan import GENESIS
from opg.deploy.proxy import PROXY
from opg.errors import OPGError
from opg.tensor import Kind, Trace
from opg.versions import load_version
from opg.vouchers import VoucherBook
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS, Digits, Stage

SUPPLY = 1_000_000_000 * OPG
QUESTIONS = 20  # pictures 0 to 19 are asked off chain
READER, LIE = 20, 21  # these two on chain
PRICE_OFF_CHAIN = OPG // 100
PRICE_ON_CHAIN = OPG
OWNER_FEE_BPS = 1_000
BPS = 10_000
STAKE = 1_400  # OPG; less than the minimum is left after losing the penalty
HIDDEN_OP = 2  # the second layer's weighted sums
WAIT_SECONDS = 60
SHADES = " ░▒▓█"
CONTRACTS = ("Staking", "Channels", "Inference", "Disputes")

console = Console(highlight=False)


class Demo:
    """One performance."""

    def __init__(self, lie_at: tuple[int, int] | None, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.lie_at = lie_at
        self.steps = 0
        self.digits = Digits.load()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    # ------------------------------------------------------------------ the story

    def play(self) -> None:
        """All of it. Raises on anything that is not as it should be."""
        self.begin()
        self.publish()
        self.serve()
        self.ask_off_chain()
        self.ask_on_chain()
        self.lie()
        self.judge()
        self.settle()
        self.show_transactions()
        self.show_books()

    def begin(self) -> None:
        self.step("A chain of our own, with the contracts on it")
        self.local = self.stack.enter_context(LocalChain())
        self.stage = Stage(self.local)
        self.chain = self.stage.chain
        self.manifest = self.folder / "manifest.json"
        self.chain.deployment.save(self.manifest)
        self.tell(
            f"Anvil runs at {self.local.url}. {len(self.chain.deployment.addresses)} contracts are deployed and "
            "wired; whoever deployed them has no rights left. All 1,000,000,000 OPG exist now, and never more."
        )
        self.owner = self.stage.person()
        self.user = self.stage.person(opg=100)
        self.tower = self.stage.person(opg=100)
        self.key, self.liar_key = self.local.account(), self.local.account()
        self.port, self.liar_port = free_port(), free_port()
        url = "http://127.0.0.1:{}".format
        self.operator = self.stage.operator(STAKE, self.key, url(self.port), opg=STAKE)
        self.liar = self.stage.operator(STAKE, self.liar_key, url(self.liar_port), opg=STAKE)
        self.names = {
            "model owner": self.owner.address,
            "operator": self.operator.address,
            "liar": self.liar.address,
            "watchtower": self.tower.address,
            "user": self.user.address,
            "treasury": self.stage.treasury.address,
            "bank": self.stage.bank.address,
        }

    def publish(self) -> None:
        self.step("A model is published, and anyone can check it")
        self.version_id = self.stage.publish(self.owner, fee_bps=OWNER_FEE_BPS)
        self.tell(
            f"{DIGITS.name} reads handwritten digits. Its owner holds it as a token, and earns 10 % of every fee."
        )
        self.version = load_version(self.chain, self.version_id, DIGITS)
        program = self.version.program
        self.tell(
            f"Compiled again from the ONNX file: {len(program.encoded)} operations, program root "
            f"0x{program.root.hex()}: the same as on chain."
        )
        self.before = self.holdings()
        self.prepare_lie()

    def serve(self) -> None:
        self.step("An operator serves it, a watchtower watches")
        self.tell(f"Two operators have staked {STAKE:,} OPG each. A wrong answer costs {LOCAL.penalty // OPG} of them.")
        self.start("node", self.key, "opg.cli", *self.node_options(self.operator, self.port, "node"),
                   "--price", "0.01", "--commit-every", "0")  # fmt: skip
        self.start("watchtower", self.tower.account, "opg.cli", "watch", "--model", str(DIGITS), "--poll", "0.2",
                   "--data", str(self.folder / "watchtower"), *self.where())  # fmt: skip
        self.wait_for("the node", lambda: self.answers_http(self.port))
        self.wait_for("the watchtower", lambda: "watching" in self.words_of("watchtower"))
        self.tell(f"The node compiled the file, compared the program root, and listens at port {self.port}.")

    def ask_off_chain(self) -> None:
        self.step(f"A user asks {QUESTIONS} questions off chain, and pays by voucher")
        actions.open_channel(self.user, self.operator.address, 5 * OPG)
        client = Client(self.chain, self.user.account, VoucherBook(self.folder / "vouchers.json"))
        endpoint = client.endpoint(self.operator.address)
        read, began = [], time.monotonic()
        for number in range(QUESTIONS):
            tensors = self.tensors(number)
            reply = client.ask(self.version.published, self.operator.address, tensors, PRICE_OFF_CHAIN, endpoint)
            read.append(best(reply.tensors[0]["values"][0]))
        seconds = (time.monotonic() - began) / QUESTIONS
        right = sum(digit == label for digit, label in zip(read, self.digits.labels[:QUESTIONS], strict=True))
        self.draw(0, read[0])
        self.tell(
            f"{right} of {QUESTIONS} held-out pictures were read right, {seconds * 1000:.0f} ms each. "
            "Every answer is signed; the client checked key, stake, time, and that the words received are the "
            "ones that were signed."
        )
        self.cli(self.key, "operator", "commit", "--operator", self.operator.address, *self.data("node"))
        self.wait_for("the watchtower", lambda: self.words_of("watchtower").count("right  ") >= QUESTIONS)
        self.tell(
            f"The operator commits to all {QUESTIONS} with one hash on chain. "
            "The watchtower fetched them and executed them again: all are what the model says."
        )
        self.cli(self.key, "operator", "redeem", *self.data("node"))
        self.tell(f"One voucher is redeemed for all of them: {opg(QUESTIONS * PRICE_OFF_CHAIN)} OPG.")
        self.fees = [QUESTIONS * PRICE_OFF_CHAIN]

    def ask_on_chain(self) -> None:
        self.step("A contract asks on chain, and is called back")
        reader = self.deploy_reader()
        for operator in (self.operator, self.liar):
            operator.send("Inference", "offer", self.version_id, PRICE_ON_CHAIN)
        deadline = self.chain.now() + 300
        ask = reader.functions.ask(self.operator.address, self.tensors(READER)[0], PRICE_ON_CHAIN, deadline)
        request_id = bytes(
            emitted(self.chain, self.user.transact(ask, "DigitReader.ask"), "Inference", "Requested")[0]["requestId"]
        )
        self.tell("DigitReader sends a picture and 1 OPG. The operator's collateral is locked behind the request.")
        self.wait_for("the answer", lambda: self.state(request_id) > 2)
        self.wait_for("the watchtower", lambda: self.words_of("watchtower").count("right  ") > QUESTIONS)
        self.tell(
            f"The node answered on chain. {LOCAL.window_seconds // 60} minutes pass in which anyone may "
            "dispute it; nobody has a reason to."
        )
        self.local.advance(LOCAL.window_seconds + 1)
        self.wait_for("the payment", lambda: self.state(request_id) == 0)
        status, digit = reader.functions.reading(request_id).call()
        self.draw(READER, digit)
        self.expect(status == 2 and digit == self.digits.labels[READER], "DigitReader read the digit")
        self.tell(f"The answer is final: the node collected its fee, and DigitReader was called back: it is a {digit}.")
        self.fees.append(PRICE_ON_CHAIN)
        table = Table("who", "earned", title="From all fees so far", title_justify="left")
        for name in ("model owner", "treasury", "operator"):
            table.add_row(name, opg(self.owed_to(self.names[name])) + " OPG")
        console.print(table)

    def lie(self) -> None:
        self.step("Another operator lies about one bit")
        op, element = self.lie_at
        right, wrong = self.traces
        self.claimed, self.right = int(wrong.results[op][element]), int(right.results[op][element])
        bit = (self.claimed ^ self.right).bit_length() - 1
        kind = Kind(self.version.program.op(op).kind).name
        self.tell(
            f"Its node computes everything right, but flips bit {bit} of element {element} of operation {op} "
            f"({kind}), and goes on from there. So its answer differs from the right one, though hardly:"
        )
        self.show_difference(right, wrong)
        self.start("liar", self.liar_key, "scripts.liar", *self.node_options(self.liar, self.liar_port),
                   "--lie-at", f"{op}:{element}")  # fmt: skip
        self.wait_for("the liar's node", lambda: self.answers_http(self.liar_port))
        self.disputes = EventReader(
            self.chain,
            [("Disputes", name) for name in ("Opened", "TraceRevealed", "NodesRevealed", "Picked", "Blamed",
                                             "ChunkRevealed", "Proven", "ChallengerWon", "OperatorWon")]
            + [("Staking", "Slashed")],
            self.chain.head() + 1,
        )  # fmt: skip
        deadline = self.chain.now() + 300
        fee = PRICE_ON_CHAIN
        tensors = self.tensors(LIE)
        self.request_id, self.request = actions.request(
            self.user, self.version_id, self.liar.address, tensors, fee, deadline
        )
        self.wait_for("the wrong answer", lambda: self.state(self.request_id) > 2)
        self.tell("The user asked it on chain and paid 1 OPG. The wrong answer is there.")

    def judge(self) -> None:
        self.step("The watchtower disputes it; the chain recomputes one number")
        seen: dict[str, Any] = {}
        until = time.monotonic() + WAIT_SECONDS
        while "ChallengerWon" not in seen and "OperatorWon" not in seen:
            for event in self.disputes.read():
                seen[event.name] = event.args
                self.narrate(event.name, event.args)
            self.check_processes()
            self.expect(time.monotonic() < until, "the dispute ends in time")
            time.sleep(0.05)
        self.expect("ChallengerWon" in seen, "the liar lost")
        proven = seen["Proven"]
        place = (proven["opIndex"], proven["element"])
        self.expect(place == self.lie_at, f"the lie was found where it was told, at {self.lie_at}, not at {place}")
        self.expect(
            (proven["claimed"], proven["right"]) == (self.claimed, self.right),
            "the two words are the two words",
        )
        self.slashed = seen["Slashed"]

    def narrate(self, name: str, args: Any) -> None:
        words = {
            "Opened": lambda: f"watchtower  opens a game and puts up {opg(args['bond'])} OPG",
            "TraceRevealed": lambda: (
                f"liar        reveals its trace: one hash for each operation, {len(args['children'])} with padding"
            ),
            "NodesRevealed": lambda: f"liar        reveals {len(args['children'])} nodes of the tensor's tree",
            "Picked": lambda: f"watchtower  picks node {args['index']}: it differs",
            "Blamed": lambda: f"watchtower  blames operation {args['opIndex']}, the first that differs",
            "ChunkRevealed": lambda: f"liar        reveals a chunk of it: {len(args['chunk']) // 4} words",
            "Proven": lambda: (
                f"watchtower  proves element {args['element']}: the referee recomputes it from the liar's own numbers"
            ),
            "ChallengerWon": lambda: f"[bold]The liar lost {opg(args['slashed'])} OPG.[/]",
        }
        if name in words:
            self.tell("  " + words[name]())
        if name == "Proven":
            table = Table("", "hexadecimal", "as a number")
            for label, word in (("claimed", args["claimed"]), ("right", args["right"])):
                table.add_row(label, f"0x{word:08x}", as_float(word))
            console.print(table)

    def settle(self) -> None:
        self.step("Everyone gets what is theirs")
        burned, bounty = int(self.slashed["burned"]), int(self.slashed["bounty"])
        self.tell(
            f"{opg(burned)} OPG are burned, so lying to oneself never pays; {opg(bounty)} are the watchtower's bounty."
        )
        self.user.send("Staking", "burnSlashed")
        self.user.send("Inference", "refund", self.request.abi())
        self.tell("The user's fee is refunded. Whoever is owed something fetches it:")
        for name, person in self.people():
            fetched = actions.collect(person)
            if fetched:
                self.tell(f"  {name:12}{opg(fetched):>12} OPG")
        active, _, _ = self.chain.read("Staking", "stakeOf", self.liar.address)
        live = self.chain.read("Staking", "isLive", self.liar.address)
        self.expect(active == STAKE * OPG - LOCAL.penalty, "the liar's stake is smaller by the penalty")
        self.tell(
            f"The liar has {opg(active)} OPG of stake left" + ("." if live else ", too little to be asked again.")
        )
        for name in list(self.processes):
            self.stop(name)

    # ------------------------------------------------------------------ the tables

    def show_transactions(self) -> None:
        self.step("Every transaction, with its gas")
        table = Table("transaction", "times", "gas each", title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for label, gas in self.transactions().items():
            low, high = min(gas), max(gas)
            table.add_row(label, str(len(gas)), f"{low:,}" if low == high else f"{low:,} – {high:,}")
        console.print(table)

    def transactions(self) -> dict[str, list[int]]:
        """Gas used, by what was called, in the order of the first call, read from the chain itself."""
        by_address = {at: name for name, at in self.chain.deployment.addresses.items()} | {
            self.reader_at: "DigitReader"
        }
        plan = plan_of(self.stage.network)
        past = history(self.chain, plan.addresses[GENESIS], len(plan.steps))
        steps = dict(zip(past.transactions, (step.label for step in plan.steps), strict=True))
        found: dict[str, list[int]] = {}
        for number in range(1, self.chain.head() + 1):
            for each in self.chain.w3.eth.get_block(number, full_transactions=True)["transactions"]:
                receipt = self.chain.w3.eth.get_transaction_receipt(each["hash"])
                if each.get("to") is None:
                    name = by_address.get(receipt["contractAddress"], "?")
                    label = f"create {name}"
                elif each["to"] == PROXY:
                    label = f"create {GENESIS}"
                elif step := steps.get("0x" + bytes(each["hash"]).hex()):
                    label = step
                else:
                    name = by_address[each["to"]]
                    contract = self.chain.w3.eth.contract(address=each["to"], abi=artifact(name).abi)
                    label = f"{name}.{contract.get_function_by_selector(bytes(each['input'])[:4]).fn_name}"
                if receipt["status"] != 1:
                    label += " (refused)"
                found.setdefault(label, []).append(int(receipt["gasUsed"]))
        return found

    def show_books(self) -> None:
        self.step("The books")
        after = self.holdings()
        table = Table(
            "who",
            "before",
            "after",
            "change",
            title="OPG held: in the wallet, staked, deposited, owed",
            title_justify="left",
        )
        for column in table.columns[1:]:
            column.justify = "right"
        for name in self.names:
            change = after[name] - self.before[name]
            table.add_row(name, opg(self.before[name]), opg(after[name]), f"{'+' if change > 0 else ''}{opg(change)}")
        burned = SUPPLY - int(self.chain.read("OPG", "totalSupply"))
        table.add_row("burned", "0", opg(burned), f"+{opg(burned)}")
        console.print(table)
        self.check_books(after, burned)
        console.print("[bold green]The books balance to the last wei.[/]")

    def check_books(self, after: dict[str, int], burned: int) -> None:
        """Nothing came from nowhere, nothing went nowhere, and everybody got exactly what the rules say."""
        self.expect(sum(after.values()) + burned == SUPPLY, "all that is held and all that was burned is the supply")
        for contract in CONTRACTS:
            held = self.stage.balance(self.chain.deployment.address(contract))
            self.expect(held == self.owed_by(contract), f"{contract} holds exactly what it owes")
        shares = {
            "model owner": sum(fee * OWNER_FEE_BPS // BPS for fee in self.fees),
            "treasury": sum(fee * LOCAL.protocol_fee_bps // BPS for fee in self.fees),
            "watchtower": int(self.slashed["bounty"]),
            "liar": -LOCAL.penalty,
            "bank": 0,
        }
        shares["operator"] = sum(self.fees) - shares["model owner"] - shares["treasury"]
        shares["user"] = -sum(self.fees)
        for name, change in shares.items():
            self.expect(after[name] - self.before[name] == change, f"the {name}'s OPG changed by {opg(change)}")
        self.expect(burned == LOCAL.penalty - shares["watchtower"], "what the liar lost is burned or bounty")

    def holdings(self) -> dict[str, int]:
        """Wei of OPG by name: in the wallet, staked, deposited, owed. The contract DigitReader is the
        user's.
        """
        found = {}
        for name, at in self.names.items():
            active, thawing, _ = self.chain.read("Staking", "stakeOf", at)
            found[name] = self.stage.balance(at) + active + thawing + self.owed_to(at)
        found["user"] += sum(
            self.chain.read("Channels", "channel", self.user.address, operator.address)[0]
            for operator in (self.operator, self.liar)
        )
        if hasattr(self, "reader_at"):
            found["user"] += self.stage.balance(self.reader_at)
        return found

    def owed_to(self, account: str) -> int:
        """Credits, and incomes: nobody has delegated, so they are all the operator's."""
        return sum(actions.credits_of(self.chain, account).values()) + sum(
            actions.incomes_of(self.chain, account).values()
        )

    def owed_by(self, contract: str) -> int:
        owed = sum(int(self.chain.read(contract, "creditOf", at)) for at in self.names.values())
        if contract in actions.PAYMASTERS:
            owed += sum(int(self.chain.read(contract, "incomeOf", at)) for at in self.names.values())
        if contract == "Staking":
            owed += int(self.chain.read("Staking", "burnable"))
            owed += sum(sum(self.chain.read("Staking", "stakeOf", at)[:2]) for at in self.names.values())
        if contract == "Channels":
            owed += sum(
                self.chain.read("Channels", "channel", a, b)[0]
                for a in self.names.values()
                for b in self.names.values()
            )
        return owed

    @staticmethod
    def show_difference(right: Trace, wrong: Trace) -> None:
        table = Table("score of", "right", "", "signed", "")
        for digit, (a, b) in enumerate(zip(right.outputs[0].tolist(), wrong.outputs[0].tolist(), strict=True)):
            if a != b:
                table.add_row(str(digit), f"0x{a:08x}", as_float(a), f"0x{b:08x}", as_float(b))
        console.print(table)

    # ------------------------------------------------------------------ helpers

    def step(self, title: str) -> None:
        self.steps += 1
        console.print(f"\n[bold cyan]{self.steps}. {title}[/]")

    @staticmethod
    def tell(text: str) -> None:
        console.print(Padding(text, (0, 0, 0, 3)))

    @staticmethod
    def expect(holds: bool, what: str) -> None:
        if not holds:
            raise OPGError(f"not as it should be: expected that {what}")

    def tensors(self, number: int) -> tuple[bytes, ...]:
        return self.version.parse_inputs([self.digits.picture(number).tolist()])

    def draw(self, number: int, digit: int) -> None:
        top = len(SHADES) - 1
        for row in self.digits.images[number].reshape(8, 8):
            console.print("      " + "".join(SHADES[int(p) * top // 16] * 2 for p in row))
        console.print(f"      is read as {digit}\n")

    def prepare_lie(self) -> None:
        """Chooses the lie, and computes what will come of it. Raises when it would be none."""
        tensors = self.tensors(LIE)
        self.lie_at = self.lie_at or self.quiet_lie(tensors)
        lying = load_version(self.chain, self.version_id, DIGITS, LyingExecutor(*self.lie_at))
        self.traces = self.version.trace(tensors), lying.trace(tensors)

    def quiet_lie(self, tensors: tuple[bytes, ...]) -> tuple[int, int]:
        """An element of the hidden layer whose lowest bit changes the answer."""
        for element in range(self.version.program.words_of(HIDDEN_OP)):
            try:
                load_version(self.chain, self.version_id, DIGITS, LyingExecutor(HIDDEN_OP, element, 0)).trace(tensors)
                return HIDDEN_OP, element
            except OPGError:
                continue
        raise OPGError("no lowest bit of the hidden layer changes the answer")

    def deploy_reader(self) -> Any:
        made = artifact("DigitReader")
        at = self.chain.deployment.address
        factory = self.chain.w3.eth.contract(abi=made.abi, bytecode="0x" + made.bytecode)
        build = factory.constructor(at("OPG"), at("Inference"), self.version_id, self.user.address)
        self.reader_at = str(self.user.transact(build, "deploy DigitReader").receipt["contractAddress"])
        self.user.send("OPG", "transfer", self.reader_at, 2 * OPG)
        return self.chain.w3.eth.contract(address=self.reader_at, abi=made.abi)

    def state(self, request_id: bytes) -> int:
        return int.from_bytes(self.chain.read("Inference", "requestState", request_id), "big")

    def people(self) -> Iterator[tuple[str, Sender]]:
        people = (self.owner, self.operator, self.liar, self.tower, self.user, self.stage.treasury)
        names = {at: name for name, at in self.names.items()}
        return ((names[person.address], person) for person in people)

    # ------------------------------------------------------------------ processes

    def where(self) -> list[str]:
        return ["--rpc", self.local.url, "--manifest", str(self.manifest)]

    def data(self, name: str) -> list[str]:
        return ["--data", str(self.folder / name), *self.where()]

    def node_options(self, operator: Sender, port: int, name: str = "") -> list[str]:
        options = [
            "--model",
            str(DIGITS),
            "--version-id",
            str(self.version_id),
            "--operator",
            operator.address,
        ]
        options += ["--port", str(port), "--poll", "0.2", *self.data(name or "liar")]
        return [name, *options] if name else options

    def start(self, name: str, account: LocalAccount, module: str, *arguments: str) -> None:
        """Starts a process with a key in its environment; it ends with the demo."""
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment(account),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.stack.callback(stop_process, self.processes[name])

    def stop(self, name: str) -> None:
        stop_process(self.processes.pop(name))

    def cli(self, account: LocalAccount, *arguments: str) -> None:
        """Runs one command of `opg` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "opg.cli", *arguments],
            env=environment(account),
            capture_output=True,
            text=True,
        )
        self.expect(done.returncode == 0, f"opg {' '.join(arguments[:2])} succeeds: {done.stderr.strip()}")

    def words_of(self, name: str) -> str:
        """What a process has said so far."""
        return (self.folder / f"{name}.log").read_text()

    def check_processes(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise OPGError(f"the {name} ended with {process.returncode}: {self.words_of(name)[-2000:]}")

    def wait_for(self, what: str, come: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not come():
            self.check_processes()
            if time.monotonic() > until:
                said = "".join(f"\n--- {name}\n{self.words_of(name)[-1500:]}" for name in self.processes)
                raise OPGError(f"{what} did not come within {WAIT_SECONDS} seconds{said}")
            time.sleep(0.1)

    @staticmethod
    def answers_http(port: int) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/opg/v1/info", timeout=5).status_code == 200
        except requests.RequestException:
            return False


def environment(account: LocalAccount) -> dict[str, str]:
    """This process's environment, with a key."""
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "OPG_PRIVATE_KEY": account.key.hex(), "PYTHONPATH": root}


def best(scores: list[float]) -> int:
    """The digit with the highest score."""
    return max(range(len(scores)), key=scores.__getitem__)


def opg(wei: int) -> str:
    """Wei as OPG, with all its digits."""
    sign, wei = ("-" if wei < 0 else ""), abs(wei)
    text = f"{wei // OPG:,}.{wei % OPG:018d}".rstrip("0").rstrip(".")
    return sign + text


def as_float(word: int) -> str:
    """A word as the float32 that it is, with nine digits."""
    return f"{struct.unpack('>f', word.to_bytes(4, 'big'))[0]:.9g}"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C does, so that everything is cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def place(text: str) -> tuple[int, int]:
    """`2:5` → operation 2, element 5."""
    op, _, element = text.partition(":")
    if not op.isdecimal() or not element.isdecimal():
        raise argparse.ArgumentTypeError("write it as OP:ELEMENT, like 2:5")
    return int(op), int(element)


def main() -> int:
    parser = argparse.ArgumentParser(description="A model is published, asked and paid; a host that lies is judged.")
    parser.add_argument("--lie-at", type=place, metavar="OP:ELEMENT", help="which word the liar gets wrong")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        with ended_by_signals(), ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opg-demo-")))
            Demo(given.lie_at, folder, stack).play()
    except KeyboardInterrupt:
        console.print("\nstopped; nothing is left running")
        return 130
    except OPGError as problem:
        console.print(f"\n[bold red]error:[/] {problem}", markup=True, soft_wrap=True)
        if problem.advice:
            console.print(f"  → {problem.advice}", markup=False)
        return 1
    console.print(f"[dim]{time.monotonic() - began:.0f} seconds[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
