"""The stem cells that stand ready: who gets one, and when new ones are made.

One mechanism for cold starts, scale-out, reloads and replacements: whoever needs a container asks
here first. How many of which kind are worth it is decided in `model/stem.py`.

Invariant: a cell is given away at most once, and is never seen by anybody else.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import field

from workbench.clock import Clock
from workbench.errors import DriverError
from workbench.model.container import ContainerSpec
from workbench.model.names import EnvironmentId
from workbench.model.settings import StemSettings
from workbench.model.stem import CellKind, CellSpec, Demand, asked, expected, wanted
from workbench.ports import (
    CellDriver,
    ConnectionFactory,
    Container,
    ContainerListener,
    StemCell,
)
from workbench.values import dataclass

RETRY_S = 15.0
"""After a cell of a kind could not be made."""


@dataclass(eq=False, slots=True)
class _Coming:
    """A cell that is being made."""

    kind: CellKind
    memory_mb: int
    promised: bool = False
    """Somebody waits for it."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    cell: StemCell | None = None


class StemCells:
    """All of them."""

    def __init__(
        self,
        driver: CellDriver,
        *,
        clock: Clock,
        settings: StemSettings,
        labels: tuple[tuple[str, str], ...],
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._settings = settings
        self._labels = labels
        self._demands: dict[CellKind, Demand] = {}
        self._measured: dict[CellKind, int] = {}
        self._ready: list[StemCell] = []
        """Oldest first."""
        self._coming: list[_Coming] = []
        self._not_before: dict[CellKind, float] = {}
        self._first_s: float | None = None
        """Something was asked for then that has not been made up for; `_last_s` the latest."""
        self._last_s = 0.0
        self._stirred = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._makings: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[StemCells]:
        """Make and keep cells while the context is open; leaving it waits until they are gone."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            keeping = tasks.create_task(self._keep(), name="stem cells")
            try:
                yield self
            finally:
                self._tasks = None
                for task in (keeping, *self._makings):
                    task.cancel()
                cells, self._ready = self._ready, []
                # Not in the outer group: left by a cancellation, it would not let them finish.
                async with asyncio.TaskGroup() as removals:
                    for cell in cells:
                        removals.create_task(cell.remove(), name=f"remove {cell.spec.name}")

    @property
    def ready(self) -> tuple[StemCell, ...]:
        """Those that could be claimed now, oldest first."""
        return tuple(self._ready)

    def expect(self, kind: CellKind, *, memory_mb: int) -> None:
        """An environment of this kind may be wanted soon."""
        now_s = self._clock.monotonic()
        self._demands[kind] = expected(self._demands.get(kind), memory_mb=memory_mb, now_s=now_s)
        self._stir(now_s)

    async def claim(
        self,
        kind: CellKind,
        spec: ContainerSpec,
        listener: ContainerListener,
        connections: ConnectionFactory,
    ) -> Container | None:
        """A cell made the container of `spec`; `None` when there is none, or none that is any good.

        Waits for one that is being made anyway, never for one that is not.
        """
        self._ask(kind, spec.memory_mb)
        while True:
            cell = self._take(kind, spec.memory_mb) or await self._await_coming(kind)
            if cell is None:
                return None
            try:
                return await cell.claim(spec, listener, connections)
            except DriverError:
                self._remove(cell)  # and look for another one
            except BaseException:
                await asyncio.shield(cell.remove())
                raise

    # --- inside ---------------------------------------------------------------------------------------

    def _ask(self, kind: CellKind, memory_mb: int) -> None:
        now_s = self._clock.monotonic()
        self._demands[kind] = asked(
            self._demands.get(kind), memory_mb=memory_mb, now_s=now_s, settings=self._settings
        )
        self._stir(now_s)

    def _stir(self, now_s: float) -> None:
        self._first_s = now_s if self._first_s is None else self._first_s
        self._last_s = now_s
        self._stirred.set()

    def _take(self, kind: CellKind, memory_mb: int) -> StemCell | None:
        """One that stands ready, with the right memory if there is such a one."""
        fitting = [cell for cell in self._ready if cell.spec.kind == kind]
        if not fitting:
            return None
        best = next((cell for cell in fitting if cell.spec.memory_mb == memory_mb), fitting[0])
        self._ready.remove(best)
        return best

    async def _await_coming(self, kind: CellKind) -> StemCell | None:
        """One that is being made and that nobody waits for yet: it will be there before a new one."""
        coming = next((c for c in self._coming if c.kind == kind and not c.promised), None)
        if coming is None:
            return None
        coming.promised = True
        try:
            await coming.ended.wait()
        except BaseException:
            coming.promised = False
            if coming.cell is not None:
                self._ready.append(coming.cell)
            raise
        return coming.cell

    async def _keep(self) -> None:
        while True:
            self._stirred.clear()
            due_s = self._catch_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    None if due_s is None else max(0.0, due_s - self._clock.monotonic())
                ):
                    await self._stirred.wait()

    def _catch_up(self) -> float | None:
        """Start and stop making what is wanted; when to look again, if nothing happens before."""
        now_s = self._clock.monotonic()
        if self._first_s is not None:
            quiet_s = self._last_s + self._settings.refill_after_s
            due_s = min(quiet_s, self._first_s + self._settings.refill_limit_s)
            if due_s > now_s:
                return due_s
            self._first_s = None
        counts = self._counts(now_s)
        for kind, count in counts.items():
            self._thin_out(kind, count)
        self._forget(now_s)
        looks_s = [at_s for at_s in self._not_before.values() if at_s > now_s]
        looks_s += [d.last_s + self._settings.time_to_live_s for d in self._demands.values()]
        for kind in sorted(self._demands, key=lambda kind: -self._demands[kind].last_s):
            while (
                len(self._coming) < self._settings.parallel  # the end of one of them stirs
                and self._number(kind) < counts[kind]
                and self._not_before.get(kind, now_s) <= now_s
            ):
                self._make(kind)
        return min(looks_s, default=None)

    def _counts(self, now_s: float) -> dict[CellKind, int]:
        for cell in self._ready:
            if cell.held_bytes is not None:
                self._measured[cell.spec.kind] = cell.held_bytes
        return wanted(
            self._demands, cell_bytes=self._measured, now_s=now_s, settings=self._settings
        )

    def _forget(self, now_s: float) -> None:
        """What nobody has asked for in a long time."""
        for kind, demand in list(self._demands.items()):
            if now_s - demand.last_s >= self._settings.time_to_live_s:
                del self._demands[kind]
                self._measured.pop(kind, None)
                self._not_before.pop(kind, None)

    def _number(self, kind: CellKind) -> int:
        ready = sum(cell.spec.kind == kind for cell in self._ready)
        return ready + sum(c.kind == kind and not c.promised for c in self._coming)

    def _thin_out(self, kind: CellKind, count: int) -> None:
        fitting = [cell for cell in self._ready if cell.spec.kind == kind]
        for cell in fitting[: max(0, len(fitting) - count)]:
            self._ready.remove(cell)
            self._remove(cell)

    def _remove(self, cell: StemCell) -> None:
        if self._tasks is not None:
            self._tasks.create_task(cell.remove(), name=f"remove {cell.spec.name}")

    def _make(self, kind: CellKind) -> None:
        assert self._tasks is not None, "cells are made while open"
        coming = _Coming(kind=kind, memory_mb=self._demands[kind].memory_mb)
        self._coming.append(coming)
        task = self._tasks.create_task(self._making(coming), name="make a stem cell")
        self._makings.add(task)
        task.add_done_callback(self._makings.discard)

    async def _making(self, coming: _Coming) -> None:
        cell_id = EnvironmentId(uuid.uuid4().hex)
        spec = CellSpec(
            cell_id=cell_id,
            name=f"wb-stem-{cell_id[:8]}",
            kind=coming.kind,
            memory_mb=coming.memory_mb,
            labels=self._labels,
        )
        try:
            cell = await self._driver.create_cell(spec, lambda: self._spoiled(cell_id))
        except DriverError:
            # Whoever needs a container of this kind will be told why it cannot be had.
            self._not_before[coming.kind] = self._clock.monotonic() + RETRY_S
        else:
            coming.cell = cell
            if not coming.promised:
                self._ready.append(cell)
        finally:
            self._coming.remove(coming)
            coming.ended.set()
            self._stirred.set()

    def _spoiled(self, cell_id: EnvironmentId) -> None:
        for cell in self._ready:
            if cell.spec.cell_id == cell_id:
                self._ready.remove(cell)
                self._remove(cell)
                self._stir(self._clock.monotonic())
                return
