"""The changes that scripts/mutate.py tries, found in the compiler's syntax tree.

A: what may refuse or hold back: checks, their parts, modifiers, early returns, clamps, checked casts. B: roundings. C: comparisons at their edge.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
CHECK = re.compile(r"_?(check|require|only)")
CAST = re.compile(r"to(U?int\d+)$")
OPPOSITES = {"Floor": "Ceil", "Ceil": "Floor", "Trunc": "Expand", "Expand": "Trunc"}
MAX_SHOWN = 150
AT_EDGE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}


@dataclass(frozen=True)
class Mutant:
    """One change: bytes `start` to `end` of the source become `new`."""

    kind: str
    function: str
    line: int
    start: int
    end: int
    old: str
    new: str
    yul: bool = False

    @property
    def mark(self) -> int:
        """A number that stands in bytecode nowhere else."""
        return int.from_bytes(hashlib.sha256(f"{self.start} {self.end} {self.new}".encode()).digest()) | 1 << 255

    def switch(self, body: str) -> str:
        """Does what it did before while the calldata is shorter than the mark; the mark in the bytecode is the switch."""
        mark = f"0x{self.mark:064x}"
        if self.yul:
            on = f"lt(calldatasize(), {mark})"
            if self.new == "{}":
                return f"if {on} {{ {body} }}"
            return f"xor({self.new}, mul(xor({body}, {self.new}), {on}))"
        if self.new == "{}":
            return f"if (msg.data.length < {mark}) {{ {body} }}"
        return f"(msg.data.length < {mark} ? ({body}) : ({self.new}))"

    @property
    def has_switch(self) -> bool:
        return self.new != ""

    @property
    def what(self) -> str:
        """The change in one line."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{shortened(old)} → {'nothing' if new in ('', '{}') else shortened(new)}"

    def apply(self, source: str) -> str:
        text = source.encode()
        return (text[: self.start] + self.new.encode() + text[self.end :]).decode()


def shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def mutants_of(source: str, unit: Node) -> list[Mutant]:
    """All changes of one source file, in its order."""
    text = source.encode()
    found: dict[tuple[int, int, str], Mutant] = {}

    def cut(node: Node) -> str:
        start, length, _ = map(int, node["src"].split(":"))
        return text[start : start + length].decode()

    for node, parents in _walk(unit, ()):
        if any(p.get("nodeType") == "VariableDeclaration" and p.get("constant") for p in parents):
            continue  # the compiler computes it, and the tests hold the numbers
        function = next((_name(p) for p in reversed(parents) if p.get("nodeType") in _NAMED), "")
        for rule in RULES:
            for kind, place, new in rule(node, parents, cut):
                start, length, _ = map(int, place["src"].split(":"))
                old = cut(place)
                if new == "{}" and text[start + length : start + length + 1] == b";":
                    length += 1  # the tree leaves it out
                if new != old:
                    line = text[:start].count(b"\n") + 1
                    yul = place["nodeType"].startswith("Yul")
                    mutant = Mutant(kind, function, line, start, start + length, old, new, yul)
                    found.setdefault((start, start + length, new), mutant)
    return sorted(found.values(), key=lambda m: (m.start, m.end))


def switched(source: str, mutants: list[Mutant]) -> str:
    """A source that has all these changes in it, each behind its switch."""
    text = source.encode()
    at: dict[tuple[int, int], list[Mutant]] = {}
    for mutant in mutants:
        at.setdefault((mutant.start, mutant.end), []).append(mutant)

    def written(start: int, end: int, inside: list[tuple[int, int]]) -> str:
        made = ""
        while inside:
            (low, high), *rest = inside
            nested = [place for place in rest if place[1] <= high]
            body = written(low, high, nested)
            for mutant in at[low, high]:
                body = mutant.switch(body)
            made += text[start:low].decode() + body
            start, inside = high, rest[len(nested) :]
        return made + text[start:end].decode()

    return written(0, len(text), sorted(at, key=lambda place: (place[0], -place[1])))


_NAMED = ("FunctionDefinition", "ModifierDefinition")


def _name(node: Node) -> str:
    return node["name"] or node["kind"]


