"""A compiler that stays warm, and a bench on which the tests try contracts that differ from the real ones. See scripts/mutate.py."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
Build = dict[str, dict[str, Any]]  # artifacts by name
TEST_SECONDS = 180  # of the processor
NO_END = "no end"  # what tests that take longer say: the mutant goes round in circles, and that was noticed
GAS_TESTS = ("test_gas.py", "test_ladder.py")  # they compare gas; a mutant that spends other gas is no wrong one
MAX_CODE = 24_576  # EIP-170
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


def slim(artifact: dict[str, Any]) -> dict[str, Any]:
    """What tests read of an artifact; the rest takes long to load."""
    return {
        key: artifact[key]
        for key in (
            "abi",
            "bytecode",
            "deployedBytecode",
            "opcodes",
            "contractName",
            "sourcePath",
            "immutables",
            "compiler",
        )
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
        (folder / "interfaces").symlink_to(BUILD / "interfaces")
        self.contracts.mkdir()
        self.real = {path.name: slim(json.loads(path.read_text())) for path in (BUILD / "contracts").glob("*.json")}
        self.changed = set(self.real)

    def compile(self, path: str, text: str, entries: dict[str, str]) -> Build:
        """The artifacts that hold the code of a changed source. Raises `Refused`."""
        sources = {n: t for entry in entries.values() for n, t in closure(entry).items()} | {path: text}
        wanted = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
        selection = {entry: {name: wanted for name, p in entries.items() if p == entry} for entry in entries.values()}
        made = self.compiler.compile(sources, selection)
        build = {}
        for name, entry in entries.items():
            contract = made["contracts"][entry][name]
            code, runtime = contract["evm"]["bytecode"]["object"], contract["evm"]["deployedBytecode"]["object"]
            if len(runtime) // 2 > MAX_CODE:
                raise Refused(f"{name} does not fit on chain")
            changed = {"abi": contract["abi"], "bytecode": code, "deployedBytecode": runtime}
            build[name] = self.real[f"{name}.json"] | changed
        return build

    def install(self, build: Build) -> None:
        """Lets the tests see these artifacts, and the real ones of all other contracts."""
        for name in self.changed:
            (self.contracts / name).write_text(json.dumps(self.real[name]))
        self.changed = {f"{name}.json" for name in build}
        for name, artifact in build.items():
            (self.contracts / f"{name}.json").write_text(json.dumps(artifact))

    def notices(self, build: Build, tests: list[str], log: Path) -> str | None:
        """The first test that fails with these artifacts, or None."""
        self.install(build)
        return self._fails(tests, self.contracts, log)

    def _fails(self, tests: list[str], contracts: Path, log: Path) -> str | None:
        """Runs tests in a fork of this process, whose imports are warm."""
        child = os.fork()
        if child == 0:
            os.setsid()  # so that a node that a test started ends with it
            resource.setrlimit(resource.RLIMIT_CPU, (TEST_SECONDS, TEST_SECONDS + 10))
            os._exit(self._run(tests, contracts, log))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == -signal.SIGXCPU:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            return NO_END
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
            code = pytest.main(
                ["-qx", "--tb=line", "-pno:cacheprovider", *(f"--ignore-glob=*/{name}" for name in GAS_TESTS), *paths]
            )
            sys.stdout.flush()
        return int(code)
