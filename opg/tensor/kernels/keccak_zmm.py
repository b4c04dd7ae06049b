"""keccak-f[1600] of eight states in the 32 registers of AVX-512, without one going to memory.

LLVM needs some registers more for the same and keeps them on the stack, which costs a sixth of the time. Every lane stays in the
register that it was in: the permutation of lanes becomes another numbering of registers in the next round. After 24 rounds
the numbering is the first again.
"""

from __future__ import annotations

from collections.abc import Iterator

from llvmlite import binding, ir

NAME = "keccak.permutation"
LANES = 25
PARITY = (25, 26, 27, 28, 29)
SPARE = (30, 31)
XOR3, CHI = 0x96, 0xD2  # of the three operands a, b, c: a ^ b ^ c, and c ^ (~b & a) for c that is written

binding.initialize_native_asmparser()


def _round(at: dict[tuple[int, int], int], number: int, rotations: list[list[int]]) -> Iterator[str]:
    """The instructions of one round. `at` gives the register of the lane (x, y), and is changed to that of the next round."""

    def xor(a: int, b: int, into: int) -> str:
        return f"vpxorq %zmm{a}, %zmm{b}, %zmm{into}"

    def turn(a: int, by: int, into: int) -> str:
        return f"vprolq $${by}, %zmm{a}, %zmm{into}"

    def three(table: int, a: int, b: int, into: int) -> str:
        return f"vpternlogq $${table}, %zmm{a}, %zmm{b}, %zmm{into}"

    for x, parity in enumerate(PARITY):
        yield xor(at[x, 0], at[x, 1], parity)
        yield three(XOR3, at[x, 2], at[x, 3], parity)
        yield xor(at[x, 4], parity, parity)
    # what is added to the columns, the parity of the column before and, turned, of that behind, in five registers
    c0, c1, c2, c3, c4 = PARITY
    d0, d1, d2, d3, d4 = SPARE[0], c3, SPARE[1], c4, c1
    yield from (turn(c1, 1, d0), xor(c4, d0, d0))
    yield from (turn(c3, 1, d2), xor(c1, d2, d2))
    yield from (turn(c4, 1, c4), turn(c0, 1, d4), xor(c3, d4, d4))
    yield from (turn(c2, 1, d1), xor(c0, d1, d1), xor(c2, d3, d3))
    added = (d0, d1, d2, d3, d4)
    found = {}
    for row in range(5):
        lanes = sorted((y, x) for x in range(5) for y in range(5) if (2 * x + 3 * y) % 5 == row)
        made = []
        for y, x in lanes:
            lane = at[x, y]
            yield xor(added[x], lane, lane)
            if rotations[x][y]:
                yield turn(lane, rotations[x][y], lane)
            made.append(lane)
        a, b, c, d, e = made
        yield f"vmovdqa64 %zmm{a}, %zmm{c0}"
        yield f"vmovdqa64 %zmm{b}, %zmm{c2}"
        yield three(CHI, c, b, a)
        if not row:
            yield f"vpxorq {8 * number}($1){{1to8}}, %zmm{a}, %zmm{a}"
        yield from (three(CHI, d, c, b), three(CHI, e, d, c), three(CHI, c0, e, d), three(CHI, c2, c0, e))
        found.update(((x, row), lane) for x, lane in enumerate(made))
    at.update(found)


def permutation(module: ir.Module, constants: ir.Value, rotations: list[list[int]]) -> ir.Function:
    """A function that permutes eight states, from a pointer to their lanes x + 5·y. It is not inlined: its 17 kB just fit into the cache.

    Args:
        constants: a pointer to those of the rounds.
        rotations: of lane [x][y].
    """
    if NAME in module.globals:
        return module.globals[NAME]
    pointer = ir.IntType(64).as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), NAME)
    function.linkage = "internal"
    function.attributes.add("noinline")
    build = ir.IRBuilder(function.append_basic_block())
    at = {(x, y): x + 5 * y for y in range(5) for x in range(5)}
    first = dict(at)
    lines = [f"vmovdqu64 {64 * lane}($0), %zmm{lane}" for lane in range(LANES)]
    for number in range(24):
        lines += _round(at, number, rotations)
    assert at == first
    lines += [f"vmovdqu64 %zmm{lane}, {64 * lane}($0)" for lane in range(LANES)]
    kind = ir.FunctionType(ir.VoidType(), [pointer, constants.type])
    changed = ",".join(f"~{{zmm{i}}}" for i in range(32))
    build.asm(kind, "\n".join(lines), f"r,r,{changed},~{{memory}}", [function.args[0], constants], side_effect=True)
    build.ret_void()
    return function
