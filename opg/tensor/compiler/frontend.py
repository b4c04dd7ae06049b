"""Walks an ONNX model: binds its axes, lowers its nodes, refuses what is not known with the node's name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from opg.tensor.compiler import lower as _lowerings  # noqa: F401  registers all operators
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import LOWER, REFUSED, Context
from opg.tensor.compiler.report import Report, report_of
from opg.tensor.compiler.types import CONSTANT, Spec, element_type, onnx_type, type_name
from opg.tensor.compiler.values import Value, check_size, constant
from opg.tensor.errors import CompileError, TensorError
from opg.tensor.program import Program

DEEPEST = 16  # functions within functions
MAX_DIGITS = 12  # of a bound size; a tensor has 2^28 words at most


@dataclass(frozen=True)
class Compiled:
    """A program with its outside: `artifact_hash` is the SHA-256 of the ONNX file, `bindings` what was bound ("batch=1")."""

    program: Program
    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]
    report: Report
    artifact_hash: bytes
    bindings: str


def parse_bindings(text: str) -> dict[str, int]:
    """`batch=1,sequence=128` as a mapping. Raises CompileError."""
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = part.rpartition("=")
        if not name or not number.isdecimal() or len(number) > MAX_DIGITS or int(number) < 1:
            raise CompileError(f"binding {part!r} is not NAME=NUMBER, for example batch=1")
        found[name.strip()] = int(number)
    return found


def compile_onnx(source: str | Path | bytes, bindings: Mapping[str, int] | None = None) -> Compiled:
    """Compiles an ONNX file.

    Args:
        source: path or bytes.
        bindings: a size for each dynamic axis, by its name in the file or as `input.axis`.

    Raises:
        CompileError: not an ONNX file, an unbound axis, an unknown operator or type; names the node.
    """
    bindings = dict(bindings or {})
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise CompileError(f"cannot read {source}: {error.strerror}") from None
    frontend, digest = _Frontend(_load(data), bindings), hashlib.sha256(data).digest()
    del data
    try:
        program, inputs, outputs = frontend.compile()
    except CompileError:
        raise
    except TensorError as error:
        raise CompileError(str(error)) from None
    operators = Counter(n.op_type for n in frontend.model.graph.node)
    text = ",".join(f"{k}={v}" for k, v in sorted(bindings.items()))
    return Compiled(program, inputs, outputs, report_of(program, operators), digest, text)


def _load(data: bytes) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(data)
        model = onnx.load_from_string(data)
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no details"])[0]
        raise CompileError(f"not a valid ONNX file: {first}") from None
    return model


class _Scope:
    """The values that are known by name; a subgraph sees those around it."""

    def __init__(self, parent: _Scope | None = None):
        self.parent, self.values = parent, {}

    def find(self, name: str) -> Value:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        raise TensorError(f"reads {name!r}, which nothing makes")


class _Frontend:
    def __init__(self, model: onnx.ModelProto, bindings: Mapping[str, int]):
        self.model, self.bindings = model, bindings
        self.build = Ops()
        self.functions = {(f.domain, f.name): f for f in model.functions}

    def compile(self) -> tuple[Program, tuple[Spec, ...], tuple[Spec, ...]]:
        graph = self.model.graph
        opsets = _opsets(self.model.opset_import)
        scope = _Scope()
        self._initialise(graph, scope)
        self._forget_initializers()
        graph = self.model.graph
        inputs = self._inputs(graph, scope)
        self._nodes(graph, opsets, scope, "", 0)
        outputs, specs = [], []
        for info in graph.output:
            try:
                value = self._output(scope.find(info.name))
            except TensorError as error:
                raise CompileError(f"output {info.name!r}: {error}") from None
            outputs.append(value)
            specs.append(Spec(info.name, value.dtype, value.shape))
        program = self.build.finish([s.words for s in inputs], outputs)
        return program, inputs, tuple(specs)

    def _forget_initializers(self) -> None:
        """Their arrays are known; a copy of the model without them lets go of as much memory again."""
        del self.model.graph.initializer[:]
        light = onnx.ModelProto()
        light.CopyFrom(self.model)
        self.model, self.functions = light, {(f.domain, f.name): f for f in light.functions}

    def _output(self, value: Value) -> Value:
        """An output is always a whole result of an op, row-major."""
        if 0 in value.shape:
            raise TensorError(f"is empty: it has shape {list(value.shape)}, and a tensor has at least one word")
        if value.dtype not in ("float32", "int32", "int64", "bool", *_NARROW):
            raise TensorError(f"is {value.dtype}, which words cannot hold")
        whole = value.ref is not None and value.ref[0] == "op" and value.is_dense and value.base == 0
        if whole and self.build.length(value.ref) == value.words:
            return value
        return self.build.publish(value)

    def _initialise(self, graph: onnx.GraphProto, scope: _Scope) -> None:
        if graph.sparse_initializer:
            raise CompileError(f"initializer {graph.sparse_initializer[0].values.name!r} is sparse; make it dense")
        for tensor in graph.initializer:
            try:
                scope.values[tensor.name] = constant(_array(tensor))
            except (TensorError, ValueError, TypeError) as error:
                raise CompileError(f"initializer {tensor.name!r}: {_line(error)}") from None

    def _inputs(self, graph: onnx.GraphProto, scope: _Scope) -> tuple[Spec, ...]:
        specs, used, names = [], set(), set()
        for info in graph.input:
            if info.name in scope.values:
                continue
            specs.append(self._input_spec(info, used, names))
            shape = specs[-1].shape
            ref = ("input", len(specs) - 1)
            scope.values[info.name] = self.build.input(ref, shape, specs[-1].dtype)
        unknown = sorted(set(self.bindings) - used)
        if unknown:
            raise CompileError(f"the model has no dynamic axis {unknown[0]!r}; it has {sorted(names) or 'none'}")
        if not 1 <= len(specs) <= 16 or not 1 <= len(graph.output) <= 16:
            raise CompileError(
                f"the model has {len(specs)} inputs and {len(graph.output)} outputs; a program has 1 to 16 of each"
            )
        return tuple(specs)

    def _input_spec(self, info: onnx.ValueInfoProto, used: set[str], names: set[str]) -> Spec:
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            raise CompileError(f"input {info.name!r} is a {kind or 'thing without a type'}; only tensors are supported")
        tensor = info.type.tensor_type
        try:
            dtype = element_type(tensor.elem_type, f"input {info.name!r}")
        except TensorError as error:
            raise CompileError(str(error)) from None
        if not tensor.HasField("shape"):
            raise CompileError(f"input {info.name!r} has no rank; give it a shape, with names for dynamic axes")
        shape = []
        for axis, dim in enumerate(tensor.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                if dim.dim_value == 0:
                    raise CompileError(f"input {info.name!r} is empty: axis {axis} has no elements")
                shape.append(dim.dim_value)
                continue
            exact = f"{info.name}.{axis}"
            name = dim.dim_param or exact
            names.add(name)
            chosen = exact if exact in self.bindings else name
            used.add(chosen)
            if chosen not in self.bindings:
                raise CompileError(f"input {info.name!r}: axis {axis} is dynamic; bind it, for example --bind {name}=1")
            shape.append(self.bindings[chosen])
        try:
            check_size(shape)
        except TensorError as error:
            raise CompileError(f"input {info.name!r}: {error}") from None
        return Spec(info.name, dtype, tuple(shape))

    # ---- nodes

    def _nodes(self, graph: onnx.GraphProto | onnx.FunctionProto, opsets: Mapping[str, int], scope: _Scope,
               outer: str, depth: int, attributes: Mapping | None = None) -> None:  # fmt: skip
        uses = Counter(name for node in graph.node for name in node.input)
        uses.update(o if isinstance(o, str) else o.name for o in graph.output)
        for node in graph.node:  # a subgraph may read anything once more
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    uses.update(name for inner in attribute.g.node for name in inner.input)
        for number, node in enumerate(graph.node):
            label = outer or f"node {node.name or f'#{number}'!r}: operator {node.op_type}"
            inside = f" (in its body: {node.op_type})" if outer else ""
            try:
                self._node(node, opsets, scope, label, depth, attributes or {}, uses)
            except CompileError:
                raise
            except (TensorError, ValueError, MemoryError) as error:
                raise CompileError(f"{label}{inside}: {_line(error)}") from None
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
                raise CompileError(f"{label}{inside}: is malformed: {type(error).__name__}: {_line(error)}") from None

    def _node(self, node: onnx.NodeProto, opsets: Mapping[str, int], scope: _Scope, label: str, depth: int,
              outer: Mapping, uses: Counter) -> None:  # fmt: skip
        domain = "" if node.domain == "ai.onnx" else node.domain
        name = f"{domain}.{node.op_type}" if domain else node.op_type
        inputs = [scope.find(i) if i else None for i in node.input]
        attributes = _attributes(node, outer)
        if (node.domain, node.op_type) in self.functions:
            body = self.functions[node.domain, node.op_type]
            results = self._function(body, _opsets(body.opset_import), inputs, attributes, label, depth)
        elif name in LOWER:

            def subgraph(graph: onnx.GraphProto, given: Sequence[Value]) -> list[Value]:
                inner = _Scope(scope)
                self._initialise(graph, inner)
                inner.values.update(zip((i.name for i in graph.input), given, strict=True))
                self._nodes(graph, opsets, inner, "", depth + 1, outer)
                return [inner.find(o.name) for o in graph.output]

            if depth > DEEPEST:
                raise TensorError(f"is nested more than {DEEPEST} deep")
            single = [bool(i) and uses[i] == 1 for i in node.input]
            wanted = [bool(o) for o in node.output]
            opset = opsets.get(domain, 1)
            results = LOWER[name](Context(name, opset, self.build, inputs, attributes, wanted, single, subgraph))
        elif name in REFUSED:
            raise TensorError(REFUSED[name])
        else:
            body, opsets = self._schema_body(node, attributes, domain, opsets.get(domain, 1), inputs)
            results = self._function(body, opsets, inputs, attributes, label, depth)
        results = list(results) + [None] * (len(node.output) - len(results))
        for output, value in zip(node.output, results, strict=False):
            if output and value is None:
                raise TensorError(f"its output {output!r} is not supported")
            if output:
                check_size(value.shape)
                scope.values[output] = value

    def _function(self, body: onnx.FunctionProto, opsets: Mapping[str, int], inputs: Sequence[Value | None],
                  attributes: Mapping, label: str, depth: int) -> list[Value | None]:  # fmt: skip
        if depth > DEEPEST:
            raise TensorError(f"is nested more than {DEEPEST} deep")
        known = {}
        for default in body.attribute_proto:
            known[default.name] = onnx.helper.get_attribute_value(default)
        scope = _Scope()
        given = [*inputs, *[None] * (len(body.input) - len(inputs))]
        scope.values.update({n: v for n, v in zip(body.input, given, strict=False) if v is not None})
        for name, value in zip(body.input, given, strict=False):
            if value is None:
                scope.values[name] = None
        self._nodes(body, opsets, scope, label, depth + 1, {**known, **attributes})
        return [scope.values.get(o) for o in body.output]

    def _schema_body(self, node: onnx.NodeProto, attributes: Mapping, domain: str, opset: int,
                     inputs: Sequence[Value | None]) -> tuple[onnx.FunctionProto, dict[str, int]]:  # fmt: skip
        """The definition of an operator by others, where ONNX gives one."""
        unknown = TensorError(f"(domain {domain or 'ai.onnx'}, opset {opset}) is not supported")
        try:
            schema = onnx.defs.get_schema(node.op_type, opset, domain)
        except onnx.defs.SchemaError:
            raise unknown from None
        body = onnx.FunctionProto()
        if schema.has_context_dependent_function:
            versions = schema.context_dependent_function_opset_versions
            version = max((v for v in versions if v <= opset), default=min(versions))
            types = [b"" if v is None else _type_proto(v).SerializeToString() for v in inputs]
            plain = onnx.helper.make_node(node.op_type, node.input, node.output, domain=node.domain)
            plain.attribute.extend(onnx.helper.make_attribute(n, _protos(v)) for n, v in sorted(attributes.items()))
            made = schema.get_context_dependent_function_with_opset_version(version, plain.SerializeToString(), types)
            body.ParseFromString(made)
        elif schema.has_function:
            versions = schema.function_opset_versions
            version = max((v for v in versions if v <= opset), default=min(versions))
            body.ParseFromString(schema.get_function_with_opset_version(version))
        if not body.node:
            raise unknown
        for name, attribute in schema.attributes.items():
            if attribute.default_value.name and name not in {a.name for a in body.attribute_proto}:
                body.attribute_proto.append(attribute.default_value)
        return body, _opsets(body.opset_import)


_NARROW = ("int8", "uint8", "int16", "uint16", "uint32")


def _opsets(imports: Sequence[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {"" if o.domain == "ai.onnx" else o.domain: o.version for o in imports}


def _protos(attribute: object) -> object:
    return numpy_helper.from_array(attribute) if isinstance(attribute, np.ndarray) else attribute


def _type_proto(value: Value) -> onnx.TypeProto:
    return onnx.helper.make_tensor_type_proto(onnx_type(value.dtype), value.shape)


def _attributes(node: onnx.NodeProto, outer: Mapping) -> dict:
    """Attributes as Python values; those of a function's body may refer to the function's own."""
    found = {}
    for a in node.attribute:
        if a.ref_attr_name:
            if a.ref_attr_name not in outer:
                continue
            value = outer[a.ref_attr_name]
        else:
            value = onnx.helper.get_attribute_value(a)
        if isinstance(value, onnx.SparseTensorProto):
            raise TensorError(f"attribute {a.name!r} is a sparse tensor")
        found[a.name] = _array(value) if isinstance(value, onnx.TensorProto) else value
    return found


def _array(tensor: onnx.TensorProto) -> np.ndarray:
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise TensorError("lies in another file; save the model as one file")
    check_size(tensor.dims)
    if tensor.data_type not in CONSTANT:
        raise TensorError(f"a constant of element type {type_name(tensor.data_type)}")
    return numpy_helper.to_array(tensor)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
