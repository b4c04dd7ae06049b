"""Operators that no program of the machine can be, and why."""

from opg.tensor.compiler.registry import refuse

refuse("makes sequences or optionals; only tensors are supported",
       "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct",
       "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence")  # fmt: skip
refuse("works on strings; only numbers are supported",
       "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer")  # fmt: skip
refuse("is random; a program gives the same answer every time",
       "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")  # fmt: skip
refuse("decodes compressed images; decode before the model", "ImageDecoder")
