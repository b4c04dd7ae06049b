"""The ladder of real models, compiled and held to onnxruntime on all test inputs: prints the table of docs/compiling.md.

make models && python -m scripts.measure_models
"""

from __future__ import annotations

import numpy as np

from scripts.gas_table import measured as gas
from tests.models import LADDER, Ladder, run


def row(model: Ladder) -> str:
    """One line of the table. Differences are relative to the largest number of a tensor, and to each number that is at least a hundredth of it."""
    compiled, session = model.compile(), model.session()
    overall, each, same, tried = 0.0, 0.0, True, 0
    for given in model.inputs():
        tried += 1
        for got, want in zip(run(compiled, given), session.run(None, given), strict=True):
            off, top = np.abs(got - want), np.abs(want).max()
            large = np.abs(want) >= top / 100
            overall, each = max(overall, off.max() / top), max(each, (off[large] / np.abs(want)[large]).max())
            same &= np.array_equal(got.argmax(-1), want.argmax(-1))
    report = compiled.report
    measured = f"{gas()[f'Referee.element: worst of {model.name}']:,}"
    nodes, ops = sum(report.operators.values()), len(compiled.program.encoded)
    return (
        f"| {model.name} | {', '.join(f'`{k}={v}`' for k, v in model.bindings.items())} | {nodes} | {ops:,} | {report.constant_words:,} "
        f"| {report.macs / 1e6:,.1f} M | {measured} · {report.worst_gas:,} | {tried} | {'all' if same else 'NOT ALL'} | {overall:.1e} | {each:.1e} |"
    )


if __name__ == "__main__":
    for each_model in LADDER:
        print(row(each_model), flush=True)
