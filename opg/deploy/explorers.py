"""Giving the sources of a deployment to block explorers, so that everybody can read them beside the bytecode."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from opg.chain.deployment import Deployment
from opg.deploy.sources import compiler_version, identifier, standard_json

ETHERSCAN_KEY = "ETHERSCAN_API_KEY"
TIMEOUT_SECONDS = 30
POLLS = 20


@dataclass(frozen=True)
class Outcome:
    """What an explorer said about one contract, or why it was not asked."""

    explorer: str
    contract: str
    ok: bool
    message: str


def publish(deployment: Deployment, explorers: Mapping[str, str], wait_seconds: float = 3.0) -> Iterator[Outcome]:
    """Submits every contract to each explorer (`etherscan` and `sourcify`, by the URLs of their interfaces).

    Never raises for an explorer that is away or refuses: the outcome says so.
    """
    submit: dict[str, Callable[..., str]] = {"etherscan": _etherscan, "sourcify": _sourcify}
    for explorer, url in explorers.items():
        if explorer not in submit:
            yield Outcome(explorer, "-", False, "there is no such explorer; there are etherscan and sourcify")
            continue
        if explorer == "etherscan" and not os.environ.get(ETHERSCAN_KEY):
            yield Outcome(explorer, "-", False, f"not submitted: put an API key into {ETHERSCAN_KEY}")
            continue
        with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
            for name in deployment.addresses:
                try:
                    yield Outcome(explorer, name, True, submit[explorer](client, deployment, name, wait_seconds))
                except (httpx.HTTPError, ValueError, KeyError, TypeError, _Refused) as problem:
                    yield Outcome(explorer, name, False, str(problem) or type(problem).__name__)
                    if isinstance(problem, httpx.TransportError):
                        break  # it is away: no need to ask for each contract


class _Refused(Exception):
    pass


def _etherscan(client: httpx.Client, deployment: Deployment, name: str, wait: float) -> str:
    """Version 2: one interface for all chains."""
    common = {"chainid": str(deployment.chain_id), "module": "contract"}
    key = os.environ[ETHERSCAN_KEY]
    form = {
        "apikey": key,
        "action": "verifysourcecode",
        "contractaddress": deployment.address(name),
        "sourceCode": json.dumps(standard_json(name)),
        "codeformat": "solidity-standard-json-input",
        "contractname": identifier(name),
        "compilerversion": "v" + compiler_version(name),
        "constructorArguements": _arguments(deployment, name),  # sic
    }
    answer = _json(client.post("", params=common, data=form))
    result = str(answer.get("result"))
    if "already verified" in result.lower():
        return result
    if str(answer.get("status")) != "1":
        raise _Refused(result)
    query = common | {"action": "checkverifystatus", "guid": result, "apikey": key}
    for _ in range(POLLS):
        time.sleep(wait)
        state = str(_json(client.get("", params=query)).get("result"))
        if "pending" not in state.lower():
            if state.lower().startswith(("pass", "already")):
                return state
            raise _Refused(state)
    raise _Refused("still pending; look later")


def _sourcify(client: httpx.Client, deployment: Deployment, name: str, wait: float) -> str:
    transactions = deployment.record.get("transactions", {})
    body = {
        "stdJsonInput": standard_json(name),
        "compilerVersion": compiler_version(name),
        "contractIdentifier": identifier(name),
    }
    if transaction := transactions.get(f"create {name}"):
        body["creationTransactionHash"] = transaction
    response = client.post(f"v2/verify/{deployment.chain_id}/{deployment.address(name)}", json=body)
    if response.status_code == httpx.codes.CONFLICT:
        return "already verified"
    job = _json(response)["verificationId"]
    for _ in range(POLLS):
        time.sleep(wait)
        state = _json(client.get(f"v2/verify/{job}"))
        if state.get("isJobCompleted"):
            if error := state.get("error"):
                raise _Refused(str(error.get("message", error)))
            return str(state["contract"]["match"])
    raise _Refused("still pending; look later")


def _arguments(deployment: Deployment, name: str) -> str:
    return str(deployment.record["contracts"][name]["arguments"]).removeprefix("0x")


def _json(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise _Refused(f"HTTP {response.status_code}: {response.text[:200]}")
    made = response.json()
    if not isinstance(made, dict):
        raise _Refused("it answered with something that is no object")
    return made
