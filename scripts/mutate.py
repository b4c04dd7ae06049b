"""Takes single checks out of the contracts, turns single roundings round, and asks the tests whether they notice.

python -m scripts.mutate --contract Staking --kinds AB

Nothing in the tree changes: a mutant is compiled in memory, into a folder that the tests read through `$OPG_BUILD`. Which tests are asked,
in which order, and which mutants may survive, and why, is in tests/mutants.toml. Results go to reports/mutants.jsonl; what is
recorded as killed is not tried again. A failing gas snapshot kills nobody. Fails when a mutant survives that is not accepted.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
CAMPAIGN = ROOT / "tests" / "mutants.toml"
RESULTS = ROOT / "reports" / "mutants.jsonl"
BUILD = ROOT / "build"
TEST_SECONDS = 900
NO_END = "no end"  # what tests that take longer say: the mutant goes round in circles, and that was noticed
MAX_CODE = 24_576  # EIP-170
ALL_KINDS = "ABC"
NOT_CONTRACTS = ("contracts/interfaces/", "contracts/test/")
# what forks need not load again
WARM = (
    "hypothesis",
    "numpy",
    "pytest",
    "web3",
    "coincurve",
    "eth_account",
    "pdb",
    "opg.game",
    "opg.tensor.runner",
    "tests.evm",
)
SERVER = """
const solc = require("solc");
require("readline").createInterface({input: process.stdin}).on("line", (l) => process.stdout.write(solc.compile(l) + "\\n"));
"""


class Refused(Exception):
    """The compiler does not take this source, or makes more of it than fits on chain."""


class Compiler:
    """The pinned compiler in a process that stays warm, with the settings of brownie-config.yaml."""

    def __init__(self) -> None:
        config = yaml.safe_load((ROOT / "brownie-config.yaml").read_text())["compiler"]["solc"]
        self.settings = {"optimizer": config["optimizer"], "evmVersion": config["evm_version"]}
        self.process = subprocess.Popen(
            ["node", "-e", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def compile(self, sources: dict[str, str], selection: dict[str, Any]) -> dict[str, Any]:
        settings = {**self.settings, "outputSelection": selection}
        content = {path: {"content": text} for path, text in sources.items()}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"language": "Solidity", "sources": content, "settings": settings}) + "\n")
        self.process.stdin.flush()
        output = json.loads(self.process.stdout.readline())
        errors = [e["formattedMessage"] for e in output.get("errors", []) if e["severity"] == "error"]
        if errors:
            raise Refused(errors[0])
        return output

    def close(self) -> None:
        self.process.kill()


def closure(path: str) -> dict[str, str]:
    """A source and all that it imports, by the names that the compiler asks for."""
    found: dict[str, str] = {}
    todo = [path]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = (ROOT / name if name.startswith("contracts/") else ROOT / "node_modules" / name).read_text()
        for wanted in re.findall(r'(?:from|import) "([^"]+)"', found[name]):
            inside = os.path.normpath(os.path.join(os.path.dirname(name), wanted))
            todo.append(inside if wanted.startswith(".") else wanted)
    return found


def deployable() -> dict[str, str]:
    """The source of each contract that has code, by the contract's name."""
    built = (json.loads(path.read_text()) for path in sorted((BUILD / "contracts").glob("*.json")))
    return {
        b["contractName"]: b["sourcePath"] for b in built if b["bytecode"] and b["sourcePath"].startswith("contracts/")
    }


@dataclass(frozen=True)
class Target:
    """A contract or library, and what has to be compiled and run when it changes."""

    path: str
    entries: dict[str, str]  # artifacts that hold its code: name, source
    tests: list[str]
    kinds: str  # of the mutations that mean something here

    @property
    def name(self) -> str:
        return Path(self.path).stem


def targets(campaign: dict[str, Any]) -> list[Target]:
    """All contracts and libraries of the protocol, in the order of the campaign."""
    reach = {name: (path, closure(path)) for name, path in deployable().items()}
    paths = {str(p.relative_to(ROOT)) for p in (ROOT / "contracts").rglob("*.sol")}
    ours = {Path(p).stem: p for p in paths if not p.startswith(NOT_CONTRACTS)}
    if missing := ours.keys() - campaign["tests"].keys():
        sys.exit(
            f"tests/mutants.toml says nothing about {', '.join(sorted(missing))}: name the tests that each should be asked"
        )
    return [
        Target(
            ours[name],
            {n: path for n, (path, sources) in reach.items() if ours[name] in sources},
            tests,
            "BC" if name in campaign["arithmetic"] else "ABC",
        )
        for name, tests in campaign["tests"].items()
    ]


def slim(artifact: dict[str, Any]) -> dict[str, Any]:
    """What tests read of an artifact; the rest takes long to load."""
    return {
        key: artifact[key]
        for key in ("abi", "bytecode", "deployedBytecode", "contractName", "sourcePath", "immutables", "compiler")
        if key in artifact
    }


