"""A published version together with its model file: checked against each other, then executed.

The only place where the network touches the tensor machine, besides the games (`opg.game`).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from opg.chain.connection import Chain
from opg.errors import BadInput, ModelUnreadable, WrongModel
from opg.tensor import (
    Compiled,
    CompileError,
    Program,
    Spec,
    TensorError,
    Trace,
    compile_onnx,
    execute,
    pack,
    parse_bindings,
    trace,
    unpack,
)
from opg.tensor import bundle as bundle_words

MAX_SHOWN_WORDS = 4_096
OPTIMISTIC = 0


class Executor(Protocol):
    """What runs programs. The honest one is `Honest`; a test or the demo may bring another."""

    def execute(self, program: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs, flat uint32 words each."""

    def trace(self, program: Program, inputs: Sequence[np.ndarray]) -> Trace:
        """The results of all ops; its outputs are those of `execute`."""


class Honest:
    """Runs programs as the machine is defined."""

    def execute(self, program: Program, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return execute(program, inputs)

    def trace(self, program: Program, inputs: Sequence[np.ndarray]) -> Trace:
        return trace(program, inputs)


@dataclass(frozen=True)
class Published:
    """A version as the chain has it."""

    id: int
    model_id: int
    op_count: int
    modes: int
    deprecated: bool
    program_root: bytes
    artifact_hash: bytes
    artifact_cid: str
    bindings: str


class LoadedVersion:
    """A version that can be executed. Tensors are packed big-endian words, one `bytes` each."""

    def __init__(self, published: Published, compiled: Compiled, executor: Executor | None = None) -> None:
        self.published = published
        self.compiled = compiled
        self.executor = executor or Honest()

    @property
    def id(self) -> int:
        return self.published.id

    @property
    def model_id(self) -> int:
        return self.published.model_id

    @property
    def program(self) -> Program:
        return self.compiled.program

    def execute(self, inputs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The outputs."""
        outputs = self.executor.execute(self.program, [unpack(words) for words in inputs])
        return tuple(pack(words) for words in outputs)

    def trace(self, inputs: tuple[bytes, ...]) -> Trace:
        """Everything that the execution computes, for a dispute."""
        return self.executor.trace(self.program, [unpack(words) for words in inputs])

    def parse_inputs(self, given: Any) -> tuple[bytes, ...]:
        """Tensors from JSON: a list in order or an object by name, each nested numbers or `{"words":
        base64}`.

        Raises `BadInput` for wrong counts, names, shapes, types and numbers, and for NaN and infinity.
        """
        return parse_tensors(self.compiled.inputs, given)

    def show_outputs(self, tensors: tuple[bytes, ...]) -> list[dict[str, Any]]:
        """What the words mean: name, dtype, shape and, when they are few and finite, values."""
        return [show_tensor(spec, words) for spec, words in zip(self.compiled.outputs, tensors, strict=True)]


def show_tensor(spec: Spec, words: bytes) -> dict[str, Any]:
    """Name, dtype, shape and, when they are few and finite, the values of packed words."""
    entry: dict[str, Any] = {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}
    values = spec.from_words(unpack(words))
    if values.size <= MAX_SHOWN_WORDS and bool(np.isfinite(values).all()):
        entry["values"] = values.tolist()
    return entry


def read_published(chain: Chain, version_id: int) -> Published:
    """A version from the chain. Raises `TransactionRefused` (`NoSuchVersion`)."""
    v = chain.read("Models", "version", version_id)
    model_id, op_count, modes, deprecated, program_root, _, _, artifact_hash, cid, bindings = v
    roots = bytes(program_root), bytes(artifact_hash)
    return Published(version_id, model_id, op_count, modes, deprecated, *roots, cid, bindings)


def load_version(chain: Chain, version_id: int, path: Path, executor: Executor | None = None) -> LoadedVersion:
    """Compiles a model file and compares it with the version on chain.

    Raises `WrongModel` unless the file's SHA-256 and the program root are those that were published.
    """
    published = read_published(chain, version_id)
    compiled = compile_file(path, published.bindings)
    if compiled.artifact_hash != published.artifact_hash:
        raise WrongModel(
            f"{path} is not the file of version {version_id}: its SHA-256 is {compiled.artifact_hash.hex()},"
            f" published was {published.artifact_hash.hex()}",
            f"fetch the right one: {published.artifact_cid}",
        )
    if compiled.program.root != published.program_root:
        raise WrongModel(
            f"version {version_id} does not come from its file: that compiles to"
            f" 0x{compiled.program.root.hex()}, published was 0x{published.program_root.hex()}",
            "don't use this version; whoever published it used another compiler or another program",
        )
    return LoadedVersion(published, compiled, executor)


def compile_file(path: Path, bindings: str = "") -> Compiled:
    """Compiles an ONNX file. Raises `ModelUnreadable` with the compiler's words: they name the node and the
    operator.
    """
    try:
        return compile_onnx(path, parse_bindings(bindings))
    except CompileError as problem:
        raise ModelUnreadable(f"{path}: {problem}", "change the model or its bindings, then compile again") from None


def bundle(tensors: tuple[bytes, ...]) -> bytes:
    """The commitment to the inputs, or the outputs, of one answer."""
    return bundle_words([unpack(words) for words in tensors])


def parse_tensors(specs: Sequence[Spec], given: Any) -> tuple[bytes, ...]:
    """See `LoadedVersion.parse_inputs`."""
    names = [spec.name for spec in specs]
    if isinstance(given, dict):
        if set(given) != set(names):
            raise BadInput(f"the inputs are {sorted(map(str, given))}", f"the model takes {names}")
        given = [given[name] for name in names]
    if not isinstance(given, list):
        raise BadInput("the inputs are neither a list nor an object", f"the model takes {names}")
    if len(given) != len(specs):
        raise BadInput(f"{len(given)} inputs were given", f"the model takes {len(specs)}: {names}")
    return tuple(_parse_tensor(spec, value) for spec, value in zip(specs, given, strict=True))


def read_tensors(path: Path, version: LoadedVersion | None) -> tuple[bytes, ...]:
    """Input tensors from a file: JSON as in `parse_tensors`, or .npy for a model with one input.

    Without a version nothing is known about shapes: .npy then keeps its type, and numbers in JSON count as
    float32.
    """
    try:
        if path.suffix == ".npy":
            given: Any = [np.load(path, allow_pickle=False)]
        else:
            given = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise BadInput(f"cannot read {path}: {problem}", "name a JSON or .npy file with the inputs") from None
    if version is not None:
        return version.parse_inputs(given)
    tensors = list(given.values()) if isinstance(given, dict) else given
    try:
        arrays = [np.asarray(each) for each in tensors]
        kinds = ["float32" if path.suffix != ".npy" or a.dtype.kind == "f" else "int32" for a in arrays]
        specs = [Spec(f"#{i}", k, a.shape) for i, (a, k) in enumerate(zip(arrays, kinds, strict=True))]
    except (TypeError, ValueError):
        raise BadInput(f"{path} holds no list of tensors", "give a list with one array for each input") from None
    return parse_tensors(specs, arrays)


def _parse_tensor(spec: Spec, value: Any) -> bytes:
    takes = f"{spec.name!r} is {spec.dtype} of shape {list(spec.shape)}"
    if isinstance(value, dict):
        words = _from_base64(spec, value, takes)
    else:
        words = _from_numbers(spec, value, takes)
    if spec.dtype == "float32" and not np.isfinite(words.view(np.float32)).all():
        raise BadInput(f"input {spec.name!r} holds NaN or infinity", "send finite numbers")
    return pack(words)


def _from_base64(spec: Spec, value: dict[str, Any], takes: str) -> np.ndarray:
    try:
        if set(value) != {"words"}:
            raise ValueError
        words = unpack(base64.b64decode(value["words"], validate=True))
    except (TensorError, ValueError, TypeError, binascii.Error):
        raise BadInput(
            f"input {spec.name!r} is no whole number of base64 words",
            'send {"words": base64 of big-endian words}',
        ) from None
    if words.size != math.prod(spec.shape):
        raise BadInput(f"input {spec.name!r} has {words.size} words", f"{takes}: {math.prod(spec.shape)} words")
    return words


def _from_numbers(spec: Spec, value: Any, takes: str) -> np.ndarray:
    try:
        array = np.array(value)
    except (ValueError, OverflowError, RecursionError):
        raise BadInput(f"input {spec.name!r} is no rectangular array of numbers", takes) from None
    if array.shape != spec.shape:
        raise BadInput(f"input {spec.name!r} has shape {list(array.shape)}", takes)
    with np.errstate(over="ignore"):
        try:
            return spec.to_words(array)
        except (TensorError, OverflowError) as problem:
            raise BadInput(str(problem), takes) from None
