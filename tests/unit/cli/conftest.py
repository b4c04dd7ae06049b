"""Runs commands of `opg` in this process, as the console script would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from opg.cli import app
from tests.stage import digits, host, picture, session_stage, stage, user, version  # noqa: F401

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(stage, tmp_path, monkeypatch, capsys) -> Cli:  # noqa: F811
    """`cli("operator", "stake", "5", key=account)` gives exit code, output and errors."""
    deployed = tmp_path / "manifest.json"
    stage.chain.deployment.save(deployed)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, key: LocalAccount | None = None, rpc: str = "", manifest: Path | None = None):
        monkeypatch.setenv("OPG_RPC", rpc or stage.local.url)
        monkeypatch.setenv("OPG_MANIFEST", str(manifest or deployed))
        monkeypatch.delenv("OPG_PRIVATE_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("OPG_PRIVATE_KEY", key.key.hex())
        return typed(capsys, *arguments)

    return run


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    capsys.readouterr()
    code = 0
    try:
        app(list(arguments))
    except SystemExit as ended:
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err
