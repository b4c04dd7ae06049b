"""What a node goes through and loses nothing: re-organisations, a chain that is away, a full disk, a dispute while it was down."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from opg import actions
from opg.answers import SignedAnswer
from opg.chain import Chain, Sender
from opg.chain.deploying import OPG
from opg.chain.events import REORG_BLOCKS
from opg.chain.structs import Answer
from opg.challenge import Case, Challenge
from opg.errors import ChainUnreachable, FileUnusable
from opg.game import Phase
from opg.games import read_game
from opg.node import Node, Store, commit_batch, create_app
from opg.node.errors import AlreadyRunning, StoreFull
from opg.node.schema import SCHEMA
from opg.node.serve import serve
from opg.versions import load_version
from opg.vouchers import make_voucher
from scripts.bench_node import answer
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.stage import PRICE, channel
from tests.unit.chain.test_text import commit_no_text
from tests.unit.node.test_infer import body
from tests.unit.node.test_on_chain import again, state
from tests.waiting import wait_until

GAME = Answer(bytes(32), 1, bytes(32), bytes(32), "0x" + "11" * 20, 5)


class Wire:
    """A TCP connection to the chain that can be cut."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with closing(source), closing(sink), suppress(OSError):
            while (data := source.recv(65_536)) and not self.cut:
                sink.sendall(data)


@pytest.fixture
def wire(stage):
    made = Wire(stage.local.port)
    yield made
    made.server.close()


def ask(stage, made, picture, number):
    return made.node.infer(body(stage.chain, made, picture(number), nonce=number, deadline=made.node.view.now() + 60))


# ---------------------------------------------------------------------- re-organisations


def reorg(stage, blocks=5):
    """Takes the last blocks away and puts empty ones in their place."""
    stage.local.rpc("anvil_reorg", blocks, [])


def test_batch_that_a_reorganisation_took_away_is_committed_again_once(stage, host, picture):
    made = host(commit_every_seconds=3_600, commit_at=1)
    stage.local.rpc("anvil_mine", 6)
    ask(stage, made, picture, 1)
    made.node.tick()
    first = made.node.store.batch_ids(0)
    reorg(stage)
    with pytest.raises(ValueError):
        root_of(stage, first[0][1])
    for _ in range(3):
        made.node.tick()
    ((root, batch_id),) = made.node.store.batch_ids(0)
    assert root == first[0][0]
    assert root_of(stage, batch_id) == root
    assert commits(stage) == [root]


def test_batch_that_came_back_with_another_number_is_noted_not_sent(stage, host, picture):
    """Somebody else's batch got in front of ours."""
    made, other = host(commit_every_seconds=3_600, commit_at=1), host()
    ask(stage, made, picture, 1)
    mark = stage.local.rpc("evm_snapshot")
    made.node.tick()
    ((root, first),) = made.node.store.batch_ids(0)
    stage.local.rpc("evm_revert", mark)
    ask(stage, other, picture, 2)
    other.node.commit()
    where = f"{made.url}/opg/v1/batch/0x{root.hex()}"
    Sender(stage.chain, made.key).send("Inference", "commit", made.address, root, 1, where)
    made.node.tick()
    ((_, second),) = made.node.store.batch_ids(0)
    assert (second, root_of(stage, second)) == (first + 1, root)
    assert commits(stage).count(root) == 1


def test_on_chain_answer_that_was_taken_away_is_given_again(stage, host, user, version, picture):
    made = host()
    deadline = stage.chain.now() + 600
    request_id, _ = actions.request(user, version.id, made.address, picture(), OPG, deadline)
    stage.local.rpc("anvil_mine", 6)
    made.node.tick()
    made.node.tick()
    assert state(stage, request_id) > 2
    reorg(stage, 1)
    assert state(stage, request_id) == 1
    for _ in range(3):
        stage.local.advance(7)
        made.node.tick()
    assert state(stage, request_id) > 2
    kept = made.node.store.answer_to(request_id)
    assert int.from_bytes(kept.digest, "big") == state(stage, request_id)
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    made.node.tick()
    assert state(stage, request_id) == 0


