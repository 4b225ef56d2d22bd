"""Where and for whom things are opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.clock import Clock
from workbench.config.locations import host_id
from workbench.engine.concurrency import Ledger
from workbench.model.names import RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.ports import HookReports
from workbench.store.opening import Store
from workbench.telemetry import Bus
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What engines and examinations are given."""

    root: Path
    state: Path
    runtimes_folder: Path
    runtimes: Mapping[RuntimeName, Runtime]
    settings: Settings
    store: Store
    ledger: Ledger
    bus: Bus
    clock: Clock
    hook_reports: HookReports
    stays: bool = False
    """It is open for longer than a command: things are worth being made ahead of need."""

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """How the next start knows what a killed workbench left behind."""
        return (
            ("workbench.instance", self.store.instance.name),
            ("workbench.lock", str(self.store.instance.lock)),
            ("workbench.host", host_id()),
            ("workbench.project", str(self.root)),
        )
