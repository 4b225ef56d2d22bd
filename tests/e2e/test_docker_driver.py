"""The container driver of the product, on a real engine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest

from tests.e2e.containers import docker_subject
from tests.integration.conformance.container_driver import ContainerDriverSuite, Subject

pytestmark = pytest.mark.docker


class TestDockerDriver(ContainerDriverSuite):
    """See the suite."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return docker_subject()


class TestAttachedDockerDriver(ContainerDriverSuite):
    """The same, where the channel goes over the engine's own API: one on another kernel."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return docker_subject(attached=True)
