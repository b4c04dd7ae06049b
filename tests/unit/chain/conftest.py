"""See tests/stage.py."""

from tests.stage import digits, host, picture, session_stage, stage, user, version  # noqa: F401
