"""docs/threat-model.md names tests: they exist, and say which attack they are about."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "threat-model.md"
FILE = re.compile(r"`((?:unit|property|scenario)/[\w/]+\.py)?(?:::(test_\w+))?`")


def named() -> list[tuple[str, str, str]]:
    """Attack, file and test of every reference; a test without a file is in the one named before."""
    found = []
    for row in PAGE.read_text().splitlines():
        number = re.match(r"\| (\d+) \|", row)
        path = ""
        for file, test in FILE.findall(row) if number else ():
            path = file or path
            if path:
                found.append((number[1], path, test))
    return found


def test_every_attack_has_a_test():
    attacks = {int(number) for number, _, _ in named()}
    assert {11, 12, 13, 14, 15, 16, 17} <= attacks


@pytest.mark.parametrize(("attack", "path", "test"), named())
def test_the_tests_exist(attack, path, test):
    source = (ROOT / "tests" / path).read_text()
    assert not test or f"def {test}(" in source
