"""Plans run: on several threads, from several threads, in memory that is used again."""

import platform
import threading

import numpy as np
import pytest
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from opg.tensor import TensorError, execute, interpret
from opg.tensor.executor import run_op
from opg.tensor.functions import Fn
from opg.tensor.kernels import schedule
from opg.tensor.plan import Plan
from opg.tensor.program import NO_VALUE, Access, Kind, Op
from tests.conftest import DEEP
from tests.plain_executor import results
from tests.strategies_tensor import random_op
from tests.unit.executor.same import network


@pytest.fixture
def threads():
    yield schedule.set_threads
    schedule.set_threads(None)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(threads, count):
    program, inputs = network()
    want = results(program, inputs)
    threads(count)
    for _ in range(20):
        got = execute(program, inputs)
        assert all(np.array_equal(g, want[o]) for g, o in zip(got, program.outputs, strict=True))


def test_several_callers_at_once(threads):
    program, inputs = network()
    want = execute(program, inputs)[0]
    threads(2)
    wrong = []

    def call(scale: float) -> None:
        other = (inputs[0].view(np.float32) * np.float32(scale)).view(np.uint32)
        own = execute(program, [other])[0]
        for _ in range(10):
            if not (
                np.array_equal(execute(program, inputs)[0], want) and np.array_equal(execute(program, [other])[0], own)
            ):
                wrong.append(scale)

    callers = [threading.Thread(target=call, args=(s,)) for s in (0.5, 1.5, 2.0)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_inputs_are_not_changed_and_outputs_are_the_callers_own():
    program, inputs = network()
    before = inputs[0].copy()
    first = execute(program, inputs)[0]
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(execute(program, inputs)[0], kept) and np.array_equal(inputs[0], before)


def test_live_buffers_never_overlap():
    rng = np.random.default_rng(3)
    for _ in range(50):
        program, _ = random_op(rng)
        plan = Plan(program)
        live = [b for b in plan.buffers if b.first >= 0]
        for i, a in enumerate(live):
            for b in live[:i]:
                apart = a.last < b.first or b.last < a.first
                assert apart or a.offset + a.words <= b.offset or b.offset + b.words <= a.offset


def test_single_operations_of_any_values():
    rng = np.random.default_rng(4)
    for _ in range(40):
        program, inputs = random_op(rng)
        values = [*inputs, *program.constants]
        for index, want in enumerate(results(program, inputs)):
            assert np.array_equal(run_op(program.op(index), values), want)
            values.append(want)
    nothing = Op(Kind.MAP, Fn.EXP, (3,), (), (Access(NO_VALUE, (0,), 0, 0),))
    assert run_op(nothing, []).tolist() == [0x3F800000] * 3


def test_memory_is_used_again():
    program, _ = network()
    assert Plan(program).words < Plan(program, keep=True).words / 2


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_number_of_threads_that_is_none(monkeypatch, count):
    monkeypatch.setenv("OPG_THREADS", count)
    program, inputs = network()
    with pytest.raises(TensorError, match="OPG_THREADS"):
        execute(program, inputs)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="sets a register of x86")
def test_a_thread_that_flushes_subnormals_is_refused():
    program, inputs = network()
    refused = []

    def call() -> None:
        flush_subnormals()
        with pytest.raises(TensorError, match="flushes subnormal") as error:
            execute(program, inputs)
        refused.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert refused and execute(program, inputs)


@intrinsic
def _set_control(context, word):
    def generate(context, build, signature, args):
        kind = ir.IntType(32)
        place = cgutils.alloca_once_value(build, build.trunc(args[0], kind))
        pointer = build.bitcast(place, ir.IntType(8).as_pointer())
        function = ir.FunctionType(ir.VoidType(), [pointer.type])
        build.call(cgutils.get_or_insert_function(build.module, function, "llvm.x86.sse.ldmxcsr"), [pointer])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@njit
def flush_subnormals():
    """For this thread; until it ends."""
    _set_control(0x1F80 | 0x8040)


def test_random_programs_have_the_interpreters_words():
    rng = np.random.default_rng(5)
    for _ in range(20_000 if DEEP else 60):
        program, inputs = random_op(rng)
        want = interpret(program, inputs)
        assert np.array_equal(execute(program, inputs)[0], want[-1])
        plain = results(program, inputs)
        assert all(np.array_equal(a, b) for a, b in zip(plain, want, strict=True))
