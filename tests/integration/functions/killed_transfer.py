"""Kills a child of its own by SIGKILL before each step of importing a function, or of undoing that: each
use of a file, each statement of SQL. Run as a program, by `test_transfer_crashes.py`, in one folder.

Says at how many points it killed, and fails where what is left does not do.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.functions.killed_publishing import count_down
from tests.integration.functions.stage import RUNTIMES, Stage, stage
from workbench.config.discovery import ProjectReader
from workbench.errors import AlreadyExists
from workbench.model.names import FunctionName

ORDERS = FunctionName("orders")
FILE = "orders.workbench.zip"


@asynccontextmanager
async def project(root: Path) -> AsyncIterator[Stage]:
    root.mkdir(exist_ok=True)
    reader = ProjectReader(root, runtimes=RUNTIMES)
    async with stage(root, root / ".workbench", reader=reader) as here:
        yield here


async def export(folder: Path) -> None:
    """A function with one version and an event, in a file."""
    function = folder / "source" / "orders"
    (function / "events").mkdir(parents=True)
    (function / "app.py").write_text("def handler(event, context):\n    return 1\n")
    (function / "answer").write_text("old")
    (function / "events" / "small.json").write_text("{}")
    (function / "function.toml").write_text('runtime = "python3.13"\nhandler = "app.handler"\n')
    async with project(folder / "source") as here:
        await here.releases.versions.publish(ORDERS)
        await here.releases.transfer.export(ORDERS, folder / FILE)


async def import_it(here: Stage, folder: Path) -> None:
    await here.releases.transfer.import_file(folder / FILE)


async def check(here: Stage, folder: Path) -> None:
    """It is there as a whole, or not at all: then it can be imported. Either way that can be undone,
    and done again. What was half undone is so as a whole when it is undone again.
    """
    known = here.releases.repository.store.imports.known_now(ORDERS)
    if known and not (here.root / "orders").exists():
        await here.releases.changes.undo()
    try:
        await import_it(here, folder)
    except AlreadyExists:
        assert here.releases.repository.store.imports.known_now(ORDERS)
    for _ in range(2):
        assert await here.call("orders:1") == b"old"
        assert (here.root / "orders" / "events" / "small.json").read_text() == "{}"
        assert [*(here.root / ".workbench" / "imports").iterdir()] == []
        await here.releases.changes.undo()
        assert not (here.root / "orders").exists()
        assert not here.releases.repository.store.imports.known_now(ORDERS)
        await import_it(here, folder)


async def worked(folder: Path, root: Path, point: int, *, undoing: bool) -> None:
    """What the child does."""
    async with project(root) as here:
        await here.releases.changes.recent()  # the file is open
        count_down(point, str(root))
        if undoing:
            await here.releases.changes.undo()
        else:
            await import_it(here, folder)
        os._exit(0)


def killed_before(point: int, work: Callable[[], None]) -> bool:
    """Do `work` in a child, which ends before its `point`th step; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the top of the child
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


async def checked(folder: Path, root: Path) -> None:
    async with project(root) as here:
        await check(here, folder)


async def imported(folder: Path, root: Path) -> None:
    async with project(root) as here:
        await import_it(here, folder)


def main(folder: Path, *, undoing: bool) -> None:
    asyncio.run(export(folder))
    point = 0
    killed = True
    while killed:
        point += 1
        root = folder / f"point-{point}"
        if undoing:
            asyncio.run(imported(folder, root))
        killed = killed_before(
            point,
            lambda root=root, point=point: asyncio.run(  # type: ignore[misc] # of the loop
                worked(folder, root, point, undoing=undoing)
            ),
        )
        asyncio.run(checked(folder, root))
        shutil.rmtree(root)
    sys.stdout.write(f"{point - 1}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), undoing=sys.argv[2] == "undo")
