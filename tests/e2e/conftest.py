"""What tests on the real engine share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.live import Live, a_live_project, held


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """A project of this module alone; its `SETTINGS`, where it has some, are the workbench.toml."""
    settings = getattr(request.module, "SETTINGS", {})
    async with held(lambda: a_live_project(settings)) as live:
        yield live
