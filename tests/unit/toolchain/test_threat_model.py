"""docs/threat-model.md names tests: they exist, and say which attack they are about."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "threat-model.md"
FILE = re.compile(r"`((?:(?:unit|property|scenario)/[\w/{},]+/)?test_\w+\.py)?(?:::(test_\w+))?`")
NUMBERS = re.compile(r"Attacks? (\d+(?:(?:, | and | to )\d+)*)")


def named() -> list[tuple[str, str, str]]:
    """Attacks, file and test of every reference; a test without a file is in the one named before, a file without a folder beside it."""
    found = []
    for row in PAGE.read_text().splitlines():
        numbers = re.match(r"\| ([\d, ]+) \|", row)
        path = ""
        for file, test in FILE.findall(row.rsplit(" | ", 1)[-1]) if numbers else ():
            path = file if "/" in file else f"{path.rpartition('/')[0]}/{file}" if file else path
            if file or test:
                found += [(numbers[1], each, test) for each in alternatives(path)]
    return found


def alternatives(path: str) -> list[str]:
    """As a shell reads `{one,other}`."""
    before, brace, rest = path.partition("{")
    if not brace:
        return [path]
    inside, _, after = rest.partition("}")
    return [before + each + after for each in inside.split(",")]


def test_every_attack_has_a_test():
    attacks = {int(each) for numbers, _, _ in named() for each in numbers.split(", ")}
    assert attacks == set(range(1, 26))


@pytest.mark.parametrize(("attacks", "path", "test"), named())
def test_the_tests_exist_and_say_what_they_are_about(attacks, path, test):
    tree = ast.parse((ROOT / "tests" / path).read_text())
    places = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    words = " ".join(ast.get_docstring(each) or "" for each in places if not test or getattr(each, "name", "") == test)
    said = {number for numbers in NUMBERS.findall(words) for number in re.findall(r"\d+", numbers)}
    assert said & set(attacks.split(", ")), words
