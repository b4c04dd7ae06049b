"""The Open Inference Protocol, version 2 (KServe, Triton): its JSON, and the binary tensor data extension.

A model's name is its name on chain, or its number; a model version is a version's number on chain. What OPG adds rides in `parameters`,
whose values are strings there: see docs/operating.md.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from opg.answers import SignedAnswer
from opg.errors import BadInput, BadRequest
from opg.node.admission import Order
from opg.tensor import Spec, unpack
from opg.versions import LoadedVersion

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
PLATFORM = "opg_tensor_machine"
ASK, ASK_SIGNATURE, VOUCHER = "opg_ask", "opg_ask_signature", "opg_voucher"
MAX_ID_LETTERS = 256


@dataclass(frozen=True)
class Wanted:
    """What the reply has to look like. `binary` by output name."""

    id: str | None
    outputs: list[str]
    binary: dict[str, bool]


def metadata(version: LoadedVersion, name: str, versions: list[int]) -> dict[str, Any]:
    """GET /v2/models/NAME."""
    return {
        "name": name,
        "versions": [str(number) for number in versions],
        "platform": PLATFORM,
        "inputs": [_described(spec) for spec in version.compiled.inputs],
        "outputs": [_described(spec) for spec in version.compiled.outputs],
    }


def _described(spec: Spec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": DATATYPES[spec.dtype], "shape": list(spec.shape)}


def split(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    """The JSON of a request and the binary tensors behind it. Raises `BadRequest`."""
    if header_length is None:
        return body, b""
    if not header_length.isdecimal() or len(header_length) > 12 or int(header_length) > len(body):
        raise BadRequest("Inference-Header-Content-Length is not the length of the JSON", "count its bytes")
    return body[: int(header_length)], body[int(header_length) :]


def parse(version: LoadedVersion, given: dict[str, Any], binary: bytes) -> tuple[Order, Wanted]:
    """An inference request. Raises `BadRequest` and `BadInput`."""
    parameters = _parameters(given)
    inputs = _inputs(version, given.get("inputs"), binary)
    ask, voucher = (_object(parameters, name) for name in (ASK, VOUCHER))
    order = Order(version, inputs, ask, parameters.get(ASK_SIGNATURE), voucher)
    return order, _wanted(version, given, parameters)


def render(signed: SignedAnswer, version: LoadedVersion, name: str, wanted: Wanted) -> tuple[bytes, list[bytes]]:
    """The JSON of a reply and the binary tensors behind it. Raises `BadInput` for numbers that JSON cannot hold."""
    outputs: list[dict[str, Any]] = []
    binary: list[bytes] = []
    by_name = dict(zip((spec.name for spec in version.compiled.outputs), signed.outputs, strict=True))
    specs = {spec.name: spec for spec in version.compiled.outputs}
    for each in wanted.outputs:
        spec = specs[each]
        array = spec.from_words(unpack(by_name[each]))
        entry = _described(spec)
        if wanted.binary[each]:
            raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
            entry["parameters"] = {"binary_data_size": len(raw)}
            binary.append(raw)
        else:
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise BadInput(f"output {each!r} holds NaN or infinity, which JSON cannot say", "ask for binary_data")
            entry["data"] = array.reshape(-1).tolist()
        outputs.append(entry)
    reply = {
        "model_name": name,
        "model_version": str(version.id),
        "parameters": {
            "opg_answer": json.dumps(signed.answer.json()),
            "opg_digest": "0x" + signed.digest.hex(),
            "opg_key": signed.key,
            "opg_signature": "0x" + signed.signature.hex(),
        },
        "outputs": outputs,
    }
    if wanted.id is not None:
        reply["id"] = wanted.id
    return json.dumps(reply).encode(), binary


def _inputs(version: LoadedVersion, given: Any, binary: bytes) -> tuple[bytes, ...]:
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadRequest("`inputs` is not a list of tensors", "see GET /v2/models/NAME for what the model takes")
    specs = {spec.name: spec for spec in version.compiled.inputs}
    arrays: dict[str, np.ndarray] = {}
    at = 0
    for each in given:
        name = each.get("name")
        if not isinstance(name, str) or name not in specs or name in arrays:
            raise BadInput(f"input {str(name)[:80]!r} is not one that is missing", f"the model takes {list(specs)}")
        spec = specs[name]
        takes = f"{name!r} is {DATATYPES[spec.dtype]} of shape {list(spec.shape)}"
        if each.get("datatype") != DATATYPES[spec.dtype]:
            raise BadInput(f"input {name!r} is said to be {str(each.get('datatype'))[:40]}", takes)
        if each.get("shape") != list(spec.shape):
            raise BadInput(f"input {name!r} is said to have shape {str(each.get('shape'))[:80]}", takes)
        parameters = _parameters(each)
        if "binary_data_size" in parameters:
            size = parameters["binary_data_size"]
            arrays[name] = _binary(spec, size, binary[at:], takes)
            at += size
        else:
            arrays[name] = _numbers(spec, each.get("data"), takes)
    if at != len(binary):
        raise BadInput(f"{len(binary) - at} bytes of binary data belong to no input", "see binary_data_size")
    return version.parse_inputs(arrays)


def _binary(spec: Spec, size: Any, rest: bytes, takes: str) -> np.ndarray:
    kind = np.dtype(spec.dtype).newbyteorder("<")
    needed = math.prod(spec.shape) * kind.itemsize
    if isinstance(size, bool) or size != needed or len(rest) < needed:
        raise BadInput(f"input {spec.name!r} has not {needed} bytes of binary data", takes)
    if spec.dtype == "bool":
        return np.frombuffer(rest[:needed], np.uint8).reshape(spec.shape) != 0
    return np.frombuffer(rest[:needed], kind).reshape(spec.shape).astype(spec.dtype)


def _numbers(spec: Spec, data: Any, takes: str) -> np.ndarray:
    if not isinstance(data, list):
        raise BadInput(f"input {spec.name!r} has no data", takes)
    try:
        array = np.array(data)
        if array.ndim == 1 and array.shape != spec.shape:
            array = array.reshape(spec.shape)
    except (ValueError, OverflowError, RecursionError):
        raise BadInput(f"the data of input {spec.name!r} does not fill its shape", takes) from None
    return array


def _wanted(version: LoadedVersion, given: dict[str, Any], parameters: dict[str, Any]) -> Wanted:
    number = given.get("id")
    if number is not None and (not isinstance(number, str) or len(number) > MAX_ID_LETTERS):
        raise BadRequest("`id` is not a short text", "leave it away, or send a text")
    names = [spec.name for spec in version.compiled.outputs]
    always = parameters.get("binary_data_output") is True
    asked = given.get("outputs")
    if not asked:
        return Wanted(number, names, dict.fromkeys(names, always))
    if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
        raise BadRequest("`outputs` is not a list of tensors", f"the model gives {names}")
    binary: dict[str, bool] = {}
    for each in asked:
        name = each.get("name")
        if not isinstance(name, str) or name not in names:
            raise BadInput(f"there is no output {str(name)[:80]!r}", f"the model gives {names}")
        binary[name] = _parameters(each).get("binary_data", always) is True
    return Wanted(number, list(binary), binary)


def _parameters(given: dict[str, Any]) -> dict[str, Any]:
    parameters = given.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise BadRequest("`parameters` is not an object", "send an object, or nothing")
    return parameters


def _object(parameters: dict[str, Any], name: str) -> Any:
    """A parameter that is an object, or an object as a text: the protocol's own values are numbers, texts and truths."""
    value = parameters.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise BadRequest(f"the parameter {name} is not JSON", "send the object as a JSON text") from None