def test_request_that_went_and_came_back_is_answered(stage, host, user, version, picture):
    """Its transaction is put into a later block than the one that the node saw it in."""
    made = host()
    deadline = stage.chain.now() + 600
    stage.local.rpc("anvil_mine", 6)
    actions.approve(user, "Inference", OPG)
    mark, second = stage.local.rpc("evm_snapshot"), stage.chain.now() + 120  # the id of a request binds its second
    stage.local.rpc("evm_setNextBlockTimestamp", second)
    request_id, terms = actions.request(user, version.id, made.address, picture(), OPG, deadline)
    list(made.node.duties.reader.read())
    made.node.store.keep_request(request_id, terms, picture())
    stage.local.rpc("evm_revert", mark)
    made.node.tick()
    made.node.tick()
    assert made.node.store.requests("closed")[0][0] == request_id
    stage.local.rpc("anvil_mine", 3)
    stage.local.rpc("evm_setNextBlockTimestamp", second)
    assert actions.request(user, version.id, made.address, picture(), OPG, deadline)[0] == request_id
    made.node.tick()
    assert state(stage, request_id) > 2


def test_dispute_that_appears_in_blocks_that_were_read_already_is_answered(stage, host, picture):
    made = host()
    signed = SignedAnswer.from_json(ask(stage, made, picture, 1))
    challenger = stage.person(opg=100)
    stage.local.advance(1)
    mark = stage.local.rpc("evm_snapshot")
    stage.local.rpc("anvil_mine", 5)
    made.node.tick()
    stage.local.rpc("evm_revert", mark)
    challenge = accuse(stage, signed, challenger)
    stage.local.rpc("anvil_mine", 10)
    made.node.tick()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.BLAME


def root_of(stage, batch_id):
    _, at, _, root = stage.chain.read("Inference", "batch", batch_id)
    if not at:
        raise ValueError(f"no batch {batch_id}")
    return bytes(root)


def commits(stage):
    """Roots of all batches on chain, in order."""
    from opg.chain.events import EventReader

    return [bytes(event.args["root"]) for event in EventReader(stage.chain, [("Inference", "Committed")]).read()]


# ---------------------------------------------------------------------- committing once


def test_two_processes_commit_once(stage, host, picture):
    made = host()
    for number in range(3):
        ask(stage, made, picture, number)
    other = Store(made.node.store.path)
    with made.node.store.exclusive("commit"), pytest.raises(AlreadyRunning):
        commit_batch(other, made.node.sender, made.address, made.url)
    assert made.node.commit() is not None
    assert commit_batch(other, made.node.sender, made.address, made.url) is None
    assert len(commits(stage)) == 1
    other.close()


def test_batch_whose_transaction_is_under_way_is_not_sent_again(stage, host, picture):
    """The node died between sending and hearing of it; meanwhile no block came."""
    made = host()
    ask(stage, made, picture, 1)
    stage.local.rpc("evm_setAutomine", False)
    try:
        with pytest.raises(KeyboardInterrupt):
            commit_batch(made.node.store, Dies(stage.chain, made.key), made.address, made.url)
        node = again(made, stage)
        assert node.commit() is None
        stage.local.rpc("evm_mine")
        assert node.commit() is not None
        assert len(commits(stage)) == 1
    finally:
        stage.local.rpc("evm_setAutomine", True)


class Dies(Sender):
    """Is killed when its transaction is sent."""

    def _wait(self, *_):
        raise KeyboardInterrupt


# ---------------------------------------------------------------------- the chain is away


