"""Compiles the contracts with Brownie and checks that each fits on chain.

python -m scripts.compile
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_CODE = 24_576  # EIP-170


def main() -> int:
    done = subprocess.run(
        [Path(sys.executable).parent / "brownie", "compile"], cwd=ROOT, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    if done.returncode or "CompilerError" in output or not (ROOT / "build" / "contracts").is_dir():
        print(output, file=sys.stderr)
        return 1
    too_large = {}
    for path in sorted((ROOT / "build" / "contracts").glob("*.json")):
        size = len(json.loads(path.read_text())["deployedBytecode"].removeprefix("0x")) // 2
        if size > MAX_CODE:
            too_large[path.stem] = size
    for name, size in too_large.items():
        print(f"{name} has {size} bytes of code; the limit is {MAX_CODE}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
