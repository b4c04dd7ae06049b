"""The tensor machine. Knows no chain; docs/tensor-machine.md is its law."""

from opg.tensor.commitment import bundle, bundle_of, pack, tensor_root, unpack
from opg.tensor.compiler import Compiled, Spec, compile_onnx, parse_bindings
from opg.tensor.errors import CompileError, TensorError
from opg.tensor.executor import Trace, execute, trace
from opg.tensor.interpreter import element, interpret
from opg.tensor.kernels.schedule import set_threads
from opg.tensor.openings import RevealedTree, op_proof, openings
from opg.tensor.program import Access, Guard, Kind, Op, Program

__all__ = [
    "Access",
    "CompileError",
    "Compiled",
    "Guard",
    "Kind",
    "Op",
    "Program",
    "RevealedTree",
    "Spec",
    "TensorError",
    "Trace",
    "bundle",
    "bundle_of",
    "compile_onnx",
    "element",
    "execute",
    "interpret",
    "op_proof",
    "openings",
    "pack",
    "parse_bindings",
    "set_threads",
    "tensor_root",
    "trace",
    "unpack",
]
