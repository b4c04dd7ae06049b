"""The same verdicts wherever answers are executed again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opg.answers import SignedAnswer
from opg.errors import OPGError
from opg.versions import bundle
from opg.watchtower import Cluster, Inline, Processes, Subject, Verdict, Watchtower
from scripts.liar import SometimesLying
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body


@pytest.fixture
def subjects(version, picture):
    """Right, wrong, with another input, and with inputs that are none."""
    inputs = picture()
    right = bundle(version.execute(inputs))
    return [
        Subject(bundle(inputs), right, inputs),
        Subject(bundle(inputs), bundle((bytes(40),)), inputs),
        Subject(bundle(inputs), right, picture(1)),
        Subject(bundle((bytes(4),)), right, (bytes(4),)),
        Subject(b"x" * 32, right, (b"abc",)),
    ]


VERDICTS = [Verdict.RIGHT, Verdict.WRONG] + [Verdict.NOT_ITS_INPUTS] * 3


@pytest.fixture(params=["inline", "processes", "cluster"])
def engine(request):
    if request.param == "cluster":
        from distributed import LocalCluster

        with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
            made = Cluster(cluster.scheduler_address)
            yield made
            made.close()
        return
    made = {"inline": Inline, "processes": lambda: Processes(2)}[request.param]()
    yield made
    made.close()


def test_every_engine_says_the_same(engine, version, subjects):
    portions = [engine.submit(version, subjects[first : first + 2]) for first in (0, 2, 4)]
    assert [verdict for portion in portions for verdict in portion.result()] == VERDICTS


def test_lies_are_found_by_processes_also_after_one_was_killed(stage, host, picture, tmp_path):
    """What the dead one had is judged when the batch is read again."""
    engine, made = Processes(2), host(executor=SometimesLying(0.4, 1))
    tower = Watchtower(stage.chain, stage.person(), [DIGITS], tmp_path / "tower.sqlite", engine=engine)
    right = 0
    with made.serving():
        for round_ in range(2):
            for n in range(10):
                signed = SignedAnswer.from_json(
                    made.node.infer(body(stage.chain, made, picture(n), nonce=10 * round_ + n))
                )
                right += tower.version(1).execute(signed.inputs) == signed.outputs
            made.node.commit()
            tower.audit()
            if round_ == 0:
                os.kill(next(iter(engine._pool._processes)), signal.SIGKILL)
        for _ in range(3):
            tower.fetcher.later.clear()
            tower.audit()
    report = tower.report()
    assert (report["audited"], report["right"], report["wrong"]) == (20, right, 20 - right)
    assert 0 < right < 20
    tower.close()


PROGRAM = """
import sys, time
from opg.watchtower import Processes
from scripts.bench_watch import DIGITS, batch_of, read, version_of
if __name__ == "__main__":
    version, engine = version_of(DIGITS), Processes(1)
    assert engine.submit(version, read(batch_of(version, DIGITS, 1))).result() == [0]
    print(*engine._pool._processes, flush=True)
    time.sleep(600)
"""


def test_processes_end_with_a_watchtower_that_was_killed(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    tower = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], env=environment, stdout=subprocess.PIPE, text=True
    )
    worker = int(tower.stdout.readline())
    tower.kill()
    tower.wait()
    until = time.monotonic() + 120
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_cluster_without_dask_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OPGError, match="dask is not installed"):
        Cluster("tcp://127.0.0.1:1")


def test_cluster_that_is_not_there_says_so():
    with pytest.raises(OPGError, match="no dask scheduler"):
        Cluster("tcp://127.0.0.1:1")


def test_engine_that_breaks_down_loses_nothing(stage, host, picture, tmp_path, capsys):
    class Broken(Inline):
        def submit(self, version, subjects):
            raise RuntimeError("out of order")

    made = host()
    made.node.infer(body(stage.chain, made, picture()))
    made.node.commit()
    tower = Watchtower(stage.chain, stage.person(), [DIGITS], Path(tmp_path) / "tower.sqlite", engine=Broken())
    with made.serving():
        tower.audit()
        assert "out of order" in capsys.readouterr().err
        tower.engine = Inline()
        tower.fetcher.later.clear()
        tower.audit()
    assert tower.report()["audited"] == 1


def test_a_version_that_all_workers_took_along_is_sent_again(version, subjects):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=None) as workers:
        engine = Cluster(workers.scheduler_address)
        assert engine.submit(version, subjects).result() == VERDICTS
        workers.scale(0)
        until = time.monotonic() + 120
        while engine._versions[version.id].status == "finished":
            assert time.monotonic() < until
            time.sleep(0.02)
        workers.scale(1)
        engine._client.wait_for_workers(1, timeout=120)
        assert engine.submit(version, subjects).result(timeout=120) == VERDICTS
        engine.close()