def test_most_of_an_hour_without_the_chain_costs_nothing(stage, host, user, version, picture, wire):
    made = host(chain=Chain(f"http://127.0.0.1:{wire.port}", stage.chain.deployment), commit_every_seconds=60,
                max_skew_seconds=0)  # fmt: skip
    ask(stage, made, picture, 1)
    made.node.tick()
    wire.cut = True
    actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 3_500)
    with pytest.raises(ChainUnreachable):
        made.node.tick()
    assert "chain" in made.node.duties.alarms
    assert ask(stage, made, picture, 2)
    stop = threading.Event()
    worker = threading.Thread(target=made.node.run, args=(stop,))
    worker.start()
    try:
        wait_until(lambda: "chain" in made.node.duties.alarms)
        stage.local.advance(3_000)
        assert ask(stage, made, picture, 3)
        wire.cut = False
        wait_until(lambda: "chain" not in made.node.duties.alarms and not made.node.store.requests("open"))
        wait_until(lambda: made.node.store.uncommitted_count() == 0)
    finally:
        stop.set()
        worker.join()
    ids = made.node.store.batch_ids(0)
    assert sum(made.node.store.batch_head(root)[2] for root, _ in ids) == 3
    assert sorted(commits(stage)) == sorted(root for root, _ in ids)


def test_worker_thread_survives_what_nobody_foresaw(stage, host, monkeypatch):
    made = host(poll_seconds=0.01)
    rounds = []

    def fails():
        rounds.append(1)
        raise RuntimeError("odd")

    monkeypatch.setattr(made.node, "tick", fails)
    stop = threading.Event()
    worker = threading.Thread(target=made.node.run, args=(stop,))
    worker.start()
    wait_until(lambda: len(rounds) > 3)
    stop.set()
    worker.join()
    assert b"opg_failures_total" in made.node.metrics.text()
    assert made.node.duties.alarms == {"chain": "RuntimeError: odd"}


# ---------------------------------------------------------------------- the disk is full


def test_full_disk_refuses_and_the_node_goes_on(stage, host, picture):
    made = host()
    http = TestClient(create_app(made.node), raise_server_exceptions=False)
    db = made.node.store._db
    assert http.post("/opg/v1/infer", json=body(stage.chain, made, picture(1))).status_code == 200
    pages = db.execute("pragma page_count").fetchone()[0]
    db.execute(f"pragma max_page_count = {pages + 1}")
    statuses = [
        http.post("/opg/v1/infer", json=body(stage.chain, made, picture(n), nonce=n)).status_code for n in range(2, 30)
    ]
    assert 507 in statuses
    made.node.tick()
    assert "is full" in made.node.duties.alarms["disk"]
    assert set(statuses) <= {200, 507}
    assert made.node.store.answer_count() == 1 + statuses.count(200)
    db.execute(f"pragma max_page_count = {2**30}")
    assert http.post("/opg/v1/infer", json=body(stage.chain, made, picture(2), nonce=99)).status_code == 200
    made.node.tick()
    assert made.node.duties.alarms == {}


def test_log_that_is_damaged_is_told_and_signs_nothing(stage, host, picture):
    """By the disk, while the node runs."""
    made = host()
    http = TestClient(create_app(made.node), raise_server_exceptions=False)
    assert http.post("/opg/v1/infer", json=body(stage.chain, made, picture(1))).status_code == 200
    path = made.node.store.path
    made.node.store._db.execute("pragma wal_checkpoint(truncate)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    for db in (made.node.store._db, made.node.store._reading):
        db.execute("pragma shrink_memory")  # or it is not looked at again
    refused = http.post("/opg/v1/infer", json=body(stage.chain, made, picture(2), nonce=2))
    assert (refused.status_code, refused.json()["kind"]) == (507, "StoreFull"), refused.text
    stop = threading.Event()
    made.node.policy = replace(made.node.policy, poll_seconds=0.01)
    threading.Timer(0, lambda: (wait_until(lambda: "disk" in made.node.duties.alarms), stop.set())).start()
    made.node.run(stop)


@pytest.mark.parametrize("content", [b"hello" * 1_000, b"SQLite format 3\0" + b"\7" * 5_000])
def test_log_that_is_none_is_told(tmp_path, content):
    path = tmp_path / "node.sqlite"
    path.write_bytes(content)
    with pytest.raises(FileUnusable, match=r"not a database|malformed") as told:
        Store(path)
    assert ".recover" in told.value.advice
    assert path.read_bytes() == content


def test_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileUnusable, match="Not a directory") as told:
        Store(tmp_path / "file" / "folder" / "node.sqlite")
    assert "--data" in told.value.advice


