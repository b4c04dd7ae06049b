"""Sources for explorers: the compiler makes the deployed bytecode of them again; what explorers say is told."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from opg.chain.artifacts import artifact
from opg.chain.local import free_port
from opg.deploy import publish
from opg.deploy.plan import GENESIS
from opg.deploy.sources import compiler_version, identifier, source_hash, standard_json

SHIM = Path(__file__).resolve().parents[3] / "scripts" / "solc" / "shim.cjs"


@pytest.mark.parametrize("name", ["Guardian", "Channels"])
def test_compiler_makes_the_same_bytecode_of_the_published_sources_alone(name, tmp_path):
    """In an empty folder: nothing but what is in the JSON is there to be read."""
    given = json.dumps(standard_json(name))
    done = subprocess.run(
        ["node", str(SHIM), "--standard-json"], input=given, cwd=tmp_path, capture_output=True, text=True
    )
    path, _, contract = identifier(name).partition(":")
    made = json.loads(done.stdout)["contracts"][path][contract]["evm"]
    assert made["bytecode"]["object"] == artifact(name).bytecode
    assert made["deployedBytecode"]["object"] == artifact(name).runtime


def test_hash_is_of_every_source(monkeypatch):
    before = source_hash("Guardian")
    given = standard_json("Guardian")
    given["sources"]["contracts/interfaces/IGuardian.sol"]["content"] += " "
    monkeypatch.setattr("opg.deploy.sources.standard_json", lambda name: given)
    assert source_hash("Guardian") != before


@pytest.fixture
def deployment(deployed, plan):
    """Two contracts of it, as a manifest has them."""
    contracts = {name: {"arguments": "0x" + plan.encoded_arguments(name).hex()} for name in (GENESIS, "Channels")}
    record = {"contracts": contracts, "transactions": {"create Channels": "0x" + "12" * 32}}
    addresses = {name: plan.addresses[name] for name in contracts}
    return replace(deployed.deployment, addresses=addresses, record=record)


class Explorer:
    """A block explorer's interface over HTTP; keeps what it is sent."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answers: dict[str, tuple[int, object]] = {}
        explorer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                explorer.asked.append((self.command, self.path, body))
                code, answer = next(a for part, a in explorer.answers.items() if part in self.command + " " + self.path)
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def explorer() -> Iterator[Explorer]:
    made = Explorer()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_etherscan_gets_what_it_needs(deployment, explorer, monkeypatch):
    monkeypatch.setenv("ETHERSCAN_API_KEY", "key")
    explorer.answers = {"POST": (200, {"status": "1", "result": "guid"}), "GET": (200, {"result": "Pass - Verified"})}
    outcomes = list(publish(deployment, {"etherscan": explorer.url}, 0))
    assert [(o.contract, o.ok, o.message) for o in outcomes] == [
        (name, True, "Pass - Verified") for name in (GENESIS, "Channels")
    ]
    method, path, body = explorer.asked[2]
    form = {key: value[0] for key, value in parse_qs(body.decode()).items()}
    assert (method, "chainid=84532" in path) == ("POST", True)
    assert form["contractaddress"] == deployment.addresses["Channels"]
    assert form["contractname"] == "contracts/Channels.sol:Channels"
    assert form["compilerversion"] == "v" + compiler_version("Channels")
    assert json.loads(form["sourceCode"]) == standard_json("Channels")
    assert "0x" + form["constructorArguements"] == deployment.record["contracts"]["Channels"]["arguments"]


def test_etherscans_refusal_is_told(deployment, explorer, monkeypatch):
    monkeypatch.setenv("ETHERSCAN_API_KEY", "key")
    explorer.answers = {"POST": (200, {"status": "0", "result": "Invalid API Key"})}
    outcomes = list(publish(deployment, {"etherscan": explorer.url}, 0))
    assert {(o.ok, o.message) for o in outcomes} == {(False, "Invalid API Key")}


def test_without_a_key_etherscan_is_not_asked(deployment, explorer, monkeypatch):
    monkeypatch.delenv("ETHERSCAN_API_KEY", raising=False)
    (outcome,) = publish(deployment, {"etherscan": explorer.url}, 0)
    assert not outcome.ok and "ETHERSCAN_API_KEY" in outcome.message
    assert explorer.asked == []


def test_sourcify_gets_what_it_needs(deployment, explorer):
    done = {"isJobCompleted": True, "contract": {"match": "exact_match"}}
    explorer.answers = {"POST": (202, {"verificationId": "job"}), "GET": (200, done)}
    outcomes = list(publish(deployment, {"sourcify": explorer.url}, 0))
    assert {(o.ok, o.message) for o in outcomes} == {(True, "exact_match")}
    _, path, body = explorer.asked[2]
    sent = json.loads(body)
    assert path == f"/v2/verify/84532/{deployment.addresses['Channels']}"
    assert sent["stdJsonInput"] == standard_json("Channels")
    assert sent["contractIdentifier"] == "contracts/Channels.sol:Channels"
    assert sent["creationTransactionHash"] == "0x" + "12" * 32


def test_sourcify_that_knows_it_or_refuses(deployment, explorer):
    explorer.answers = {"POST": (409, {})}
    assert [o.message for o in publish(deployment, {"sourcify": explorer.url}, 0)] == ["already verified"] * 2
    explorer.answers = {
        "POST": (202, {"verificationId": "job"}),
        "GET": (200, {"isJobCompleted": True, "error": {"message": "bytecode differs"}}),
    }
    assert {(o.ok, o.message) for o in publish(deployment, {"sourcify": explorer.url}, 0)} == {
        (False, "bytecode differs")
    }
    explorer.answers = {"POST": (500, {"oops": 1})}
    assert all("HTTP 500" in o.message for o in publish(deployment, {"sourcify": explorer.url}, 0))


def test_explorer_that_is_away_is_asked_once(deployment):
    outcomes = list(publish(deployment, {"sourcify": f"http://127.0.0.1:{free_port()}/"}, 0))
    assert [(o.contract, o.ok) for o in outcomes] == [(GENESIS, False)]


def test_unknown_explorer_is_told(deployment):
    (outcome,) = publish(deployment, {"moonscan": "http://127.0.0.1/"})
    assert not outcome.ok and "there are etherscan and sourcify" in outcome.message
