"""Compiles the contracts with Brownie, notes where their immutables lie, and checks that each fits on chain.

python -m scripts.compile
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MAX_CODE = 24_576  # EIP-170
BROWNIE = "brownie"


def main() -> int:
    everything = any("immutables" not in built for built in artifacts().values())
    command = [sys.executable, "-m", "scripts.compile", BROWNIE, "compile", *(["--all"] if everything else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    output = done.stdout + done.stderr
    if done.returncode or "CompilerError" in output or not (ROOT / "build" / "contracts").is_dir():
        print(output, file=sys.stderr)
        return 1
    sizes = {name: len(built["deployedBytecode"].removeprefix("0x")) // 2 for name, built in artifacts().items()}
    too_large = {name: size for name, size in sizes.items() if size > MAX_CODE}
    for name, size in too_large.items():
        print(f"{name} has {size} bytes of code; the limit is {MAX_CODE}", file=sys.stderr)
    return 1 if too_large else 0


def artifacts() -> dict[str, dict[str, Any]]:
    """What Brownie wrote, by contract name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "build" / "contracts").glob("*.json"))}


def immutables_of(contract: dict[str, Any], sources: dict[str, Any]) -> dict[str, list[list[int]]]:
    """[first byte, length] of each place in the runtime code that holds an immutable, by `Contract.variable`.

    The compiler names them by the ids of one run of its own, so this has to happen while that run is at hand.
    """
    references = contract["evm"]["deployedBytecode"].get("immutableReferences", {})
    names = {str(node["id"]): name for source in sources.values() for name, node in _variables(source["ast"])}
    return {names[key]: [[p["start"], p["length"]] for p in places] for key, places in references.items()}


def _variables(unit: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for contract in unit["nodes"]:
        if contract["nodeType"] == "ContractDefinition":
            for node in contract["nodes"]:
                if node["nodeType"] == "VariableDeclaration":
                    yield f"{contract['name']}.{node['name']}", node


def brownie() -> None:
    """Brownie's own command line, with `immutables` added to every artifact that it writes."""
    from brownie._cli.__main__ import main as command_line
    from brownie.project import compiler

    generate = compiler.generate_build_json

    def with_immutables(input_json: Any, output_json: Any, *arguments: Any, **options: Any) -> Any:
        # first: the call below turns the trees into objects of its own
        found = {
            name: immutables_of(contract, output_json["sources"])
            for contracts in output_json["contracts"].values()
            for name, contract in contracts.items()
        }
        made = generate(input_json, output_json, *arguments, **options)
        for built in made.values():
            built["immutables"] = found[built["contractName"]]
        return made

    compiler.generate_build_json = with_immutables
    command_line()


if __name__ == "__main__":
    if sys.argv[1:2] == [BROWNIE]:
        del sys.argv[1]
        sys.exit(brownie())
    sys.exit(main())
