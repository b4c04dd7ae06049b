"""Errors of the tensor machine. Each says what to do next."""


class TensorError(ValueError):
    """Bad words, tensors or programs."""


class CompileError(TensorError):
    """The ONNX file cannot become a program; names the node and the operator."""
