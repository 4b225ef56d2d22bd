"""A short soak; `make soak` is the long one."""

from __future__ import annotations

import random

import pytest

from tests.e2e.soaking import soaked

pytestmark = pytest.mark.docker


@pytest.mark.slow
async def test_nothing_is_left_after_mixed_work() -> None:
    seed = random.randrange(1_000_000)

    assert await soaked(warm_s=8, seconds=12, grown_mb=48, seed=seed) == [], f"seed {seed}"
