"""Kills a child of its own by SIGKILL before each step of publishing: each use of a file, each
statement of SQL. Run as a program, by `test_publishing_crashes.py`, in one folder.

Says at how many points it killed, and fails where what is left does not do.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.functions.killed_code import CHANGES, DELETIONS, is_path
from tests.integration.functions.stage import stage, write
from workbench.model.names import FunctionName, Qualifier

ORDERS = FunctionName("orders")
LIVE = "live"


def killed_before(point: int, root: Path) -> bool:
    """Publish in a child, which ends before its `point`th step; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(published(root, lambda: count_down(point, str(root / ".workbench"))))
        except BaseException:  # noqa: BLE001 - the top of the child
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


async def published(root: Path, begin: Callable[[], None]) -> None:
    async with stage(root, root / ".workbench") as here:
        versions = here.releases.versions
        await here.releases.repository.store.changes()  # the file is open
        begin()
        await versions.publish(ORDERS)
        os._exit(0)


def count_down(point: int, state: str) -> None:
    left = point

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        ours = any(state in os.fsdecode(each) for each in arguments if is_path(each))
        if event in DELETIONS or (event in CHANGES and ours):
            step()

    connect = sqlite3.connect

    def counted(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(lambda _: step())
        return connection

    sys.addaudithook(hook)
    sqlite3.connect = counted  # type: ignore[assignment] # overloads


async def make(root: Path) -> None:
    """A function with one version and an alias, changed since."""
    write(root, "orders", "old")
    async with stage(root, root / ".workbench") as here:
        await here.releases.versions.publish(ORDERS)
        await here.releases.aliases.create(ORDERS, LIVE, Qualifier("1"))
    write(root, "orders", "new")


async def check(root: Path) -> None:
    """What was there is there; what is there runs; what was begun can be done again."""
    async with stage(root, root / ".workbench") as here:
        versions = here.releases.versions
        there = [each.number for each in await versions.all(ORDERS)]
        assert there in ([1], [1, 2]), there
        assert await here.call("orders:live") == b"old"
        version, new = await versions.publish(ORDERS)
        assert (version.number, new) == (2, there == [1])
        assert await here.call("orders:2") == b"new"
        changes = await here.releases.changes.recent()
        assert len(changes) == 3, changes


def main(folder: Path) -> None:
    made = folder / "made"
    made.mkdir()
    asyncio.run(make(made))
    point = 0
    while True:
        point += 1
        root = folder / f"point-{point}"
        shutil.copytree(made, root, symlinks=True)
        killed = killed_before(point, root)
        asyncio.run(check(root))
        shutil.rmtree(root)
        if not killed:
            break
    sys.stdout.write(f"{point - 1}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
