"""What is deleted when a workbench begins, because nobody will ask for it again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from workbench.clock import Clock
from workbench.config.events import EventFiles
from workbench.functions.code import CodeStore
from workbench.store.instances import live_instances

CODE_KEPT = timedelta(days=1)
DEPENDENCIES_KEPT = timedelta(days=30)
"""Longer, because installing them again takes a network."""
TRASH_KEPT = timedelta(days=30)


async def tidy(
    state: Path,
    *,
    code: CodeStore,
    events: EventFiles,
    clock: Clock,
    code_in_use: Collection[str] = (),
) -> None:
    """Empty the trash of what is old; delete code and dependencies that nobody has asked for in a
    while, when no other workbench of this project can be running from them.

    code_in_use: digests of code that is kept however old, because versions or layers are of it.
    """
    now = clock.now()
    await asyncio.to_thread(events.empty_trash, before=now - TRASH_KEPT)
    if len(await asyncio.to_thread(live_instances, state)) > 1:
        return
    await code.prune(
        unused_for_s=CODE_KEPT.total_seconds(), now_s=now.timestamp(), keep=code_in_use
    )
    unused_since_s = (now - DEPENDENCIES_KEPT).timestamp()
    await asyncio.to_thread(delete_unused, state / "dependencies", unused_since_s)


def delete_unused(folder: Path, unused_since_s: float) -> int:
    """Delete the folders in `folder` whose time (seconds, of the last use) is before that; how many."""
    deleted = 0
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < unused_since_s:
                    shutil.rmtree(path, ignore_errors=True)
                    deleted += 1
    return deleted
