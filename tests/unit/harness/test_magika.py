"""What `scripts.magika` makes of a file and of scores is what the wheel's own program makes of them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from opg.errors import BadInput
from scripts.demo.samples import FILES, samples
from scripts.demo.subjects import KINDS
from scripts.magika import Magika
from tests.models import ROOT, magika

CONTENTS = {
    "short": b"#!/bin/sh\necho 1\n",
    "as long as one half": bytes(range(256)) * 4,
    "one byte more": bytes(range(256)) * 4 + b"!",
    "white space around": b" \n\t" * 900 + b"word " * 400 + b"\n" * 5_000,
    "longer than a block": np.random.default_rng(1).bytes(9_000),
}


@pytest.fixture
def model() -> Magika:
    return magika()


@pytest.fixture
def original(model):
    """The wheel's own program, on onnxruntime."""
    return pytest.importorskip("magika").Magika()


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_becomes_the_same_input(model, original, name):
    from magika.types import Seekable

    keys = ("beg_size", "mid_size", "end_size", "padding_token", "block_size", "use_inputs_at_offsets")
    content = CONTENTS[name]
    sizes = {key: model.config[key] for key in keys}
    theirs = original._extract_features_from_seekable(Seekable(io.BytesIO(content)), **sizes)
    assert model.features(content).tolist() == [[*theirs.beg, *theirs.end]]


@pytest.mark.parametrize("guess", ["png", "randomtxt", "randombytes", "markdown", "crt"])
@pytest.mark.parametrize("score", [0.2, 0.5, 0.8, 0.99])
def test_scores_become_the_same_label(model, original, guess, score):
    scores = np.full(len(model.labels), 1e-4, np.float32)
    scores[model.labels.index(guess)] = score
    theirs, _ = original._get_output_label_from_dl_label_and_score(guess, float(np.float32(score)))
    assert model.label(scores) == str(theirs)


def test_too_few_bytes_are_refused(model):
    with pytest.raises(BadInput, match="7 bytes are too few"):
        model.features(b"  7 bytes")


@pytest.mark.parametrize("name", KINDS)
def test_the_files_of_the_demo_are_what_it_says(original, name):
    assert str(original.identify_path(ROOT / name).prediction.output.label) == KINDS[name]


def test_the_samples_are_those_that_their_script_makes():
    assert {path.name: path.read_bytes() for path in FILES.iterdir()} == samples()
