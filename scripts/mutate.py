"""Takes single checks out of the contracts, turns single roundings round, and asks the tests whether they notice.

python -m scripts.mutate --contract Staking --kinds AB

Nothing in the tree changes: a mutant is compiled in memory, into a folder that the tests read through `$OPG_BUILD`. Which tests are asked,
in which order, and which mutants may survive, and why, is in tests/mutants.toml. Results go to reports/mutants.jsonl; what is
recorded as killed is not tried again. A failing gas snapshot kills nobody. Fails when a mutant survives that is not accepted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.mutant_bench import BUILD, NO_END, ROOT, Bench, Build, Compiler, Refused, closure, warm_up
from scripts.mutations import Mutant, mutants_of, switched

CAMPAIGN = ROOT / "tests" / "mutants.toml"
RESULTS = ROOT / "reports" / "mutants.jsonl"
ALL_KINDS = "ABC"
MANY = 24  # mutants in one build
NOT_CONTRACTS = ("contracts/interfaces/", "contracts/test/")


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


class Batch:
    """Mutants in one build, each behind a switch in the bytecode: compiling is what costs the most."""

    def __init__(self, bench: Bench, target: Target, source: str, mutants: list[Mutant]):
        self.build = bench.compile(target.path, switched(source, mutants), target.entries)
        self.sound: set[str] = set()

    def only(self, mutant: Mutant) -> Build | None:
        """With this switch thrown; None when the optimiser took it out."""
        mark = f"{mutant.mark:064x}"
        if not any(mark in artifact["bytecode"] for artifact in self.build.values()):
            return None
        codes = ("bytecode", "deployedBytecode")
        return {n: b | {code: b[code].replace(mark, "0" * 64) for code in codes} for n, b in self.build.items()}


class Trial:
    """The mutants of one contract before the tests."""

    def __init__(self, target: Target, tests: list[str], bench: Bench, log: Path):
        self.target, self.tests, self.bench, self.log = target, tests, bench, log
        self.source = (ROOT / target.path).read_text()
        self.sound: set[str] = set()

    def batches(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, Batch | None]]:
        """Each mutant with the build that it is in, if it can be in one with others."""
        try:
            batch = Batch(self.bench, self.target, self.source, mutants) if len(mutants) > 1 else None
        except Refused:
            half = len(mutants) // 2
            yield from self.batches(mutants[:half])
            yield from self.batches(mutants[half:])
        else:
            for mutant in mutants:
                yield mutant, batch

    def notice(self, mutant: Mutant, batch: Batch | None, likely: list[str]) -> str | None:
        """The test that fails with this mutant, and not without it; the likely ones are asked first. Raises `Refused`."""
        if batch and (build := batch.only(mutant)):
            by = self._ask(build, likely)
            if not by or self._passes(by, batch.build, batch.sound):
                return by
        by = self._ask(self.bench.compile(self.target.path, mutant.apply(self.source), self.target.entries), likely)
        if by and not self._passes(by, {}, self.sound):
            sys.exit(f"{by} fails without any mutant, see {self.log}")
        return by

    def _ask(self, build: Build, likely: list[str]) -> str | None:
        first = self.bench.notices(build, likely, self.log) if likely else None
        return first or (self.bench.notices(build, self.tests, self.log) if likely != self.tests else None)

    def _passes(self, test: str, build: Build, sound: set[str]) -> bool:
        file = test.split("::")[0].removeprefix("tests/")
        if file != NO_END and file not in sound:
            if self.bench.notices(build, [file], self.log):
                return False
            sound.add(file)
        return True


def try_all(target: Target, campaign: dict[str, Any], given: argparse.Namespace, bench: Bench, log: Path) -> None:
    """Tries the mutants of one contract, and writes down what became of them."""
    known = {} if given.fresh else read_results()
    over = ("killed", "does not compile")
    todo = {
        m: i for i, m in changes(target, given.kinds, bench.compiler) if known.get(i, {}).get("verdict") not in over
    }
    if given.first:  # who is known to survive costs the most
        todo = {m: i for m, i in todo.items() if named(target, m) not in reasons(campaign)}
    trial = Trial(target, target.tests[:1] if given.first else target.tests, bench, log)
    together = [m for m in todo if m.has_switch]
    parts = [together[i : i + MANY] for i in range(0, len(together), MANY)] + [[m] for m in todo if not m.has_switch]
    for number, (mutant, batch) in enumerate((each for part in parts for each in trial.batches(part)), 1):
        began, by = time.monotonic(), None
        try:
            by = trial.notice(mutant, batch, first_asked(target, mutant, known))
            verdict = "killed" if by else "survived"
        except Refused as problem:
            verdict, by = "does not compile", str(problem)
        entry = {
            "id": todo[mutant], "contract": target.name, "function": mutant.function, "kind": mutant.kind,
            "line": mutant.line, "mutant": mutant.what, "verdict": verdict, "by": by, "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        known[entry["id"]] = entry
        with RESULTS.open("a") as out:
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")
        print(
            f"{target.name} {number}/{len(todo)} {verdict} {mutant.line} {mutant.function}: {mutant.what}", flush=True
        )


def summary(campaign: dict[str, Any], chosen: list[Target], kinds: str, compiler: Compiler) -> int:
    """Prints counts and survivors; 1 when there are survivors without a reason, or reasons without a survivor."""
    known, allowed = read_results(), reasons(campaign)
    total: Counter[str] = Counter()
    met, spared, noticed, wrong = set(), set(), set(), []
    for target in chosen:
        counts: Counter[str] = Counter()
        for identity, mutant in changes(target, kinds, compiler):
            verdict = known.get(identity, {}).get("verdict", "not tried")
            name = named(target, mutant)
            met.add(name)
            if verdict == "survived" and name in allowed:
                verdict = "accepted"
                spared.add(name)
            elif verdict == "survived":
                wrong.append(f"survived: {target.path}:{mutant.line} {name}")
            elif verdict == "killed" and name in allowed:
                noticed.add(name)
            counts[verdict] += 1
        total += counts
        print(f"{target.name:20} {said(counts)}")
    print(f"{'all':20} {said(total)}")
    # some read alike: a reason stands for as long as one of them needs it
    wrong += [f"killed, needs no reason any more: {name}" for name in sorted(noticed - spared)]
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
        "--kinds", default=ALL_KINDS, help="A checks and clamps, B roundings, C comparisons at their edge (%(default)s)"
    )
    parser.add_argument(
        "--first",
        action="store_true",
        help="ask the first tests of each only; who survives can be tried again with all",
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
                    try_all(target, campaign, given, bench, RESULTS.with_name(f"mutants-{os.getpid()}.log"))
        return summary(campaign, chosen, given.kinds, compiler)
    finally:
        compiler.close()


if __name__ == "__main__":
    sys.exit(main())
