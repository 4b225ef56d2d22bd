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
from workbench.errors import StoreError
from workbench.functions.code import CodeStore
from workbench.store.instances import live_instances
from workbench.store.releases.release_store import ReleaseStore

CODE_KEPT = timedelta(days=1)
DEPENDENCIES_KEPT = timedelta(days=30)
"""Longer, because installing them again takes a network."""
TRASH_KEPT = timedelta(days=30)


async def tidy(
    state: Path,
    *,
    code: CodeStore,
    events: EventFiles,
    releases: ReleaseStore,
    clock: Clock,
) -> None:
    """Empty the trash of what is old; delete code and dependencies that nobody has asked for in a
    while, when no other workbench of this project can be running from them, and nothing published
    needs them.
    """
    now = clock.now()
    await asyncio.to_thread(events.empty_trash, before=now - TRASH_KEPT)
    if len(await asyncio.to_thread(live_instances, state)) > 1:
        return
    try:
        await releases.forget_deleted()
        needed = await releases.references()
    except StoreError:
        return  # said by whoever asks for a version; what it may need stays
    await code.prune(
        unused_for_s=CODE_KEPT.total_seconds(), now_s=now.timestamp(), keep=needed.code
    )
    unused_since_s = (now - DEPENDENCIES_KEPT).timestamp()
    await asyncio.to_thread(
        delete_unused, state / "dependencies", unused_since_s, keep=needed.dependencies
    )


def delete_unused(
    folder: Path, unused_since_s: float, *, keep: Collection[str] = frozenset()
) -> int:
    """Delete the folders in `folder` whose time (seconds, of the last use) is before that, but for
    those named in `keep`; how many.
    """
    deleted = 0
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            with suppress(FileNotFoundError):
                if path.name not in keep and path.stat().st_mtime < unused_since_s:
                    shutil.rmtree(path, ignore_errors=True)
                    deleted += 1
    return deleted
