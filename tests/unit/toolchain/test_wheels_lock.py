"""The wheels of the models, and of other people's clients, are pinned by hash, each of them, and nothing else is."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.evm import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", ["models", "clients"])
def test_what_the_project_names_is_what_is_locked(extra):
    lock = (ROOT / f"requirements-{extra}.lock").read_text()
    pins = re.findall(r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", lock, re.M)
    locked, named = [pin for pin, _ in pins], [re.sub(r"\[.*\]", "", each) for each in EXTRAS[extra]]
    assert sorted(named) == locked if extra == "models" else set(named) < set(locked)
    assert lock.count("\n") == sum(1 + hashes.count("--hash") for _, hashes in pins)


@pytest.mark.parametrize(("names", "found"), [([], 5), (["magika"], 1), (["magika", "tokenizers"], 2), (["magik"], 0)])
def test_only_what_is_asked_for_is_installed(tmp_path, names, found):
    """pip is one that writes down what it was given."""
    pip = tmp_path / "python"
    pip.write_text(f'#!/bin/bash\necho "$*" >{tmp_path}/said\ncp "${{@: -1}}" {tmp_path}/given\n')
    pip.chmod(0o755)
    command = ["bash", ROOT / "scripts" / "models.sh", *names]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True)
    assert (done.returncode == 0) == bool(found), done.stderr
    if found:
        given = (tmp_path / "given").read_text()
        assert given.count("==") == found and all(f"{name}==" in given for name in names)
        assert "--require-hashes" in (tmp_path / "said").read_text() and "--no-deps" in (tmp_path / "said").read_text()