def test_answers_written_together_fail_together_and_leave_nothing(stage, host, picture):
    made = host()
    store, db = made.node.store, made.node.store._db
    db.execute(f"pragma max_page_count = {db.execute('pragma page_count').fetchone()[0]}")
    with pytest.raises(StoreFull):
        for number in range(30):
            made.node.infer(body(stage.chain, made, picture(number), nonce=number))
    assert not db.in_transaction
    assert store.answer_count() == len(store.waiting(1_000, 10**9))


# ---------------------------------------------------------------------- disputes


def accuse(stage, signed, challenger):
    mistaken = load_version(stage.chain, stage.version_id, DIGITS, LyingExecutor(2, 5))
    challenge = Challenge(challenger, mistaken, Case(signed.digest, signed.answer, signed.inputs, signed.evidence))
    challenge.step()
    return challenge


def test_node_restarted_before_every_move_wins(stage, host, picture):
    """Also for an answer that was signed long ago, at the end of its window."""
    made = host(max_skew_seconds=0)
    signed = SignedAnswer.from_json(ask(stage, made, picture, 1))
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") - 60)
    challenge = accuse(stage, signed, stage.person(opg=100))
    phases = []
    for _ in range(20):
        again(made, stage).tick()
        phases.append(read_game(stage.chain, challenge.game_id).phase)
        assert not phases[-1].waits_for_operator
        with suppress(Exception):
            challenge.step()
        if phases[-1] == Phase.PROVE:
            break
    assert phases[-1] == Phase.PROVE
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 1)
    again(made, stage).tick()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.OPERATOR_WON
    assert stage.chain.read("Disputes", "creditOf", made.address) == stage.chain.read("Disputes", "bond")


def test_clock_that_runs_low_is_an_alarm_until_the_move_is_made(stage, host, picture, monkeypatch, capsys):
    made = host(alarm_seconds=10**6)
    signed = SignedAnswer.from_json(ask(stage, made, picture, 1))
    stage.local.advance(1)
    challenge = accuse(stage, signed, stage.person(opg=100))
    with monkeypatch.context() as hindered:
        hindered.setattr(made.node.duties.defence, "_mind", lambda *_: None)
        made.node.tick()
    game = challenge.game_id.hex()
    assert game in made.node.duties.alarms["clock"]
    assert f'opg_game_seconds_left{{game="0x{game}"}}' in made.node.metrics.text().decode()
    assert "ALARM  reason=clock" in capsys.readouterr().err
    assert 'opg_alarm{reason="clock"} 1.0' in made.node.metrics.text().decode()
    made.node.tick()
    made.node.tick()
    assert "clock" not in made.node.duties.alarms
    assert 'opg_alarm{reason="clock"} 0.0' in made.node.metrics.text().decode()


def test_answer_whose_data_is_gone_is_an_alarm(stage, host, picture):
    made = host()
    signed = SignedAnswer.from_json(ask(stage, made, picture, 1))
    stage.local.advance(1)
    accuse(stage, signed, stage.person(opg=100))
    fresh = Store(made.node.store.path.with_name("fresh.sqlite"))
    node = Node(stage.chain, made.node.sender, made.address, made.node.versions, fresh, made.node.policy)
    node.tick()
    assert "is not here" in node.duties.alarms["cannot_defend"]
    fresh.close()


