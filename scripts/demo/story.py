"""The whole story: a model is published, asked and paid, and a host that lies about one bit is judged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from opg import actions
from opg.chain import EventReader, Sender, artifact, emitted
from opg.chain.deploying import LOCAL, OPG
from opg.chain.local import LocalChain, free_port
from opg.client import Client
from opg.errors import OPGError
from opg.tensor import Kind, Trace
from opg.versions import LoadedVersion, load_version
from opg.vouchers import VoucherBook
from scripts.demo.books import OWNER_FEE_BPS, Books
from scripts.demo.processes import WAIT_SECONDS, Processes, answers_http, command
from scripts.demo.subjects import LIE, QUESTIONS, READER, Subject
from scripts.demo.telling import as_float, console, expect, opg, show, tell
from scripts.liar import LyingExecutor
from scripts.stage import Stage

PRICE_OFF_CHAIN = OPG // 100
PRICE_ON_CHAIN = OPG
STAKE = 1_400  # OPG; less than the minimum is left after losing the penalty
SHOWN_DIFFERENCES = 10
DISPUTE_EVENTS = (
    "Opened",
    "TraceRevealed",
    "NodesRevealed",
    "Picked",
    "Blamed",
    "ChunkRevealed",
    "Proven",
    "ChallengerWon",
    "OperatorWon",
)


class Demo:
    """One performance about one model."""

    def __init__(self, subject: Subject, lie_at: tuple[int, int] | None, folder: Path, stack: ExitStack) -> None:
        self.subject, self.lie_at, self.folder, self.stack = subject, lie_at, folder, stack
        self.steps = 0
        self.processes = Processes(folder, stack)

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
        self.step("Every transaction, with its gas")
        self.books.show_transactions()
        self.step("The books")
        self.books.show(self.before, self.fees, int(self.slashed["bounty"]))
        console.print("[bold green]The books balance to the last wei.[/]")

    def step(self, title: str) -> None:
        self.steps += 1
        console.print(f"\n[bold cyan]{self.steps}. {title}[/]")

    # ------------------------------------------------------------------ before anything is wrong

    def begin(self) -> None:
        self.step("A chain of our own, with the contracts on it")
        self.local = self.stack.enter_context(LocalChain())
        self.stage = Stage(self.local)
        self.chain = self.stage.chain
        self.manifest = self.folder / "manifest.json"
        self.chain.deployment.save(self.manifest)
        tell(
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
        people = {
            "model owner": self.owner,
            "operator": self.operator,
            "liar": self.liar,
            "watchtower": self.tower,
            "user": self.user,
            "treasury": self.stage.treasury,
            "bank": self.stage.bank,
        }
        self.people = people
        self.books = Books(self.stage, {name: person.address for name, person in people.items()})

    def publish(self) -> None:
        self.step("A model is published, and anyone can check it")
        subject = self.subject
        self.version_id = self.stage.publish(
            self.owner, subject.name, OWNER_FEE_BPS, model=subject.path, bindings=subject.bindings
        )
        tell(f"{subject.name} {subject.about}. Its owner holds it as a token, and earns 10 % of every fee.")
        self.version = load_version(self.chain, self.version_id, subject.path)
        program = self.version.program
        tell(
            f"Compiled again from the ONNX file: {len(program.encoded)} operations, program root "
            f"0x{program.root.hex()}: the same as on chain."
        )
        self.before = self.books.holdings()
        self.prepare_lie()

    def prepare_lie(self) -> None:
        """Chooses the lie, and computes what will come of it. Raises when it would be none."""
        tensors = self.tensors(LIE)
        right = self.version.trace(tensors)
        self.lie_at = self.lie_at or self.quiet_lie(tensors, right)
        self.traces = right, self.lying(*self.lie_at, tensors=tensors)

    def quiet_lie(self, tensors: tuple[bytes, ...], right: Trace) -> tuple[int, int]:
        """The largest of one layer's weighted sums whose lowest bit changes the answer."""
        op = self.subject.hidden_op(self.version.program)
        for element in np.argsort(-right.results[op].view(np.float32)).tolist():
            try:
                self.lying(op, element, 0, tensors=tensors)
                return op, element
            except OPGError:
                continue
        raise OPGError(f"no lowest bit of operation {op} changes the answer")

    def lying(self, *place: int, tensors: tuple[bytes, ...]) -> Trace:
        """What a liar's node makes of it."""
        return LoadedVersion(self.version.published, self.version.compiled, LyingExecutor(*place)).trace(tensors)

    def serve(self) -> None:
        self.step("An operator serves it, a watchtower watches")
        tell(f"Two operators have staked {STAKE:,} OPG each. A wrong answer costs {LOCAL.penalty // OPG} of them.")
        model = ["--model", str(self.subject.path)]
        self.processes.start("node", self.key, "opg.cli", "node", *model, *self.node_options(self.operator, self.port, "node"),
                             "--price", "0.01", "--commit-every", "0")  # fmt: skip
        self.processes.start("watchtower", self.tower.account, "opg.cli", "watch", *model, "--poll", "0.2",
                             *self.data("watchtower"))  # fmt: skip
        self.processes.wait_for("the node", lambda: answers_http(self.port))
        self.processes.wait_for("the watchtower", lambda: "watching" in self.processes.said("watchtower"))
        tell(f"The node compiled the file, compared the program root, and listens at port {self.port}.")

    def ask_off_chain(self) -> None:
        self.step(f"A user asks {QUESTIONS} questions off chain, and pays by voucher")
        actions.open_channel(self.user, self.operator.address, 5 * OPG)
        client = Client(self.chain, self.user.account, VoucherBook(self.folder / "vouchers.json"))
        endpoint = client.endpoint(self.operator.address)
        scores, began = [], time.monotonic()
        for number in range(QUESTIONS):
            tensors = self.tensors(number)
            reply = client.ask(self.version.published, self.operator.address, tensors, PRICE_OFF_CHAIN, endpoint)
            scores.append(np.array(reply.tensors[0]["values"][0], np.float32))
        self.subject.review(scores, (time.monotonic() - began) / QUESTIONS * 1000)
        tell(
            "Every answer is signed; the client checked key, stake, time, and that the words received are the "
            "ones that were signed."
        )
        command(self.key, "operator", "commit", "--operator", self.operator.address, *self.data("node"))
        self.wait_until_checked(QUESTIONS)
        tell(
            f"The operator commits to all {QUESTIONS} with one hash on chain. "
            "The watchtower fetched them and executed them again: all are what the model says."
        )
        command(self.key, "operator", "redeem", *self.data("node"))
        tell(f"One voucher is redeemed for all of them: {opg(QUESTIONS * PRICE_OFF_CHAIN)} OPG.")
        self.fees = [QUESTIONS * PRICE_OFF_CHAIN]

    def wait_until_checked(self, answers: int) -> None:
        said = self.processes.said
        self.processes.wait_for("the watchtower", lambda: said("watchtower").count("right  ") >= answers)

    def ask_on_chain(self) -> None:
        self.step("A contract asks on chain, and is called back")
        reader = self.deploy_reader()
        for operator in (self.operator, self.liar):
            operator.send("Inference", "offer", self.version_id, PRICE_ON_CHAIN)
        deadline = self.chain.now() + 300
        ask = reader.functions.ask(self.operator.address, self.tensors(READER)[0], PRICE_ON_CHAIN, deadline)
        request_id = bytes(
            emitted(self.chain, self.user.transact(ask, "LabelReader.ask"), "Inference", "Requested")[0]["requestId"]
        )
        question = self.subject.questions[READER]
        tell(f"LabelReader sends {question.title} and 1 OPG. The operator's collateral is locked behind the request.")
        self.processes.wait_for("the answer", lambda: self.state(request_id) > 2)
        self.wait_until_checked(QUESTIONS + 1)
        tell(
            f"The node answered on chain. {LOCAL.window_seconds // 60} minutes pass in which anyone may "
            "dispute it; nobody has a reason to."
        )
        self.local.advance(LOCAL.window_seconds + 1)
        self.processes.wait_for("the payment", lambda: self.state(request_id) == 0)
        status, index = reader.functions.reading(request_id).call()
        label = self.subject.labels[index]
        self.subject.draw(READER, label)
        expect(status == 2 and label == question.right, f"LabelReader read {question.right}, not {label}")
        tell(f"The answer is final: the node collected its fee, and LabelReader was called back: {label}.")
        self.fees.append(PRICE_ON_CHAIN)
        earned = [
            (name, opg(self.books.owed_to(self.people[name].address)) + " OPG")
            for name in ("model owner", "treasury", "operator")
        ]
        show("who", "earned", rows=earned, title="From all fees so far", left=2)

    def deploy_reader(self) -> Any:
        made = artifact("LabelReader")
        at = self.chain.deployment.address
        factory = self.chain.w3.eth.contract(abi=made.abi, bytecode="0x" + made.bytecode)
        labels = len(self.subject.labels)
        build = factory.constructor(at("OPG"), at("Inference"), self.version_id, labels, self.user.address)
        reader_at = str(self.user.transact(build, "deploy LabelReader").receipt["contractAddress"])
        self.user.send("OPG", "transfer", reader_at, 2 * OPG)
        self.books.reader_at = reader_at
        return self.chain.w3.eth.contract(address=reader_at, abi=made.abi)

    # ------------------------------------------------------------------ the lie and what comes of it

    def lie(self) -> None:
        self.step("Another operator lies about one bit")
        op, element = self.lie_at
        right, wrong = self.traces
        self.claimed, self.right = int(wrong.results[op][element]), int(right.results[op][element])
        bit = (self.claimed ^ self.right).bit_length() - 1
        kind = Kind(self.version.program.op(op).kind).name
        tell(
            f"Its node computes everything right, but flips bit {bit} of element {element} of operation {op} "
            f"({kind}), and goes on from there. So its answer differs from the right one, though hardly:"
        )
        self.show_difference(right, wrong)
        self.processes.start("liar", self.liar_key, "scripts.liar", "--model", str(self.subject.path),
                             *self.node_options(self.liar, self.liar_port, "liar"), "--lie-at", f"{op}:{element}")  # fmt: skip
        self.processes.wait_for("the liar's node", lambda: answers_http(self.liar_port))
        events = [("Disputes", name) for name in DISPUTE_EVENTS] + [("Staking", "Slashed")]
        self.disputes = EventReader(self.chain, events, self.chain.head() + 1)
        self.request_id, self.request = actions.request(
            self.user, self.version_id, self.liar.address, self.tensors(LIE), PRICE_ON_CHAIN, self.chain.now() + 300
        )
        self.processes.wait_for("the wrong answer", lambda: self.state(self.request_id) > 2)
        tell(
            f"The user asked it on chain about {self.subject.questions[LIE].title} and paid 1 OPG. The wrong answer is there."
        )

    def show_difference(self, right: Trace, wrong: Trace) -> None:
        pairs = enumerate(zip(right.outputs[0].tolist(), wrong.outputs[0].tolist(), strict=True))
        differing = [(index, a, b) for index, (a, b) in pairs if a != b]
        rows = [
            (self.subject.labels[index], f"0x{a:08x}", as_float(a), f"0x{b:08x}", as_float(b))
            for index, a, b in differing[:SHOWN_DIFFERENCES]
        ]
        if len(differing) > len(rows):
            rows.append((f"and {len(differing) - len(rows)} more", "", "", "", ""))
        show("score of", "right", "", "signed", "", rows=rows, left=5)

    def judge(self) -> None:
        self.step("The watchtower disputes it; the chain recomputes one number")
        seen: dict[str, Any] = {}
        until = time.monotonic() + WAIT_SECONDS
        while "ChallengerWon" not in seen and "OperatorWon" not in seen:
            for event in self.disputes.read():
                seen[event.name] = event.args
                self.narrate(event.name, event.args)
            self.processes.check()
            expect(time.monotonic() < until, "the dispute ends in time")
            time.sleep(0.05)
        expect("ChallengerWon" in seen, "the liar lost")
        proven = seen["Proven"]
        place = (proven["opIndex"], proven["element"])
        expect(place == self.lie_at, f"the lie was found where it was told, at {self.lie_at}, not at {place}")
        expect((proven["claimed"], proven["right"]) == (self.claimed, self.right), "the two words are the two words")
        self.slashed = seen["Slashed"]

    @staticmethod
    def narrate(name: str, args: Any) -> None:
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
            tell("  " + words[name]())
        if name == "Proven":
            numbers = [
                (label, f"0x{word:08x}", as_float(word))
                for label, word in (("claimed", args["claimed"]), ("right", args["right"]))
            ]
            show("", "hexadecimal", "as a number", rows=numbers, left=3)

    def settle(self) -> None:
        self.step("Everyone gets what is theirs")
        burned, bounty = int(self.slashed["burned"]), int(self.slashed["bounty"])
        tell(
            f"{opg(burned)} OPG are burned, so lying to oneself never pays; {opg(bounty)} are the watchtower's bounty."
        )
        self.user.send("Staking", "burnSlashed")
        self.local.advance(1)  # all of this may have taken less than the second in which nothing is refunded
        self.user.send("Inference", "refund", self.request.abi())
        tell("The user's fee is refunded. Whoever is owed something fetches it:")
        for name, person in self.payees():
            fetched = actions.collect(person)
            if fetched:
                tell(f"  {name:12}{opg(fetched):>12} OPG")
        active, _, _ = self.chain.read("Staking", "stakeOf", self.liar.address)
        live = self.chain.read("Staking", "isLive", self.liar.address)
        expect(active == STAKE * OPG - LOCAL.penalty, "the liar's stake is smaller by the penalty")
        tell(f"The liar has {opg(active)} OPG of stake left" + ("." if live else ", too little to be asked again."))
        self.processes.stop()

    def payees(self) -> Iterator[tuple[str, Sender]]:
        return ((name, person) for name, person in self.people.items() if name != "bank")

    # ------------------------------------------------------------------ helpers

    def tensors(self, number: int) -> tuple[bytes, ...]:
        return self.version.parse_inputs([self.subject.questions[number].given.tolist()])

    def state(self, request_id: bytes) -> int:
        return int.from_bytes(self.chain.read("Inference", "requestState", request_id), "big")

    def data(self, name: str) -> list[str]:
        return ["--data", str(self.folder / name), "--rpc", self.local.url, "--manifest", str(self.manifest)]

    def node_options(self, operator: Sender, port: int, name: str) -> list[str]:
        about = ["--version-id", str(self.version_id), "--operator", operator.address]
        return [*about, "--port", str(port), "--poll", "0.2", *self.data(name)]
