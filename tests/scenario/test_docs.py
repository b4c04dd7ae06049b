"""The commands of the README and of the pages for operators, typed as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from opg.chain.local import free_port
from tests.models import wheel

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
NOT_HERE = ("make demo", "make test", "make compile")  # these have tests of their own, or are what runs now
SAYS = {
    "README.md": ["Disputes", "written: deployments/31337/manifest.json", "checks, 0 differences", "stopped"],
    "docs/governance.md": [
        "votes: 900,000,000",
        "written: scripts/proposals/",
        "Staking.minStake",
        "✓ every exit still works",
        "nothing speaks against it",
        "voting begins",
        "for: 900,000,000 votes",
        "for: 1,000 votes of 0x",
        "active; voting ends",
        "queued; it can be executed",
        "executed in 0x",
        "nothing more can happen",
        "stopped",
    ],
    "docs/compatibility.md": [
        '"model_name": "digits"',
        '"opg_signature"',
        "means version 1",
        "inference_contract_address: 0x",
        "5 OPG, at most 1 OPG for an answer",
        "ModeNotSupported(mode=2)",
        "withdrawn: 5 OPG",
        "stopped",
    ],
    "docs/operating.md": [
        "model 1: digits",
        ".opg/fetched.onnx is version 1",
        "version 1 is fetched.onnx: program root",
        "stored as bafkrei",
        "in no batch yet",
        '"platform": "opg_tensor_machine"',
        "active stake: 1,500 OPG",
        "executed again here: the same words",
        "it is a 4 says 0x",
        "request 0x",
        "batch 1",
        "redeemed: 0.02 OPG",
        "collected: 0.002 OPG",
        "thaw 1 is over at",
        "answers executed again",
        "commission: 12.5 % from",
        "the answer is right",
        "nothing to win",
        "delegated: 20 OPG; it earns from",
        "credited: 0 OPG",
        "thaw 2 of 5 OPG is over at",
        "withdrawn: 5 OPG",
        "stopped",
    ],
    "docs/operating.md#A real model in five minutes": [
        "model 1: magika",
        '"ready": true',
        "README.md is markdown",
        "stopped",
    ],
}


def commands(name: str) -> str:
    """All shell blocks of a page, or of one section, one after another. Sections with a script of their own are no part of the page's."""
    page, _, wanted = name.partition("#")
    sections = re.split(r"^## ", (ROOT / page).read_text(), flags=re.M)
    titles = [section.partition("\n")[0] for section in sections]
    chosen = [
        section
        for title, section in zip(titles, sections, strict=True)
        if (title == wanted if wanted else f"{page}#{title}" not in SAYS)
    ]
    assert chosen, name
    blocks = re.findall(r"```sh\n(.*?)```", "\n".join(chosen), re.S)
    return "\n".join(block for block in blocks if not block.startswith(NOT_HERE))


def here(tmp_path: Path, script: str) -> str:
    """The script for ports of our own, in a folder that has the repository's files but nothing it writes."""
    for entry in ROOT.iterdir():
        if entry.name not in (".opg", "deployments", "scripts", ".git"):
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "scripts" / "proposals").mkdir(parents=True)
    script = script.replace("opg devnet start", f"opg devnet start --port {free_port()}")
    script = script.replace("127.0.0.1:8800", f"127.0.0.1:{(port := free_port())}")
    script = script.replace("opg node status", f"opg node status --url http://127.0.0.1:{port}")
    return "set -euo pipefail\n" + script.replace("opg node --model", f"opg node --port {port} --model")


@pytest.mark.parametrize("page", SAYS)
def test_commands_do_what_the_page_says(tmp_path, page):
    if "magika" in commands(page):
        wheel("magika", "magika")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPG_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-m", "-c", here(tmp_path, commands(page))],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    for words in SAYS[page]:
        assert words in told, told
    assert "Traceback" not in told