def test_key_that_could_not_pay_for_a_defence_is_an_alarm_until_it_can(stage, host, monkeypatch):
    made = host()
    monkeypatch.setattr("opg.node.duties.PURSE_SECONDS", 0)
    key = made.node.sender.address
    stage.local.rpc("anvil_setBalance", key, hex(10**12))
    made.node.tick()
    assert f"{key} has 0.000001 ETH, a defence takes up to 0.0" in made.node.duties.alarms["ether"]
    stage.local.rpc("anvil_setBalance", key, hex(10**18))
    made.node.tick()
    assert "ether" not in made.node.duties.alarms


# ---------------------------------------------------------------------- what is already there


def test_second_node_on_the_same_data_is_refused(host):
    store = host().node.store
    with (
        store.exclusive("node"),
        pytest.raises(AlreadyRunning, match="another process"),
        Store(store.path).exclusive("node"),
    ):
        pass


def test_data_is_for_the_operator_alone(tmp_path):
    """Inputs of users, and vouchers. Files of an older program are closed up."""
    path = tmp_path / "node.sqlite"
    path.touch(0o644)
    store = Store(path)
    store.set_cursor("events", 1)
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    store.close()
    assert modes == dict.fromkeys(("node.sqlite", "node.sqlite-wal", "node.sqlite-shm"), 0o600)


def test_data_of_the_format_before_is_brought_up_to_date(tmp_path):
    path = tmp_path / "node.sqlite"
    old = SCHEMA.replace("not null default 1,\n    ended integer", "not null default 1\n").replace("= 3", "= 2")
    old = "\n".join(line for line in old.splitlines() if "ended" not in line and "undo that" not in line)
    db = sqlite3.connect(path)
    db.executescript(old)
    db.execute("insert into games (id, answer) values (x'01', ?)", (json.dumps(GAME.json()),))
    db.commit()
    db.close()
    for _ in range(2):
        store = Store(path)
        assert store.games() == [(b"\1", GAME)]
        store.game_over(b"\1", 5)
        assert store.games_ended() == [(b"\1", 5)]
        store.game_on(b"\1")
        store.close()


def test_data_of_another_format_is_refused(tmp_path):

    from opg.errors import OPGError

    with closing(sqlite3.connect(tmp_path / "node.sqlite")) as db:
        db.execute("create table answers (x)")
    with pytest.raises(OPGError, match="format 0"):
        Store(tmp_path / "node.sqlite")


def test_url_of_the_ethereum_node_is_not_told(stage, host, wire, picture):
    """It often holds a key; whoever asks a node, or reads its log, has no right to that."""
    made = host(chain=Chain(f"http://127.0.0.1:{wire.port}", stage.deployment), max_blind_seconds=0)
    made.node.chain.url = f"http://127.0.0.1:{wire.port}/v3/SECRET-KEY"
    request = body(stage.chain, made, picture())
    wire.cut = True
    stop = threading.Event()
    stop.wait = lambda _: stop.set()
    made.node.run(stop)
    http = TestClient(create_app(made.node))
    replies = [http.get("/v2/health/ready"), http.post("/opg/v1/infer", json=request), http.get("/opg/v1/status")]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    for reply in replies:
        assert f"127.0.0.1:{wire.port} (" in reply.text
        assert "SECRET" not in reply.text


def test_end_of_a_dispute_that_is_taken_away_is_seen_after_a_restart(stage, host, picture):
    """The game goes on then, and waits for the operator."""
    made = host(max_skew_seconds=0)
    challenge = accused(stage, made, picture)
    made.node.tick()
    mark = stage.local.rpc("evm_snapshot")
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 3_600)
    for _ in range(2):
        made.node.tick()
    assert made.node.store.games() == []
    stage.local.rpc("evm_revert", mark)
    challenge.step()
    assert read_game(stage.chain, challenge.game_id).phase.waits_for_operator
    again(made, stage).tick()
    assert not read_game(stage.chain, challenge.game_id).phase.waits_for_operator


