"""What is told in one line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workbench.model.names import EnvironmentId, FunctionName
from workbench.model.telemetry import (
    BackgroundFrozen,
    EventsChanged,
    Fault,
    MemoryShort,
    Swept,
    Telemetry,
)
from workbench.tui.asides import aside

ORDERS = FunctionName("orders")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            BackgroundFrozen(
                environment_id=EnvironmentId("1" * 32),
                function=ORDERS,
                at=datetime(2026, 11, 21, tzinfo=UTC),
                frozen_s=40.0,
                what="2 timers",
            ),
            "orders: 2 timers in the background stood still for 40.0 s",
        ),
        (Fault(where="history", message="it is full"), "history: it is full"),
        (
            MemoryShort(function=ORDERS, memory_mb=512, used_mb=9000, budget_mb=9216),
            "orders waits for memory: 9,000 of 9,216 MB are taken",
        ),
        (Swept(count=1), "removed 1 container that a killed workbench had left behind"),
        (Swept(count=1200), "removed 1,200 containers that a killed workbench had left behind"),
        (EventsChanged(function=ORDERS), None),
    ],
)
def test_it_is_told_in_one_line_or_not_at_all(value: Telemetry, line: str | None) -> None:
    assert aside(value) == line
