"""Element types, and how the outside of a model looks."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx

from opg.tensor.errors import TensorError

FLOAT, INT, LONG, BOOL, DOUBLE = "float32", "int32", "int64", "bool", "float64"

# What a word can hold. An int64 is kept modulo 2³²: inputs and constants beyond it are refused.
RUNTIME = {
    1: FLOAT, 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: INT, 7: LONG, 9: BOOL, 12: "uint32",
}  # fmt: skip
# Only in constants: such numbers can be made and converted at compile time, never computed with at run time.
CONSTANT = {**RUNTIME, 11: DOUBLE, 13: "uint64"}
SMALL = {"int8": (8, True), "uint8": (8, False), "int16": (16, True), "uint16": (16, False)}
WORDS = tuple(RUNTIME.values())


def type_name(code: int) -> str:
    """The name that ONNX gives an element type: `FLOAT16`."""
    names = {number: name for name, number in onnx.TensorProto.DataType.items()}
    return names.get(code, f"number {code}")


def element_type(code: int, what: str, *, constant: bool = False) -> str:
    """The compiler's name for an ONNX element type. Raises TensorError for one that words cannot hold."""
    found = (CONSTANT if constant else RUNTIME).get(code)
    if found is None:
        raise TensorError(f"{what} has element type {type_name(code)}; words hold {', '.join(WORDS)}")
    return found


def onnx_type(dtype: str) -> int:
    """The number that ONNX gives an element type of the compiler."""
    return next(code for code, name in CONSTANT.items() if name == dtype)


def words_of(array: np.ndarray) -> np.ndarray:
    """A constant's words: float32 bits, or int32. Raises TensorError for numbers beyond 32 bits."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype == np.float32:
        return flat.view(np.uint32).copy()
    if flat.dtype.kind not in "iub":
        raise TensorError(f"a constant of type {flat.dtype} is used at run time; words hold {', '.join(WORDS)}")
    if flat.dtype == np.uint32:
        return flat.copy()
    if flat.size and (int(flat.min()) < -(1 << 31) or int(flat.max()) >= 1 << 31):
        raise TensorError("a constant beyond 32 bits is used at run time")
    return flat.astype(np.int32).view(np.uint32)


def from_words(words: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array that words stand for."""
    flat = np.ascontiguousarray(words, dtype=np.uint32)
    if dtype == FLOAT:
        return flat.view(np.float32).reshape(shape)
    if dtype == "uint32":
        return flat.reshape(shape)
    return flat.view(np.int32).astype(dtype).reshape(shape)


@dataclass(frozen=True)
class Spec:
    """One input or output of a model: how its tensor looks to the outside."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def words(self) -> int:
        return prod(self.shape)

    def to_words(self, array: object) -> np.ndarray:
        """A flat uint32 array from an array of this shape and type. Raises TensorError."""
        given = np.asarray(array)
        if given.size == self.words and given.shape != self.shape and given.ndim == 1:
            given = given.reshape(self.shape)
        if given.shape != self.shape:
            raise TensorError(
                f"input {self.name!r} has shape {list(given.shape)}; the model takes {list(self.shape)} of {self.dtype}"
            )
        if self.dtype == FLOAT:
            if given.dtype.kind not in "fiu":
                raise TensorError(f"input {self.name!r} is {given.dtype}; the model takes float32 numbers")
            return given.astype(np.float32).reshape(-1).view(np.uint32).copy()
        if given.dtype.kind not in "iub":
            raise TensorError(f"input {self.name!r} is {given.dtype}; the model takes {self.dtype} numbers")
        flat = given.reshape(-1)
        if self.dtype == BOOL:
            return (flat != 0).astype(np.uint32)
        low, high = (-(1 << 31), (1 << 31) - 1)
        if self.dtype != LONG:
            low, high = int(np.iinfo(self.dtype).min), int(np.iinfo(self.dtype).max)
        if flat.size and (int(flat.min()) < low or int(flat.max()) > high):
            if self.dtype == LONG:
                raise TensorError(f"input {self.name!r} has numbers beyond 32 bits; the machine's integers are int32")
            raise TensorError(f"input {self.name!r} has numbers beyond {self.dtype}")
        return flat.astype(np.int64).astype(np.uint32)

    def from_words(self, words: np.ndarray) -> np.ndarray:
        """An array of this shape and type from flat uint32 words."""
        flat = np.ascontiguousarray(words, dtype=np.uint32)
        if flat.size != self.words:
            raise TensorError(f"{self.name!r} has {self.words} words, {flat.size} were given")
        return from_words(flat, self.dtype, self.shape)