def test_end_of_a_dispute_that_lies_deep_is_looked_at_no_more(stage, host, picture):
    made = host(max_skew_seconds=0)
    accused(stage, made, picture)
    made.node.tick()
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 3_600)
    for _ in range(2):
        made.node.tick()
    assert len(made.node.store.games_ended()) == 1
    stage.local.rpc("anvil_mine", hex(REORG_BLOCKS + 1))
    made.node.tick()
    assert made.node.store.games_ended() == made.node.store.games() == []


# ---------------------------------------------------------------------- one thing that fails


def test_content_identifier_that_is_no_text_stops_no_node(stage, host, picture):
    """Anybody with the least stake can write one on chain; who could not read on would lose every dispute by silence."""
    made, evil = host(), host()
    challenge = accused(stage, made, picture)
    commit_no_text(stage, evil)
    head = stage.chain.head()
    made.node.tick()
    assert not read_game(stage.chain, challenge.game_id).phase.waits_for_operator
    assert made.node.store.cursor("events") == head + 1


STAGES = ["see_chain", "_read_events", "_fulfil_all", "_finalise_all", "_commit_when_due", "_redeem_when_due"]


@pytest.mark.parametrize("stage_name", STAGES)
def test_stage_of_a_round_that_fails_stops_no_other(host, monkeypatch, stage_name):
    made = host()
    done = []
    for name in (*STAGES, "_defend"):
        owner = made.node if name == "see_chain" else made.node.duties

        def deed(name=name):
            done.append(name)
            if name == stage_name:
                raise ZeroDivisionError(name)

        monkeypatch.setattr(owner, name, deed)
    with pytest.raises(ZeroDivisionError, match=stage_name):
        made.node.tick()
    assert done == ["_defend", *STAGES]


def test_defence_that_fails_stops_nothing_else(stage, host, user, version, picture, monkeypatch):
    made = host()
    request_id, _ = actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 600)
    monkeypatch.setattr(made.node.duties.defence, "tick", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        made.node.tick()
    assert state(stage, request_id) > 2


def test_one_game_that_fails_stops_no_other(stage, host, picture, monkeypatch):
    made = host()
    games = [accused(stage, made, picture, number).game_id for number in range(3)]
    move = made.node.duties.defence._move

    def fails_once(game_id, answer):
        if game_id == games[1]:
            raise MemoryError("no room for a trace")
        move(game_id, answer)

    monkeypatch.setattr(made.node.duties.defence, "_move", fails_once)
    with pytest.raises(MemoryError):
        made.node.tick()
    assert [read_game(stage.chain, game).phase.waits_for_operator for game in games] == [False, True, False]


def test_event_that_breaks_the_reader_hides_no_other(stage, host, picture, monkeypatch):
    made, other = host(commit_every_seconds=3_600, commit_at=1), host(commit_every_seconds=3_600, commit_at=1)
    ask(stage, other, picture, 1)
    other.node.tick()
    challenge = accused(stage, made, picture)
    head, see = stage.chain.head(), made.node.duties._see

    def breaks(event):
        if event.name == "Committed":
            raise OverflowError("a number that no database holds")
        see(event)

    monkeypatch.setattr(made.node.duties, "_see", breaks)
    with pytest.raises(OverflowError):
        made.node.tick()
    assert not read_game(stage.chain, challenge.game_id).phase.waits_for_operator
    assert made.node.store.cursor("events") == head + 1


def accused(stage, made, picture, number=1):
    """A game against an honest answer of a host, which has to move now."""
    signed = SignedAnswer.from_json(ask(stage, made, picture, number))
    stage.local.advance(1)
    return accuse(stage, signed, stage.person(opg=100))


# ---------------------------------------------------------------------- a clock that is ahead

AHEAD_SECONDS = 40 * 86_400


@pytest.fixture
def ahead():
    """This machine's clock, set a month ahead; call it to set the clock right."""
    real = time.time
    patch = pytest.MonkeyPatch()
    patch.setattr(time, "time", lambda: real() + AHEAD_SECONDS)
    yield patch.undo
    patch.undo()


def test_clock_that_is_ahead_does_not_end_a_dispute(stage, host, picture, request):
    made = host()
    challenge = accused(stage, made, picture)
    request.getfixturevalue("ahead")
    made.node.tick()
    assert not read_game(stage.chain, challenge.game_id).phase.waits_for_operator


def test_dispute_whose_time_is_over_on_the_chain_is_left_alone(stage, host, picture):
    made = host()
    challenge = accused(stage, made, picture)
    made.node.tick()
    challenge.step()
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 3_600)
    made.node.tick()
    assert read_game(stage.chain, challenge.game_id).phase.waits_for_operator


