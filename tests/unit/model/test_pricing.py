from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config.pricing import load_prices
from workbench.model.function import Architecture

PRICES = load_prices()


def test_prices_say_of_when_and_of_where_they_are() -> None:
    assert isinstance(PRICES.as_of, date)
    assert PRICES.source.startswith("https://")
    assert PRICES.region == "us-east-1"


@pytest.mark.parametrize(
    ("billed_ms", "memory_mb", "architecture", "storage_mb", "dollars"),
    [
        # Source: AWS's own example of a bill, "Lambda pricing": 3 million requests of 120 ms at
        # 1,536 MB are 540,000 GB-s, $9.00, and $0.60 for the requests.
        (120, 1536, Architecture.X86_64, 512, (9.00 + 0.60) / 3),
        (100, 1024, Architecture.ARM64, 512, 0.20 + 100_000 * 0.0000133334),
        (0, 128, Architecture.X86_64, 512, 0.20),
        (1000, 1024, Architecture.X86_64, 512 + 1024, 0.20 + 16.6667 + 0.0309),
    ],
)
def test_a_million_costs_what_the_bill_says(
    billed_ms: float, memory_mb: int, architecture: Architecture, storage_mb: int, dollars: float
) -> None:
    cost = PRICES.per_million(
        billed_ms, memory_mb=memory_mb, architecture=architecture, storage_mb=storage_mb
    )

    assert cost == pytest.approx(dollars, rel=1e-4)


@given(st.integers(1, 900_000), st.integers(128, 10_239), st.integers(512, 10_240))
def test_more_memory_for_the_same_time_never_costs_less(
    billed_ms: int, memory_mb: int, storage_mb: int
) -> None:
    less, more = (
        PRICES.per_million(
            billed_ms, memory_mb=size, architecture=Architecture.ARM64, storage_mb=storage_mb
        )
        for size in (memory_mb, memory_mb + 1)
    )
    assert less < more
