"""The engine's tests also fail on what was only logged: an exception in a callback or a handler."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    logged = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert logged == [], [record.getMessage() for record in logged]