def test_clock_that_is_ahead_gives_up_no_on_chain_request(stage, host, user, version, picture, request):
    made = host()
    request_id, _ = actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 600)
    request.getfixturevalue("ahead")
    made.node.tick()
    assert state(stage, request_id) > 2


def test_clock_that_is_ahead_gives_up_no_voucher(stage, host, user, version, picture, request):
    made = host(price=PRICE)
    channel(user, made)
    voucher = make_voucher(stage.chain, user.account, made.address, version.model_id, PRICE)
    made.node.infer({**body(stage.chain, made, picture()), "voucher": voucher.json()})
    request.getfixturevalue("ahead")
    made.node.tick()
    assert made.node.store.unredeemed() == 0


def test_clock_that_was_set_back_stops_no_batches(stage, host, picture, request):
    set_right = request.getfixturevalue("ahead")
    made = host(commit_every_seconds=3_600, max_skew_seconds=0)
    set_right()
    ask(stage, made, picture, 1)
    made.node.tick()
    assert made.node.store.uncommitted_count() == 0


def test_log_stays_whole_when_others_look_into_it_and_go(tmp_path):
    """SQLite tells by its locks on the file whether somebody is still there; the last one to leave takes the log of writes away."""
    path = tmp_path / "node.sqlite"
    look = f"""
from pathlib import Path
from opg.node import Store
store = Store(Path({str(path)!r}))
print(store.answer_count())
store.close()
"""

    def seen_by_another() -> int:
        return int(subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout)

    store = Store(path)
    for number in range(3):
        store.keep(answer())
        assert seen_by_another() == number + 1
    store.close()


def test_a_defence_is_dear_while_gas_is(stage, host, monkeypatch):
    """A transaction offers twice the base fee, and has to be covered by what the key holds."""
    made, before = host(), stage.chain.block("latest")["baseFeePerGas"]
    monkeypatch.setattr("opg.node.duties.PURSE_SECONDS", 0)
    stage.local.rpc("anvil_setBalance", made.node.sender.address, hex(4 * 10**17))
    stage.local.rpc("anvil_setNextBlockBaseFeePerGas", hex(100 * 10**9))
    stage.local.rpc("anvil_mine", "0x1")
    made.node.tick()
    stage.local.rpc("anvil_setNextBlockBaseFeePerGas", hex(before))
    stage.local.rpc("anvil_mine", "0x1")
    assert "0.400000 ETH, a defence takes up to 0.6" in made.node.duties.alarms["ether"]


def test_node_that_is_interrupted_before_it_serves_ends(host, monkeypatch):
    """Its duties would go on for ever, on a log that is closed."""

    def interrupt():
        raise KeyboardInterrupt

    made = host()
    monkeypatch.setattr("gc.freeze", interrupt)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        serve(made.node, "127.0.0.1", 0)
    assert not [each for each in set(threading.enumerate()) - before if each.name in ("worker", "tidy")]
