"""OPG: AI models that are owned, hosted by anyone, and verified by arithmetic."""

import os
from importlib import import_module
from typing import Any

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")  # three times as fast as the default

_PUBLIC = {"Client": ("opg.market", "Market"), "Terms": ("opg.market", "Terms")}  # loaded when they are used


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'opg' has no attribute {name!r}")
    module, inside = _PUBLIC[name]
    return getattr(import_module(module), inside)
