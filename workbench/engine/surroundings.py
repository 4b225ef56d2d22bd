"""What every execution environment is given."""

from __future__ import annotations

from workbench.clock import Clock
from workbench.engine.stem_cells import StemCells
from workbench.model.settings import Settings
from workbench.ports import ContainerDriver, HookReports, Journal, RuntimeEndpoints
from workbench.telemetry import Bus
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every environment is given, as one value."""

    driver: ContainerDriver
    endpoints: RuntimeEndpoints
    journal: Journal
    bus: Bus
    clock: Clock
    settings: Settings
    labels: tuple[tuple[str, str], ...]
    stems: StemCells | None = None
    """Containers that stand ready; `None`: every one is made when it is needed."""
    hook_reports: HookReports | None = None
    """`None`: nobody deploys."""
