"""Published versions: made, listed, deleted."""

from __future__ import annotations

from workbench.errors import FunctionNotFound, InvalidParameter
from workbench.functions.published import Published
from workbench.functions.publishing import Latest, Publishing
from workbench.functions.registry import Registry
from workbench.model.function import FunctionConfiguration
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import PublishedVersion, is_number
from workbench.store.releases.release_store import ReleaseStore

__all__ = ["Latest", "Versions"]


class Versions:
    """Those of every function, also of functions whose folder is gone."""

    def __init__(
        self,
        *,
        store: ReleaseStore,
        publishing: Publishing,
        published: Published,
        registry: Registry,
    ) -> None:
        self._store = store
        self._publishing = publishing
        self._published = published
        self._registry = registry

    async def latest(self, name: FunctionName) -> Latest:
        """`$LATEST` as it would be published now; builds what it needs.

        Raises `FunctionNotFound`, `FunctionNotReady`, `DriverError`, `CodeTooLarge`.
        """
        return await self._publishing.latest(name)

    async def publish(
        self,
        name: FunctionName,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> tuple[PublishedVersion, bool]:
        """The version that the folder is now; True: a new one. See `Publishing.publish`."""
        return await self._publishing.publish(
            name, description=description, code_sha256=code_sha256, revision_id=revision_id
        )

    async def all(self, name: FunctionName) -> tuple[PublishedVersion, ...]:
        """Those of a function, oldest first. Raises `FunctionNotFound` where there was never one."""
        found = await self._store.versions(name)
        if not found:
            self._registry.entry(name)
        return found

    async def get(self, name: FunctionName, qualifier: Qualifier) -> PublishedVersion:
        """One version: by its number, or as what an alias leads to first. Raises `FunctionNotFound`."""
        if qualifier != LATEST and not is_number(qualifier):
            qualifier = (await self._store.alias(name, qualifier)).version
        if is_number(qualifier):
            for version in await self._store.versions(name):
                if version.qualifier == qualifier:
                    return version
        raise FunctionNotFound(name, qualifier=qualifier)

    def configuration(self, version: PublishedVersion) -> FunctionConfiguration:
        """Its configuration with its variables opened. Blocks for the disk. Raises `SealingError`."""
        return self._published.opened(version)

    async def delete(self, name: FunctionName, qualifier: Qualifier) -> None:
        """Raises `FunctionNotFound`, and `ConflictError` while an alias leads to it."""
        if qualifier == LATEST:
            raise InvalidParameter(  # Source: recorded text
                "$LATEST version cannot be deleted without deleting the function.",
                parameter="qualifier",
            )
        if not is_number(qualifier):
            raise FunctionNotFound(name, qualifier=qualifier)
        await self._store.delete_version(name, int(qualifier))
