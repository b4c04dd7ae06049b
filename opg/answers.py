"""A signed answer with its data: what nodes serve, clients keep as receipts, and watchtowers judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opg.chain.connection import Chain
from opg.chain.structs import Answer, Evidence
from opg.chain.typed import recover
from opg.errors import BadAnswer
from opg.keeping import keep


@dataclass(frozen=True)
class SignedAnswer:
    """An answer with all that proves it. `inputs` and `outputs` are packed big-endian words, one entry a
    tensor.
    """

    answer: Answer
    digest: bytes
    key: str
    signature: bytes
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    batch: bytes | None = None
    place: int | None = None

    @property
    def evidence(self) -> Evidence:
        """The operator's signature, in the form that the contracts take."""
        return Evidence(key=self.key, signature=self.signature)

    def check_signature(self, chain: Chain) -> None:
        """Raises `BadAnswer` unless the key itself has signed.

        The contracts take signatures of contract keys (ERC-1271) too, but such a key can deny what it signed until the answer is on
        chain: nobody could make its operator pay for a wrong one. So only the signature of a private key is worth something here.
        """
        if recover(self.digest, self.signature) == self.key:
            return
        if chain.has_code(self.key):
            raise BadAnswer(
                f"the answer is not acceptable: its key {self.key} is a contract, which can take its signature back",
                "don't use it; ask an operator whose serving key is an ordinary account",
            )
        raise BadAnswer(
            "the answer is not acceptable: its signature is not the named key's", "don't use it; ask another operator"
        )

    def json(self) -> dict[str, Any]:
        """What clients, watchtowers and receipt files hold."""
        return {
            "answer": self.answer.json(),
            "digest": "0x" + self.digest.hex(),
            "key": self.key,
            "signature": "0x" + self.signature.hex(),
            "inputs": ["0x" + words.hex() for words in self.inputs],
            "outputs": ["0x" + words.hex() for words in self.outputs],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SignedAnswer:
        """Reverse of `json`. Raises `ValueError`."""
        try:
            return cls(
                Answer.from_json(data["answer"]),
                _bytes(data["digest"]),
                str(data["key"]),
                _bytes(data["signature"]),
                tuple(_bytes(words) for words in data["inputs"]),
                tuple(_bytes(words) for words in data["outputs"]),
            )
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"not a signed answer: {problem}") from None

    @classmethod
    def load(cls, path: Path) -> SignedAnswer:
        """Reads a receipt file. Raises `BadAnswer`."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except OSError as problem:
            raise BadAnswer(f"cannot read {path}: {problem.strerror}", "name a receipt that opg ask wrote") from None
        except ValueError as problem:
            raise BadAnswer(f"{path} is not a receipt: {problem}", "name a receipt that opg ask wrote") from None

    def save(self, path: Path) -> None:
        """Writes a receipt file, for its owner only: it holds the inputs."""
        keep(path, json.dumps(self.json(), indent=2) + "\n")


def _bytes(text: str) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("not hexadecimal")
    return bytes.fromhex(text[2:])
