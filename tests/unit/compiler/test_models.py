"""The ladder: digits, silero-vad, magika, PP-OCRv4 recognition, MiniLM. The same answers as onnxruntime on real inputs."""

import gc
import os

import numpy as np
import pytest

from opg.tensor import compile_onnx, element, trace
from opg.tensor.compiler.ops import Ops
from tests.models import DIGITS, LADDER, MAGIKA, MINILM, OCR, OCR_TEXTS, SILERO, magika, ocr_alphabet, run

DEEP = os.environ.get("OPG_DEEP") == "1"
each_model = pytest.mark.parametrize("model", LADDER, ids=lambda m: m.name)


def inputs_of(model):
    given = list(model.inputs())
    return given if DEEP or model in (DIGITS, SILERO) else given[: 1 if model is MINILM else 2]


@each_model
def test_the_answers_are_those_of_onnxruntime(model):
    compiled, session = model.compile(), model.session()
    for given in inputs_of(model):
        for got, want in zip(run(compiled, given), session.run(None, given), strict=True):
            assert got.shape == want.shape and got.dtype == want.dtype
            assert np.array_equal(got.argmax(-1), want.argmax(-1))
            assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()
            large = np.abs(want) >= np.abs(want).max() / 100
            assert (np.abs(got - want)[large] <= 1e-4 * np.abs(want)[large]).all()


@each_model
def test_every_op_can_be_refereed_and_is_what_the_definition_says(model):
    """A few elements of many ops by the slow interpreter."""
    compiled = model.compile()
    given = next(iter(model.inputs()))
    run_of_all = trace(compiled.program, [s.to_words(given[s.name]) for s in compiled.inputs])
    values, rng = run_of_all.values, np.random.default_rng(1)
    count = len(compiled.program.encoded)
    assert all(compiled.program.op(i) is not None for i in range(count))  # well-formed: its proof has a bound
    for index in rng.permutation(count)[: count if DEEP else 25]:
        result = run_of_all.results[index]
        for position in {0, len(result) - 1, int(rng.integers(len(result)))}:
            assert element(compiled.program, values, int(index), position) == result[position]


def test_magika_knows_what_files_are():
    compiled, labels = MAGIKA.compile(), magika().labels
    found = [labels[run(compiled, given)[0].argmax()] for given in inputs_of(MAGIKA)]
    assert found == ["markdown", "toml", "makefile", "json", "python", "solidity", "markdown", "onnx", "npz", "shell",
                     "javascript", "txt"][: len(found)]  # fmt: skip


def test_the_characters_of_a_picture_are_read():
    compiled, alphabet = OCR.compile(), ocr_alphabet()
    for given, text in zip(inputs_of(OCR), OCR_TEXTS, strict=True):
        best = run(compiled, given)[0][0].argmax(1)
        assert "".join(alphabet[c] for i, c in enumerate(best) if i == 0 or c != best[i - 1]) == text


def test_speech_is_told_from_silence():
    probabilities = run(SILERO.compile(), next(iter(SILERO.inputs())))[0]
    assert probabilities[2:6].max() < 0.1 < 0.9 < probabilities[9:13].min()


deep = pytest.mark.skipif(not DEEP, reason="22 million weights: make test-deep")


@deep
def test_sentences_that_mean_alike_are_near():
    compiled = MINILM.compile()
    first, second, other = (run(compiled, given)[0][0] for given in MINILM.inputs())
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert first @ second > 0.2 > 0.1 > abs(first @ other)


@deep
def test_the_minilm_file_has_the_same_bytes_every_time():
    assert MINILM.load() == MINILM.load()


def test_compiler_lets_go_of_the_weights_at_once():
    """Not when Python next looks for cycles: until then MiniLM would take 40 MB more."""
    gc.collect()
    gc.disable()
    try:
        compile_onnx(DIGITS.load(), DIGITS.bindings)
        assert not [each for each in gc.get_objects() if isinstance(each, Ops)]
    finally:
        gc.enable()
