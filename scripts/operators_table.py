"""Which of ONNX's own operator tests the compiler takes: all backend node tests of the installed `onnx` wheel, compiled, executed and
compared with the expected outputs. Writes docs/onnx-operators.md.

    python -m scripts.operators_table
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from opg.tensor import Compiled, CompileError, compile_onnx, execute

PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx-operators.md"
RUN, BOUND, FOLDED, REFUSED, FAILED = "run", "bound", "folded", "refused", "failed"
MALFORMED = "is malformed"  # how the front end says that a lowering stumbled


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


def operators_of(every: list) -> dict[str, str]:
    """The operator that each case is about. `…_expanded` cases write an operator out by its definition: they count for it."""
    found = {}
    for case in every:
        real = [n for n in case.model.graph.node if n.op_type not in ("Constant", "Identity")] or case.model.graph.node
        domain = real[0].domain if real[0].domain not in ("", "ai.onnx") else ""
        found[case.name] = f"{domain}.{real[0].op_type}" if domain else real[0].op_type
    return {name: found.get(name.split("_expanded")[0], operator) for name, operator in found.items()}


def plain(tensor: object) -> object:
    """Test data as arrays; some of it is given as TensorProto."""
    return numpy_helper.to_array(tensor) if isinstance(tensor, onnx.TensorProto) else tensor


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
    finite = np.abs(want[np.isfinite(want)])
    noise = atol * max(1.0, float(finite.max())) if finite.size else atol  # expected zeros are rounded sums, too
    if np.allclose(got, want, rtol=rtol, atol=noise, equal_nan=True):
        return ""
    with np.errstate(all="ignore"):
        return f"differs by {np.nanmax(np.abs(got - want)):.3g}"


def judge(case: object, operator: str) -> Verdict:
    """Compiles, executes and compares one case, with as few inputs bound as it takes."""
    data = [([plain(x) for x in given], [plain(y) for y in wanted]) for given, wanted in case.data_sets]
    first = ""
    for how, chosen in attempts(data[0][0]):
        for given, wanted in data:
            try:
                compiled = compile_onnx(bind(case.model, given, chosen).SerializeToString())
            except CompileError as error:
                first = first or str(error)
                break
            arrays = [a for i, a in enumerate(given) if i not in chosen] or [np.zeros(1, np.float32)]
            for got, want in zip(run(compiled, arrays), wanted, strict=True):
                if wrong := difference(got, want, case.rtol, case.atol):
                    return Verdict(case.name, operator, FAILED, wrong)
        else:
            return Verdict(case.name, operator, how)
    return Verdict(case.name, operator, FAILED if MALFORMED in first else REFUSED, first)


def judge_all() -> list[Verdict]:
    """All cases. An exception of any other kind than a refusal counts as a failure."""
    every = cases()
    operators, found = operators_of(every), []
    with np.errstate(all="ignore"):
        for case in every:
            try:
                found.append(judge(case, operators[case.name]))
            except Exception as error:
                found.append(Verdict(case.name, operators[case.name], FAILED, f"{type(error).__name__}: {error}"))
    return found


def reason(why: str) -> str:
    """A refusal without the names of this case."""
    if found := re.search(r"element type (\w+)", why):
        return found[1].lower()
    if "_type; only tensors" in why:
        return "sequences and optionals"
    if "is empty" in why:
        return "tensors without elements"
    why = re.sub(r"^(node|input|output|initializer) '[^']*':? ?(operator [\w.]+)?( \(in its body: \w+\))?:? ?", "", why)
    return re.sub(r"^\(domain .*?\) is not supported$", "the operator is not known", why)


def page(verdicts: list[Verdict]) -> str:
    """The table as Markdown."""
    total = Counter(v.how for v in verdicts)
    lines = [
        "# ONNX operators",
        "",
        "Made by `python -m scripts.operators_table` from all backend node tests of the `onnx` wheel",
        f"({onnx.__version__}); a test holds this page and the compiler together. Each case is compiled, executed by the machine and",
        "compared with the expected outputs: integers and truth values exactly, floats within the tolerance of ONNX's own tests",
        "(relative 10⁻³, absolute 10⁻⁷, of the largest number where that is more than 1).",
        "",
        "| | cases | |",
        "|---|---|---|",
        f"| run | {total[RUN]} | all inputs of the case are inputs of the program |",
        f"| bound | {total[BOUND]} | shapes, axes, scales and the like are constants, the rest are inputs |",
        f"| folded | {total[FOLDED]} | only as constants: computed at compile time, by the machine's arithmetic |",
        f"| refused | {total[REFUSED]} | with the node's name and a reason |",
        f"| failed | {total[FAILED]} | |",
        "",
        "Cases that write an operator out by its definition count for the operator. A word holds float32, int32, bool, 8- and 16-bit",
        "integers, uint32, and int64 modulo 2³²; every other element type is refused where it is an input, an output or computed.",
        "",
        "| operator | run | bound | folded | refused | why refused |",
        "|---|---|---|---|---|---|",
    ]
    for operator in sorted({v.operator for v in verdicts}, key=str.lower):
        mine = [v for v in verdicts if v.operator == operator]
        count = Counter(v.how for v in mine)
        why = Counter(reason(v.why) for v in mine if v.how == REFUSED)
        reasons = "; ".join(
            f"{text} ×{n}" if n > 1 else text for text, n in sorted(why.items(), key=lambda w: (-w[1], w[0]))
        )
        cells = [str(count[how] or "") for how in (RUN, BOUND, FOLDED, REFUSED)]
        lines.append(f"| {operator} | {' | '.join(cells)} | {reasons} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    verdicts = judge_all()
    PAGE.write_text(page(verdicts))
    print(", ".join(f"{n} {how}" for how, n in Counter(v.how for v in verdicts).items()))
    for v in verdicts:
        if v.how == FAILED:
            print(f"FAILED {v.name}: {v.why}")


if __name__ == "__main__":
    main()