def warm_up() -> None:
    for name in WARM:
        importlib.import_module(name)
    importlib.import_module("tests.evm").known_errors()  # no mutant has other ones
    gc.collect()
    gc.freeze()


class Bench:
    """A build folder of its own, where a mutant's artifacts replace the real ones, and forked test runs that read it."""

    def __init__(self, folder: Path, compiler: Compiler):
        self.contracts, self.compiler = folder / "contracts", compiler
        self.sound: set[str] = set()
        (folder / "interfaces").symlink_to(BUILD / "interfaces")
        self.contracts.mkdir()
        self.real = {path.name: slim(json.loads(path.read_text())) for path in (BUILD / "contracts").glob("*.json")}
        self.changed = set(self.real)

    def build(self, target: Target, text: str) -> None:
        """Compiles what the changed source reaches. Raises `Refused`."""
        for name in self.changed:
            (self.contracts / name).write_text(json.dumps(self.real[name]))
        sources = {n: t for path in target.entries.values() for n, t in closure(path).items()} | {target.path: text}
        wanted = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
        selection = {
            path: {name: wanted for name, p in target.entries.items() if p == path} for path in target.entries.values()
        }
        made = self.compiler.compile(sources, selection)
        self.changed = {f"{name}.json" for name in target.entries}
        for name, path in target.entries.items():
            contract = made["contracts"][path][name]
            code, runtime = contract["evm"]["bytecode"]["object"], contract["evm"]["deployedBytecode"]["object"]
            if len(runtime) // 2 > MAX_CODE:
                raise Refused(f"{name} does not fit on chain")
            changed = {"abi": contract["abi"], "bytecode": code, "deployedBytecode": runtime}
            (self.contracts / f"{name}.json").write_text(json.dumps(self.real[f"{name}.json"] | changed))

    def notices(self, tests: list[str], log: Path) -> str | None:
        """The first test that fails, or None. It has to pass with the real contracts."""
        failed = self._fails(tests, self.contracts, log)
        if failed and (file := failed.split("::")[0].removeprefix("tests/")) != NO_END and file not in self.sound:
            if wrong := self._fails([file], BUILD / "contracts", log):
                sys.exit(f"{wrong} fails without any mutant, see {log}")
            self.sound.add(file)
        return failed

    def _fails(self, tests: list[str], contracts: Path, log: Path) -> str | None:
        """Runs tests in a fork of this process, whose imports are warm."""
        child = os.fork()
        if child == 0:
            os.setsid()  # so that a node that a test started ends with it
            os._exit(self._run(tests, contracts, log))
        end = time.monotonic() + TEST_SECONDS
        while not (done := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return NO_END
            time.sleep(0.02)
        code = os.waitstatus_to_exitcode(done[1])
        if code == 0:
            return None
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", log.read_text(), re.M)
        if code != 1 or not failed:
            sys.exit(f"the tests could not be run, see {log}")
        return failed[0]

    @staticmethod
    def _run(tests: list[str], contracts: Path, log: Path) -> int:
        import pytest

        os.environ |= {"OPG_BUILD": str(contracts), "OPG_GAS": "ignore"}
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            paths = [str(ROOT / "tests" / path) for path in tests]
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            code = pytest.main(["-qx", "--tb=line", "-pno:cacheprovider", "--ignore-glob=*/test_gas.py", *paths])
            sys.stdout.flush()
        return int(code)


def reasons(campaign: dict[str, Any]) -> dict[str, str]:
    """Why a mutant may survive, by its contract, its function and what it changes."""
    return {mutant: entry["because"] for entry in campaign.get("accepted", []) for mutant in entry["mutants"]}


def read_results() -> dict[str, dict[str, Any]]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {entry["id"]: entry for entry in map(json.loads, lines)}


def named(target: Target, mutant: Mutant) -> str:
    return f"{target.name}.{mutant.function}: {mutant.what}"


def changes(target: Target, kinds: str, compiler: Compiler) -> Iterator[tuple[str, Mutant]]:
    """Each with a name that outlives other changes of the source: what it is, and its number among those that read alike."""
    unit = compiler.compile(closure(target.path), {target.path: {"": ["ast"]}})["sources"][target.path]["ast"]
    seen: Counter[str] = Counter()
    for mutant in mutants_of((ROOT / target.path).read_text(), unit):
        text = named(target, mutant)
        seen[text] += 1
        if mutant.kind[0] in kinds and mutant.kind[0] in target.kinds:
            yield hashlib.sha256(f"{text}#{seen[text]}".encode()).hexdigest()[:16], mutant


def first_asked(target: Target, mutant: Mutant, known: dict[str, dict[str, Any]]) -> list[str]:
    """The test file named after the function, or else the one that noticed its last mutant: most mutants need no other."""
    verb = re.sub(r"([A-Z])", r"_\1", mutant.function.strip("_")).lower()
    for path in (f"unit/{target.name}/test_{verb}.py", f"unit/{target.name}/test_deploy.py"):
        if (ROOT / "tests" / path).exists() and (verb in path or verb == "constructor"):
            return [path]
    last = [
        e["by"] for e in known.values() if e["contract"] == target.name and e["function"] == mutant.function and e["by"]
    ]
    return [last[-1].split("::")[0].removeprefix("tests/")] if last and "::" in last[-1] else []


def try_all(
    target: Target, campaign: dict[str, Any], given: argparse.Namespace, compiler: Compiler, bench: Bench, log: Path
) -> None:
    """Tries the mutants of one contract, and writes down what became of them."""
    tests = [path for path in target.tests if path.startswith("unit/") or not given.unit]
    source = (ROOT / target.path).read_text()
    known = {} if given.fresh else read_results()
    over = ("killed", "does not compile")
    todo = [(i, m) for i, m in changes(target, given.kinds, compiler) if known.get(i, {}).get("verdict") not in over]
    if given.unit:  # who is known to survive costs the most
        todo = [(i, m) for i, m in todo if named(target, m) not in reasons(campaign)]
    if not todo:
        return
    for number, (identity, mutant) in enumerate(todo, 1):
        began, by = time.monotonic(), None
        try:
            bench.build(target, mutant.apply(source))
            likely = first_asked(target, mutant, known)
            by = (likely and bench.notices(likely, log)) or bench.notices(tests, log)
            verdict = "killed" if by else "survived"
        except Refused as problem:
            verdict, by = "does not compile", str(problem)
        entry = {
            "id": identity, "contract": target.name, "function": mutant.function, "kind": mutant.kind,
            "line": mutant.line, "mutant": mutant.what, "verdict": verdict, "by": by, "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        known[identity] = entry
        with RESULTS.open("a") as out:
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")
        print(
            f"{target.name} {number}/{len(todo)} {verdict:9} {mutant.line:4} {mutant.function}: {mutant.what}",
            flush=True,
        )


def summary(campaign: dict[str, Any], chosen: list[Target], kinds: str, compiler: Compiler) -> int:
    """Prints counts and survivors; 1 when there are survivors without a reason, or reasons without a survivor."""
    known, allowed = read_results(), reasons(campaign)
    total: Counter[str] = Counter()
    met, wrong = set(), []
    for target in chosen:
        counts: Counter[str] = Counter()
        for identity, mutant in changes(target, kinds, compiler):
            verdict = known.get(identity, {}).get("verdict", "not tried")
            name = named(target, mutant)
            met.add(name)
            if verdict == "survived" and name in allowed:
                verdict = "accepted"
            elif verdict == "survived":
                wrong.append(f"survived: {target.path}:{mutant.line} {name}")
            elif verdict == "killed" and name in allowed:
                wrong.append(f"killed, needs no reason any more: {name}")
            counts[verdict] += 1
        total += counts
        print(f"{target.name:20} {said(counts)}")
    print(f"{'all':20} {said(total)}")
    if len(chosen) == len(campaign["tests"]) and kinds == ALL_KINDS:
        wrong += [f"there is no such mutant: {name}" for name in allowed.keys() - met]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def said(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "nothing to change"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__.splitlines()[0])
    parser.add_argument("--contract", action="append", help="a contract or library, as often as you like; else all")
    parser.add_argument(
        "--kinds", default="AB", help="A checks and clamps, B roundings, C comparisons at their edge (%(default)s)"
    )
    parser.add_argument(
        "--unit", action="store_true", help="ask the unit tests only; who survives can be tried again with all"
    )
    parser.add_argument("--report", action="store_true", help="only say what was found before")
    parser.add_argument("--fresh", action="store_true", help="also try again what was killed before")
    given = parser.parse_args()
    campaign = tomllib.loads(CAMPAIGN.read_text())
    every = targets(campaign)
    if unknown := set(given.contract or ()) - {t.name for t in every}:
        parser.error(f"no contract {', '.join(unknown)}; there are {', '.join(t.name for t in every)}")
    chosen = [t for t in every if not given.contract or t.name in given.contract]
    RESULTS.parent.mkdir(exist_ok=True)
    compiler = Compiler()
    try:
        if not given.report:
            warm_up()
            with tempfile.TemporaryDirectory() as folder:
                bench = Bench(Path(folder), compiler)
                for target in chosen:
                    try_all(target, campaign, given, compiler, bench, RESULTS.with_suffix(".log"))
        return summary(campaign, chosen, given.kinds, compiler)
    finally:
        compiler.close()


if __name__ == "__main__":
    sys.exit(main())
