"""Environments as plain local processes: the driver's contract, and what is its own."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from tests.integration.conformance.container_driver import ContainerDriverSuite, Subject
from tests.integration.process_support import process_subject


@pytest.mark.both_loops
class TestProcessDriver(ContainerDriverSuite):
    """See the suite."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return process_subject()
