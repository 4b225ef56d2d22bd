"""The journal of changes: what was published, moved and deleted, and taking the last of it back."""

from __future__ import annotations

from workbench.model.release import Change
from workbench.store.releases.release_store import ReleaseStore


class Changes:
    """Those of the project."""

    def __init__(self, *, store: ReleaseStore) -> None:
        self._store = store

    async def recent(self, *, limit: int = 50) -> tuple[Change, ...]:
        """The newest first."""
        return await self._store.changes(limit=limit)

    async def undo(self) -> Change:
        """Take back the last change that has not been; which it was. Raises `ConflictError`."""
        return await self._store.undo()
