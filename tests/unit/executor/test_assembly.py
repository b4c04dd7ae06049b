"""The compiled code multiplies, then adds: nothing is fused."""

import re

import pytest

from opg.tensor.functions import Fn
from opg.tensor.kernels import library

FUSED = re.compile(r"\b(vfn?m(add|sub)\w*|fn?m(la|ls|add|sub)\w*)\b")
ROUNDED = re.compile(r"\b(v?mul[ps]s|fmul)\b")

KERNELS = [
    ("multiply", Fn.MUL + 256),
    ("multiply", Fn.MUL),
    ("contract", Fn.MUL),
    ("contract rows", Fn.MUL + 256 + 4096),
    *(("map", fn) for fn in (Fn.EXP, Fn.LOG, Fn.TANH, Fn.ERF, Fn.SIGMOID, Fn.SIN, Fn.POW)),
]


@pytest.mark.parametrize(("name", "code"), KERNELS)
def test_no_kernel_fuses(name, code):
    text = library.assembly(name, code)
    assert ROUNDED.search(text), "the kernel's own code was not looked at"
    assert not FUSED.search(text)


def test_the_test_would_see_a_fused_instruction():
    assert FUSED.search("\tvfmadd231ps\t%zmm1, %zmm2, %zmm3") and FUSED.search("\tfmla\tv0.4s, v1.4s, v2.4s")
