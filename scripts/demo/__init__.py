"""`make demo`: see `scripts/demo/__main__.py`."""
