from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.fakes.workbench import a_function, fake_house
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import target

WAITING = (EnvironmentState.IDLE, EnvironmentState.FROZEN)


async def test_another_workbench_sees_the_last_state_though_nothing_follows(tmp_path: Path) -> None:
    """States that change while an earlier one is being written are written too."""
    payload = b'{"do": "wait", "seconds": 0.1}'
    request = InvokeRequest(target=target("orders"), payload=payload, origin=Origin.CLI)
    database = tmp_path / ".workbench" / "workbench.db"
    async with (
        fake_house(tmp_path, a_function(tmp_path, "orders")) as here,
        fake_house(tmp_path, a_function(tmp_path, "orders")) as there,
    ):
        with closing(sqlite3.connect(database, isolation_level=None)) as slow:
            slow.execute("BEGIN IMMEDIATE")  # what it does first waits to be written
            await here.workbench.invocations.finish(request)
            await asyncio.sleep(0.2)  # noqa: TID251 - as long as nothing more happens here
        async with asyncio.timeout(10):
            while True:
                seen = await there.workbench.environments.all()
                if [each.state for each in seen] in ([each] for each in WAITING):
                    break
