"""Publishing layers: a folder or a zip becomes a version that never changes.

Invariant: what a version is made of is on the disk for good before its row says that there is one.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from workbench.clock import Clock
from workbench.errors import InvalidParameter
from workbench.functions.code import CodeStore
from workbench.functions.layers import layer_ignored
from workbench.model.layer_version import NO_CLAIMS, LayerClaims, LayerVersion, layer_name
from workbench.model.release import CodePackage
from workbench.store.releases.layer_store import LayerStore


class LayerPublishing:
    """Makes layer versions."""

    def __init__(self, *, code: CodeStore, store: LayerStore, clock: Clock) -> None:
        self._code = code
        self._store = store
        self._clock = clock

    async def publish(self, name: str, path: Path, claims: LayerClaims = NO_CLAIMS) -> LayerVersion:
        """The folder or zip at `path` as the next version of a layer, also when nothing has changed.

        Raises `ConstraintViolated`, `InvalidParameter`, `CodeTooLarge`, `InvalidArchive`,
        `FunctionNotReady` when files cannot be read or written, `StoreError`.
        """
        layer_name(name)
        claims.check()
        package = await self._package(name, path)
        draft = LayerVersion(
            name=name,
            number=0,
            description=claims.description,
            created_at=self._clock.now(),
            package=package,
            runtimes=tuple(dict.fromkeys(claims.runtimes)),
            architectures=tuple(dict.fromkeys(claims.architectures)),
            license=claims.license,
        )
        return await self._store.publish(draft)

    async def _package(self, name: str, path: Path) -> CodePackage:
        subject = f"layer {name}"
        if await asyncio.to_thread(path.is_dir):
            code = await self._code.take(subject, path, ignored=layer_ignored())
            if not await asyncio.to_thread(lambda: any(code.folder.iterdir())):
                raise InvalidParameter(f"There is nothing in {path}.", parameter="Content")
            return await self._code.package(subject, code)
        if not await asyncio.to_thread(path.is_file):
            raise InvalidParameter(
                f"{path} is neither a folder nor a zip file.", parameter="Content"
            )
        _, package = await self._code.take_archive(subject, path)
        return package
