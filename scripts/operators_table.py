"""Which of ONNX's own operator tests the compiler takes: all backend node tests of the installed `onnx` wheel, compiled, executed and
compared with the expected outputs. Writes docs/onnx-operators.md.

    python -m scripts.operators_table
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from opg.tensor import Compiled, CompileError, compile_onnx, execute

PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx-operators.md"
RUN, BOUND, FOLDED, REFUSED, FAILED = "run", "bound", "folded", "refused", "failed"


@dataclass(frozen=True)
class Verdict:
    """What became of one case: `how` is one of the five words, `why` the compiler's reason or the first difference."""

    name: str
    operator: str
    how: str
    why: str = ""


def cases() -> list:
    """All node tests, in the order of their names."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return sorted(load_model_tests(kind="node"), key=lambda c: c.name)


def operator_of(case: object) -> str:
    """The operator that a case is about; cases whose operator is written out by its definition say so."""
    name = case.name.removeprefix("test_")
    nodes = case.model.graph.node
    real = [n for n in nodes if n.op_type not in ("Constant", "Identity")] or list(nodes)
    return f"{name.split('_expanded')[0]} (expanded)" if "_expanded" in name else real[0].op_type


def bind(model: onnx.ModelProto, arrays: Sequence[np.ndarray], chosen: Iterable[int]) -> onnx.ModelProto:
    """The model with some of its inputs as constants; with an input that nothing reads where none are left."""
    chosen, bound = set(chosen), onnx.ModelProto()
    bound.CopyFrom(model)
    infos = list(bound.graph.input)
    del bound.graph.input[:]
    for number, info in enumerate(infos):
        if number in chosen:
            bound.graph.initializer.append(numpy_helper.from_array(np.asarray(arrays[number]), info.name))
        else:
            bound.graph.input.append(info)
    if not bound.graph.input:
        bound.graph.input.append(helper.make_tensor_value_info("unread", onnx.TensorProto.FLOAT, [1]))
    return bound


def attempts(arrays: Sequence[np.ndarray]) -> list[tuple[str, list[int]]]:
    """Which inputs to bind, from none to all: shapes, axes and the like have to be constants."""
    if not all(isinstance(a, np.ndarray | np.generic) for a in arrays):
        return [(RUN, [])]  # sequences and optionals
    after = range(1, len(arrays))
    whole = [i for i in after if arrays[i].dtype.kind in "iub"]
    tried = [(RUN, []), (BOUND, whole), (BOUND, list(after)), (FOLDED, list(range(len(arrays))))]
    return [t for i, t in enumerate(tried) if i == 0 or t[1] != tried[i - 1][1]]


def run(compiled: Compiled, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    words = [spec.to_words(array) for spec, array in zip(compiled.inputs, arrays, strict=True)]
    return [s.from_words(w) for s, w in zip(compiled.outputs, execute(compiled.program, words), strict=True)]


def difference(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> str:
    """What differs, or nothing. Integers and truth values have to be equal."""
    want = np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        return "" if np.array_equal(got, want) else f"{int((got != want).sum())} of {want.size} numbers differ"
    if np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True):
        return ""
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(got - want)):.3g}"


def judge(case: object, operator: str) -> Verdict:
    """Compiles, executes and compares one case."""
    data = case.data_sets
    first: str | None = None
    for how, chosen in attempts(data[0][0]):
        try:
            unbound = [i for i in range(len(data[0][0])) if i not in chosen]
            for given, wanted in data:
                compiled = compile_onnx(bind(case.model, given, chosen).SerializeToString())
                arrays = [np.asarray(given[i]) for i in unbound] or [np.zeros(1, np.float32)]
                for got, want in zip(run(compiled, arrays), wanted, strict=True):
                    if wrong := difference(got, want, case.rtol, case.atol):
                        return Verdict(case.name, operator, FAILED, wrong)
            return Verdict(case.name, operator, how)
        except CompileError as error:
            if "is malformed" in str(error):
                return Verdict(case.name, operator, FAILED, str(error))
            first = first or str(error)
        except (AttributeError, TypeError, ValueError) as error:
            return Verdict(
                case.name, operator, REFUSED if first else FAILED, first or f"{type(error).__name__}: {error}"
            )
    return Verdict(case.name, operator, REFUSED, first)


def judge_all(keep: Callable[[int], bool] = lambda number: True) -> list[Verdict]:
    with np.errstate(all="ignore"):
        return [judge(case, operator_of(case)) for number, case in enumerate(cases()) if keep(number)]


if __name__ == "__main__":
    verdicts = judge_all()
    print(Counter(v.how for v in verdicts))
    for v in verdicts:
        if v.how == FAILED:
            print("FAILED", v.name, v.why)
    reasons = Counter(v.why for v in verdicts if v.how == REFUSED)
    for why, count in reasons.most_common(400):
        print(count, why)
