"""ONNX to a program, once and deterministically. What is not known is refused with the node's name.

`frontend` walks the model, `lower` has a module for each family of operators, `ops` and `builder` make operations of them:
everything that is constant is computed at compile time by the machine's own arithmetic.
"""

from opg.tensor.compiler.frontend import Compiled, compile_onnx, parse_bindings
from opg.tensor.compiler.report import Report
from opg.tensor.compiler.types import Spec

__all__ = ["Compiled", "Report", "Spec", "compile_onnx", "parse_bindings"]