def _walk(node: Any, parents: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    if isinstance(node, list):
        for part in node:
            yield from _walk(part, parents)
    elif isinstance(node, dict):
        if "nodeType" in node:
            yield node, parents
            parents = (*parents, node)
        for part in node.values():
            if isinstance(part, (dict, list)):
                yield from _walk(part, parents)


Cut = Callable[[Node], str]
Found = Iterator[tuple[str, Node, str]]


def _only(body: Node) -> Node:
    """The statement that a block consists of."""
    inside = body.get("statements") if body["nodeType"] == "Block" else None
    return inside[0] if inside and len(inside) == 1 else body


def checks(node: Node, parents: tuple[Node, ...], cut: Cut) -> Found:
    """`if (…) revert`, `if (…) return`, and calls that are made for nothing but what they refuse."""
    if node["nodeType"] == "IfStatement" and not node.get("falseBody"):
        ends = ("RevertStatement", "Return", "Continue", "Break")
        if _only(node["trueBody"])["nodeType"] in ends:
            yield "A check", node, "{}"
    if node["nodeType"] == "ExpressionStatement" and node["expression"]["nodeType"] == "FunctionCall":
        called = node["expression"]["expression"]
        name = called.get("memberName") or called.get("name") or ""
        # a view whose result nobody wants
        if CHECK.match(name) or " view" in called["typeDescriptions"].get("typeString", ""):
            yield "A check", node, "{}"
    if node["nodeType"] == "ModifierInvocation" and node.get("kind") == "modifierInvocation":
        yield "A modifier", node, ""


def sides(node: Node, parents: tuple[Node, ...], cut: Cut) -> Found:
    """`a || b` and `a && b` without one side."""
    operator = node.get("operator")
    if node["nodeType"] != "BinaryOperation" or operator not in ("||", "&&"):
        return
    if parents[-1].get("operator") == operator:
        return
    leaves: list[Node] = []

    def collect(part: Node) -> None:
        if part["nodeType"] == "BinaryOperation" and part["operator"] == operator:
            collect(part["leftExpression"])
            collect(part["rightExpression"])
        else:
            leaves.append(part)

    collect(node)
    for leaf in leaves:
        yield "A side", leaf, "false" if operator == "||" else "true"


def clamps(node: Node, parents: tuple[Node, ...], cut: Cut) -> Found:
    """`c ? a : b`, the lesser, the greater, differences down to zero, casts that refuse, and `if` in assembly."""
    if node["nodeType"] == "Conditional":
        yield "A choice", node, f"({cut(node['trueExpression'])})"
        yield "A choice", node, f"({cut(node['falseExpression'])})"
    if node["nodeType"] == "FunctionCall" and node["expression"]["nodeType"] == "MemberAccess":
        called, arguments = node["expression"], node["arguments"]
        name, on = called["memberName"], cut(called["expression"])
        if on == "Math" and name in ("min", "max"):
            for argument in arguments:
                yield "A clamp", node, f"uint256({cut(argument)})"
        if on == "Math" and name == "saturatingSub":
            yield "A clamp", node, f"(uint256({cut(arguments[0])}) - {cut(arguments[1])})"
        if (cast := CAST.match(name)) and not arguments:
            yield "A cast", node, f"{cast[1].lower()}({on})"
    if node["nodeType"] == "YulIf":
        yield "A clamp", node, "{}"


def roundings(node: Node, parents: tuple[Node, ...], cut: Cut) -> Found:
    """Up for down, down for up; and where halves go to even, away."""
    if node["nodeType"] == "FunctionCall" and node["expression"]["nodeType"] == "MemberAccess":
        called, arguments = node["expression"], [cut(a) for a in node["arguments"]]
        if called["memberName"] == "ceilDiv" and len(arguments) == 2:
            yield "B rounding", node, f"({arguments[0]}) / ({arguments[1]})"
        if called["memberName"] == "mulDiv" and len(arguments) == 3:
            yield "B rounding", node, f"Math.mulDiv({', '.join(arguments)}, Math.Rounding.Ceil)"
    if node["nodeType"] == "MemberAccess" and node["memberName"] in OPPOSITES:
        owner = cut(node["expression"])
        if owner.endswith("Rounding"):
            yield "B rounding", node, f"{owner}.{OPPOSITES[node['memberName']]}"
    if node["nodeType"] == "BinaryOperation":
        yield from _division(node, cut)
        # (x >> n) & 1, added: halves to even
        tie = node["operator"] == "&" and cut(node["rightExpression"]) == "1" and ">>" in cut(node["leftExpression"])
        if tie and any(p.get("operator") in ("+", "+=") for p in parents[-3:]):
            yield "B rounding", node, "1"
    if node["nodeType"] == "YulFunctionCall":
        yield from _yul_rounding(node, cut)


def _division(node: Node, cut: Cut) -> Found:
    operator, left, right = node["operator"], node["leftExpression"], node["rightExpression"]
    if operator not in ("/", ">>") or (left["nodeType"] == right["nodeType"] == "Literal"):
        return
    inner = left
    while inner["nodeType"] == "TupleExpression" and len(inner["components"]) == 1:
        inner = inner["components"][0]
    x, y = cut(left), cut(right)
    if inner["nodeType"] == "BinaryOperation" and inner["operator"] in ("-", "+"):
        first = inner
        while first["nodeType"] == "BinaryOperation" and first["operator"] in ("-", "+"):
            first = first["leftExpression"]
        yield "B rounding", node, f"({cut(first)}) {operator} {y}"
        if operator == ">>" or cut(inner["rightExpression"]) == "1":
            return
    up = f"{y} - 1" if operator == "/" else f"(1 << {y}) - 1"
    yield "B rounding", node, f"(({x}) + ({up})) {operator} {y}"


def _yul_rounding(node: Node, cut: Cut) -> Found:
    name, arguments = node["functionName"]["name"], node["arguments"]

    def call(part: Node) -> str:
        return part["functionName"]["name"] if part["nodeType"] == "YulFunctionCall" else ""

    if name in ("shr", "sar") and call(arguments[1]) == "add" and "and(" in cut(arguments[1]):
        first = arguments[1]
        while call(first) == "add":
            first = first["arguments"][0]
        yield "B rounding", node, f"{name}({cut(arguments[0])}, {cut(first)})"
        for part, _ in _walk(arguments[1], ()):
            if call(part) == "and" and cut(part["arguments"][1]) == "1":
                yield "B rounding", part, "1"
    if name == "div":
        x, y = (cut(a) for a in arguments)
        yield "B rounding", node, f"div(add({x}, sub({y}, 1)), {y})"
        if f"sub({y}, 1)" in x:
            yield "B rounding", node, f"div({x.replace(f'sub({y}, 1)', '0')}, {y})"


def comparisons(node: Node, parents: tuple[Node, ...], cut: Cut) -> Found:
    """`<` for `<=`."""
    if node["nodeType"] == "BinaryOperation" and node["operator"] in AT_EDGE:
        left, right = cut(node["leftExpression"]), cut(node["rightExpression"])
        yield "C comparison", node, f"{left} {AT_EDGE[node['operator']]} {right}"


RULES = (checks, sides, clamps, roundings, comparisons)
