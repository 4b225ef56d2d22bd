"""What is told in one line at the bottom of the screen, and changes nothing else on it."""

from __future__ import annotations

from workbench.model.telemetry import BackgroundFrozen, Fault, MemoryShort, Swept, Telemetry
from workbench.tui.wording import seconds


def aside(value: Telemetry) -> str | None:
    """The line; `None` for what is no such thing."""
    match value:
        case BackgroundFrozen():
            lost = f"{value.what} in the background stood still for {seconds(value.frozen_s)}"
            return f"{value.function}: {lost}"
        case Fault():
            return f"{value.where}: {value.message}"
        case MemoryShort():
            taken = f"{value.used_mb:,} of {value.budget_mb:,} MB are taken"
            return f"{value.function} waits for memory: {taken}"
        case Swept():
            what = "1 container" if value.count == 1 else f"{value.count:,} containers"
            return f"removed {what} that a killed workbench had left behind"
    return None
