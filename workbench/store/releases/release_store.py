"""Everything that was published, as the rooms above ask for it.

Invariant: what another process has committed is seen by the next question.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.clock import Clock
from workbench.errors import PreconditionFailed
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import (
    Alias,
    Change,
    PublishedVersion,
    new_revision,
)
from workbench.store.releases import aliases, changes, layers, provisioned, versions
from workbench.store.releases.database import ReleaseDatabase
from workbench.store.releases.imports import Imports
from workbench.store.releases.layer_store import LayerStore
from workbench.store.releases.provisioned import Wanted
from workbench.store.releases.versions import KEPT_DELETED, References


class ReleaseStore:
    """Versions, aliases and the journal of changes of one project."""

    def __init__(self, state: Path, *, clock: Clock) -> None:
        """state: the project's folder of our own. Nothing is read or made yet."""
        self.database = ReleaseDatabase(state / "releases.db")
        self.layers = LayerStore(self.database, clock=clock)
        self.imports = Imports(self.database, clock=clock)
        self._clock = clock
        self._generation = 0
        self._versions: dict[tuple[FunctionName, int], PublishedVersion | None] = {}
        self._aliases: dict[tuple[FunctionName, str], Alias | None] = {}

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    # --- looked up for every invocation: microseconds -------------------------------------------------

    def version_now(self, function: FunctionName, number: int) -> PublishedVersion | None:
        """One version, if it exists. Raises `StoreError`, as everything here."""
        self._look()
        key = (function, number)
        if key not in self._versions:
            self._versions[key] = self.database.read_now(
                lambda connection: versions.find(connection, function, number)
            )
        return self._versions[key]

    def alias_now(self, function: FunctionName, name: str) -> Alias | None:
        """One alias, if it exists."""
        self._look()
        key = (function, name)
        if key not in self._aliases:
            self._aliases[key] = self.database.read_now(
                lambda connection: aliases.find(connection, function, name)
            )
        return self._aliases[key]

    def look(self) -> int:
        """A number that is another one when any process has changed anything. Microseconds."""
        self._look()
        return self._generation

    def _look(self) -> None:
        if self.database.changed():
            self._generation += 1
            self._versions.clear()
            self._aliases.clear()

    # --- provisioned concurrency ------------------------------------------------------------------------

    async def provisioned(self) -> tuple[Wanted, ...]:
        """All that was asked for, and which version that means now."""
        return await self.database.read(provisioned.all_of)

    async def provision(
        self, function: FunctionName, qualifier: Qualifier, count: int | None
    ) -> bool:
        """Ask for `count` environments, or for none any more; False: none were asked for.

        Raises `FunctionNotFound`.
        """
        at = self._clock.now()
        return await self.database.write(
            lambda connection: provisioned.put(connection, function, qualifier, count, at=at)
        )

    # --- versions ---------------------------------------------------------------------------------------

    async def versions(self, function: FunctionName | None = None) -> tuple[PublishedVersion, ...]:
        """Those of a function, or all; oldest first."""
        return await self.database.read(lambda connection: versions.all_of(connection, function))

    async def newest_number(self, function: FunctionName) -> int:
        """The number of the newest version; 0: there is none."""

        def work(connection: sqlite3.Connection) -> int:
            found = versions.newest(connection, function)
            return 0 if found is None else found.number

        return await self.database.read(work)

    def publish_now(
        self, version: PublishedVersion, *, same: Callable[[PublishedVersion], bool]
    ) -> tuple[PublishedVersion, bool]:
        """Add a version under the next number, unless the newest is the `same`; which it is then,
        and whether it is new. Two at once are served one after the other. Blocks for the disk.
        """

        def work(connection: sqlite3.Connection) -> tuple[PublishedVersion, bool]:
            newest = versions.newest(connection, version.function)
            if newest is not None and same(newest):
                return newest, False
            return versions.insert(connection, version), True

        return self.database.write_now(work)

    async def delete_version(self, function: FunctionName, number: int) -> None:
        """Raises `FunctionNotFound`, and `ConflictError` while an alias leads to it."""
        at = self._clock.now()
        await self.database.write(lambda c: versions.delete(c, function, number, at=at))

    async def references(self) -> References:
        """What of the code store and the dependencies must not be collected."""

        def work(connection: sqlite3.Connection) -> References:
            found = versions.references(connection)
            return replace(found, code=found.code | layers.references(connection))

        return await self.database.read(work)

    async def forget_deleted(self) -> int:
        """Forget what was deleted longer ago than can be undone; how many versions."""
        before = self._clock.now() - KEPT_DELETED
        if not self.database.path.exists():
            return 0

        def work(connection: sqlite3.Connection) -> int:
            layers.forget_deleted(connection, before=before)
            return versions.forget_deleted(connection, before=before)

        return await self.database.write(work)

    # --- aliases ----------------------------------------------------------------------------------------

    async def aliases(self, function: FunctionName) -> tuple[Alias, ...]:
        """Sorted by name."""
        return await self.database.read(lambda connection: aliases.all_of(connection, function))

    async def alias(self, function: FunctionName, name: str) -> Alias:
        """Raises `AliasNotFound`."""
        return await self.database.read(lambda connection: aliases.get(connection, function, name))

    async def create_alias(self, alias: Alias) -> Alias:
        """`alias` with its first revision. Raises `AliasExists`, `FunctionNotFound`."""
        alias = replace(alias, revision_id=new_revision())
        at = self._clock.now()
        await self.database.write(lambda connection: aliases.create(connection, alias, at=at))
        return alias

    async def update_alias(
        self,
        function: FunctionName,
        name: str,
        change: Callable[[Alias], Alias],
        *,
        revision_id: str | None = None,
    ) -> Alias:
        """What `change` makes of the alias as it is now, with a new revision.

        revision_id: the one it must have. Raises `AliasNotFound`, `PreconditionFailed`,
        `FunctionNotFound`, and what `change` raises.
        """
        at = self._clock.now()

        def work(connection: sqlite3.Connection) -> Alias:
            found = aliases.get(connection, function, name)
            if revision_id not in (None, found.revision_id):
                raise PreconditionFailed
            changed = replace(change(found), revision_id=new_revision())
            aliases.update(connection, changed, at=at)
            return changed

        return await self.database.write(work)

    async def delete_alias(self, function: FunctionName, name: str) -> bool:
        """False: there was none."""
        at = self._clock.now()
        number = await self.database.write(lambda c: aliases.delete(c, function, name, at=at))
        return number is not None

    async def aliases_of(self, function: FunctionName, version: Qualifier) -> tuple[Qualifier, ...]:
        """Names of those that lead to a version."""
        return await self.database.read(lambda c: aliases.using(c, function, version))

    # --- changes ----------------------------------------------------------------------------------------

    async def changes(self, *, limit: int = 50) -> tuple[Change, ...]:
        """The newest first."""
        return await self.database.read(lambda connection: changes.recent(connection, limit=limit))

    async def undo(self) -> Change:
        """Take back the last change that has not been. Raises `ConflictError`."""
        from workbench.store.releases.undoing import undo_now  # knows everything there is to undo

        return await asyncio.to_thread(undo_now, self.database, at=self._clock.now())
