"""The journal of changes: what was published, moved, deleted and configured, and taking the last of it back."""

from __future__ import annotations

import asyncio

from workbench.clock import Clock
from workbench.functions.configuring import Configuring
from workbench.functions.import_folder import ImportFolders
from workbench.model.names import FunctionName
from workbench.model.release import Change, ChangeKind
from workbench.store.releases.release_store import ReleaseStore
from workbench.store.releases.undoing import undo_now


class Changes:
    """Those of the project."""

    def __init__(
        self, *, store: ReleaseStore, folders: ImportFolders, configuring: Configuring, clock: Clock
    ) -> None:
        self._store = store
        self._clock = clock
        self._folders = folders
        self._configuring = configuring

    async def recent(self, *, limit: int = 50) -> tuple[Change, ...]:
        """The newest first."""
        return await self._store.changes(limit=limit)

    async def undo(self) -> Change:
        """Take back the last change that has not been; which it was. Raises `ConflictError`,
        and for an edit as `Configuring.restore`.

        A folder that was imported goes to the trash, from which nothing deletes it for 30 days.
        """
        return await asyncio.to_thread(self._undo)

    def _undo(self) -> Change:
        with self._folders.alone(), self._configuring.alone():
            return undo_now(self._store.database, at=self._clock.now(), also=self._take_back)

    def _take_back(self, change: Change) -> None:
        if change.kind is ChangeKind.CONFIGURE:
            self._configuring.restore(change)
        if change.kind is ChangeKind.IMPORT and change.after is not None:
            digest = change.after.get("folder")
            if digest is not None:
                self._folders.move_out(FunctionName(change.after["function"]), digest)
