"""One module for each family of operators; importing them registers all."""

from opg.tensor.compiler.lower import (
    control,
    convolution,
    elementwise,
    images,
    indexing,
    matmul,
    normalisation,
    pooling,
    quantised,
    recurrent,
    reductions,
    refused,
    sampling,
    shapes,
    spectra,
    trigonometry,
)

__all__ = [
    "control",
    "convolution",
    "elementwise",
    "images",
    "indexing",
    "matmul",
    "normalisation",
    "pooling",
    "quantised",
    "recurrent",
    "reductions",
    "refused",
    "sampling",
    "shapes",
    "spectra",
    "trigonometry",
]
