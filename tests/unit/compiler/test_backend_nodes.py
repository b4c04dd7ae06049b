"""ONNX's own operator tests: every one is executed with the expected result, or refused with a reason. None fails."""

from collections import Counter

import pytest

from scripts.operators_table import BOUND, FAILED, FOLDED, PAGE, REFUSED, RUN, judge_all, page


@pytest.fixture(scope="module")
def verdicts():
    return judge_all()


def test_no_case_fails(verdicts):
    assert [(v.name, v.why) for v in verdicts if v.how == FAILED] == []


def test_the_cases_that_run_are_many(verdicts):
    count = Counter(v.how for v in verdicts)
    assert count[RUN] + count[BOUND] >= 1380  # those that are only computed at compile time do not count
    assert count[RUN] >= 1140
    assert count.total() >= 1800 and count[FOLDED] < 100


def test_every_refusal_names_a_part_of_the_model_and_a_reason(verdicts):
    for verdict in verdicts:
        if verdict.how == REFUSED:
            assert verdict.why.startswith(("node ", "input ", "output ", "initializer ", "opset ")), verdict
            assert len(verdict.why) > 25, verdict


def test_the_page_is_what_the_compiler_does_now(verdicts):
    assert PAGE.read_text() == page(verdicts), "run: python -m scripts.operators_table"
