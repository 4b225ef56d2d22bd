"""Published versions that can run: what a qualifier means, and everything a container of it needs.

Invariant: what is on the disk in the function's folder plays no part, and may be gone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workbench.errors import FunctionNotFound, FunctionNotReady, RuntimeNotFound
from workbench.functions.keeper import EngineKeeper
from workbench.functions.layers import Layers
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.model.container import Mount
from workbench.model.function import FUNCTION_WIDE, FunctionConfiguration
from workbench.model.names import LATEST, FunctionName, Qualifier, RuntimeName
from workbench.model.release import PublishedVersion, is_number
from workbench.model.runtime import Runtime
from workbench.model.version import Version, version_digest
from workbench.store.releases.configuration import variables_from_bytes
from workbench.store.releases.sealed import sealed_about
from workbench.values import dataclass

_Key = tuple[FunctionName, int]


@dataclass(slots=True)
class _Ready:
    """A version that has been made ready."""

    stored: PublishedVersion
    version: Version


class Published:
    """All published versions of the project."""

    def __init__(
        self,
        repository: Repository,
        *,
        runtimes: Mapping[RuntimeName, Runtime],
        keeper: EngineKeeper,
        layers: Layers,
        registry: Registry,
        roll: Callable[[], float] = random.random,
    ) -> None:
        """roll: evenly distributed, 0 <= roll < 1; which of an alias's versions a call gets."""
        self._repository = repository
        self._store = repository.store
        self._runtimes = runtimes
        self._keeper = keeper
        self._layers = layers
        self._registry = registry
        self._roll = roll
        self._ready: dict[_Key, _Ready] = {}
        self._making: dict[_Key, asyncio.Lock] = {}

    def resolve(self, function: FunctionName, qualifier: Qualifier) -> Qualifier:
        """What one call of `function:qualifier` executes: `$LATEST` or a number.

        Raises `FunctionNotFound`, `StoreError`.
        """
        if qualifier == LATEST:
            return qualifier
        if not is_number(qualifier):
            alias = self._store.alias_now(function, qualifier)
            if alias is None:
                raise FunctionNotFound(function, qualifier=qualifier)
            return alias.pick(self._roll())
        if self._store.version_now(function, int(qualifier)) is None:
            raise FunctionNotFound(function, qualifier=qualifier)
        return qualifier

    def ready_nowait(self, function: FunctionName, number: Qualifier) -> Version | None:
        """The version, if nothing has to be done for it. Raises as `resolve`."""
        key = function, int(number)
        stored = self._stored(key)
        found = self._ready.get(key)
        if found is None or (
            # one that was imported, taken back and imported again has the same revision
            found.stored is not stored and found.stored != stored
        ):
            return None
        wide = self._wide(function)
        now = found.version.configuration
        if any(getattr(now, name) != value for name, value in wide.items()):
            found.version = replace(found.version, configuration=replace(now, **wide))
            if self._keeper.engine is not None:
                self._keeper.engine.scheduler.reconfigure(found.version)
        return found.version

    async def ready(self, function: FunctionName, number: Qualifier) -> Version:
        """The version, made ready: its code looked over, its variables opened, its image there.

        Raises as `resolve`, and `SealingError`, `DriverError`, `FunctionNotReady`.
        """
        key = function, int(number)
        async with self._making.setdefault(key, asyncio.Lock()):
            found = self.ready_nowait(function, number)
            if found is None:
                stored = self._stored(key)
                found = await self._make(stored)
                self._ready[key] = _Ready(stored, found)
            return found

    def opened(self, stored: PublishedVersion) -> FunctionConfiguration:
        """Its configuration with its variables. Blocks for the disk. Raises `SealingError`."""
        plain = self._repository.keys().open(
            stored.variables, about=sealed_about(stored.function, stored.revision_id)
        )
        return replace(stored.configuration, variables=variables_from_bytes(plain))

    # --- inside ---------------------------------------------------------------------------------------

    def _stored(self, key: _Key) -> PublishedVersion:
        stored = self._store.version_now(*key)
        if stored is None:
            raise FunctionNotFound(key[0], qualifier=str(key[1]))
        return stored

    async def _make(self, stored: PublishedVersion) -> Version:
        runtime = self._runtimes.get(stored.configuration.runtime)
        if runtime is None:
            raise RuntimeNotFound(stored.configuration.runtime, known=tuple(sorted(self._runtimes)))
        configuration = await asyncio.to_thread(self.opened, stored)
        missing = [variable.name for variable in configuration.variables if variable.missing]
        if missing:
            raise FunctionNotReady(
                f"{stored.function}:{stored.number}",
                reason=f"it was imported without the values of {', '.join(missing)}, which are secret. "
                "Take the import back (workbench undo) and import again with --values FILE.env, or "
                "publish the function anew.",
            )
        configuration = replace(configuration, **self._wide(stored.function))
        code = await self._repository.code.verified(stored.package.digest)
        dependencies = self._dependencies(stored)
        layers = await self._layers.restored(f"{stored.function}:{stored.number}", stored.layers)
        engine = await self._keeper.ready()
        image = await engine.images.pinned(
            stored.image, runtime, subject=f"{stored.function}:{stored.number}"
        )
        return Version(
            configuration=configuration,
            version=stored.qualifier,
            runtime=runtime,
            image=image,
            code=code,
            dependencies=dependencies,
            layers=layers,
            digest=version_digest(configuration, code, stored.image, dependencies, layers),
        )

    def _dependencies(self, stored: PublishedVersion) -> Mount | None:
        mount = stored.dependencies
        if mount is None:
            return None
        source = self._repository.state / mount.source
        if not source.is_dir():
            raise FunctionNotReady(
                f"{stored.function}:{stored.number}",
                reason=f"its dependencies are gone from {source}. Put them back, or publish anew.",
            )
        return Mount(source=source, target=mount.target)

    def _wide(self, function: FunctionName) -> dict[str, Any]:
        """What is the function's and no version's, as the folder has it now."""
        try:
            now = self._registry.entry(function).function.configuration
        except FunctionNotFound:
            now = None
        return {name: None if now is None else getattr(now, name) for name in FUNCTION_WIDE}
