from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from workbench.clock import SystemClock
from workbench.facade.instances import Instances
from workbench.store.instances import Instance, InstanceKind

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


async def test_one_that_has_only_just_been_started_is_waited_for(tmp_path: Path) -> None:
    with (
        Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as own,
        Instance.open(tmp_path, kind=InstanceKind.TUI, started_at=EPOCH) as screen,
    ):
        instances = Instances(own=own, state=tmp_path, clock=SystemClock())
        assert await instances.taking_orders() == ()

        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(instances.taking_orders(within_s=30))
            await asyncio.sleep(0.1)  # noqa: TID251 - it has looked by then
            assert not looking.done()
            screen.announce(control="http://127.0.0.1:1", token="t")

        assert looking.result() == (screen.info,)


async def test_one_that_takes_none_is_not(tmp_path: Path) -> None:
    with (
        Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH) as own,
        Instance.open(tmp_path, kind=InstanceKind.CLI, started_at=EPOCH),
    ):
        instances = Instances(own=own, state=tmp_path, clock=SystemClock())

        async with asyncio.timeout(30):
            assert await instances.taking_orders(within_s=3600) == ()
