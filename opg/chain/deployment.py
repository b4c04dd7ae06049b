"""The manifest of a deployment: what is where."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opg.chain.artifacts import artifact
from opg.errors import NotDeployed

FORMAT = 2
PLACES = (  # of manifests: where one stands, this checkout, the installed package
    Path("deployments"),
    Path(__file__).resolve().parents[2] / "deployments",
    Path(__file__).resolve().parents[1] / "deployments",
)


@dataclass
class Deployment:
    """Addresses by contract name, and the parameters that they were deployed with (units in their names).

    `record` is the rest of the manifest: transactions, compiler, source hash, and per contract its constructor arguments and
    its ABI.
    """

    chain_id: int
    addresses: dict[str, str]
    block: int = 0  # first block that can hold an event of it
    parameters: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def address(self, name: str) -> str:
        """Address of a contract. Raises `NotDeployed`."""
        try:
            return self.addresses[name]
        except KeyError:
            raise NotDeployed(
                f"the deployment on chain {self.chain_id} has no contract {name}", "check the manifest"
            ) from None

    def abi(self, name: str) -> list[dict[str, Any]]:
        """Of a contract: from the manifest, else from what is compiled here. Raises `ArtifactMissing`."""
        written = self.record.get("contracts", {}).get(name, {})
        return written["abi"] if "abi" in written else artifact(name).abi

    def save(self, path: Path) -> None:
        """Writes the manifest, creating folders; never half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "format": FORMAT,
            "chainId": self.chain_id,
            "block": self.block,
            "addresses": self.addresses,
            "parameters": self.parameters,
            "record": self.record,
        }
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Reads a manifest. Raises `NotDeployed`."""
        try:
            content = json.loads(path.read_text())
            if content["format"] != FORMAT:
                raise NotDeployed(f"{path} has format {content['format']}, not {FORMAT}", "deploy again, or update opg")
            return cls(
                int(content["chainId"]),
                {str(k): str(v) for k, v in content["addresses"].items()},
                int(content.get("block", 0)),
                content.get("parameters", {}),
                content.get("record", {}),
            )
        except OSError:
            raise NotDeployed(
                f"there is no deployment manifest at {path}",
                "name one with --manifest, or deploy: opg deploy",
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotDeployed(f"{path} is not a deployment manifest", "name another with --manifest") from None


def manifest_path(chain_id: int) -> Path:
    """Where the manifest of a chain is when none is named; where one would be written when there is none."""
    paths = [folder / str(chain_id) / "manifest.json" for folder in PLACES]
    return next((path for path in paths if path.is_file()), paths[0])
