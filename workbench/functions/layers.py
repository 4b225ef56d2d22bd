"""What a function's containers see at /opt: its layers, merged in the order in which it states them.

Folders and zips are taken into the code store, by content, and merged there of links: nothing is copied
that has not changed, and a running container keeps what it started with.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from workbench.errors import CodeTooLarge, FunctionNotReady, InvalidArchive, InvalidManifest
from workbench.functions.code import CodeStore
from workbench.functions.sources import IgnoredPaths
from workbench.model.container import Mount
from workbench.model.function import Function
from workbench.model.layer import LAYERS_ROOT, LayerReference, LayerVersionId, does_not_exist
from workbench.model.names import FunctionName
from workbench.model.release import LayerUse
from workbench.model.settings import Settings
from workbench.model.version import Code
from workbench.store.releases.layer_store import LayerStore

_OF_A_LAYER_TOO = ("!/events/", "!/function.toml", "!/[!.]*.env")
"""Ignored in the folder of a function, because they are ours there."""


class Layers:
    """Makes mounts of them."""

    def __init__(self, *, code: CodeStore, settings: Settings, store: LayerStore) -> None:
        self._code = code
        self._store = store
        self.settings = settings
        self._merges: dict[tuple[str, ...], Code] = {}
        """By the digests of what was merged."""
        self._zips: dict[Path, tuple[tuple[int, int, int, int], Code]] = {}
        """What was in a zip when it had that stamp."""

    async def codes(self, function: Function) -> tuple[Code, ...]:
        """What each of them holds now, in order. Raises as `mount`."""
        return tuple([await self._take(function.name, layer) for layer in function.layers])

    async def mount(self, function: Function) -> Mount | None:
        """The layers of `function` as they are now; `None` when it has none.

        Raises `FunctionNotReady` when one cannot be read, `InvalidManifest` for a zip that is refused
        and a layer version that does not exist, `CodeDamaged` and `StoreError` for one that does.
        """
        return await self._mounted(function.name, await self._used(function))

    async def used(self, function: Function) -> tuple[tuple[LayerUse, ...], Mount | None]:
        """The layers of `function` as they are now, each kept for good, and what `mount` answers for
        them. Raises as `mount`, and `CodeTooLarge`.
        """
        codes = await self._used(function)
        uses = [
            LayerUse(stated=layer.stated, package=await self._code.package(function.name, code))
            for layer, code in zip(function.layers, codes, strict=True)
        ]
        return tuple(uses), await self._mounted(function.name, codes)

    async def restored(self, subject: str, uses: Iterable[LayerUse]) -> Mount | None:
        """The layers of a published version, each looked over. `subject` is named in errors.

        Raises `CodeDamaged`, `FunctionNotReady`.
        """
        codes = [await self._code.verified(use.package.digest) for use in uses]
        return await self._mounted(subject, codes)

    async def _used(self, function: Function) -> tuple[Code, ...]:
        """As `codes`; the function has what it states from now on, deleted or not."""
        codes = await self.codes(function)
        has = [layer.version for layer in function.layers if layer.version is not None]
        await self._store.use(function.name, has)
        return codes

    async def _mounted(self, name: str, codes: Sequence[Code]) -> Mount | None:
        if not codes:
            return None
        whole = await self._merged(name, codes)
        return Mount(source=whole.folder, target=LAYERS_ROOT)

    async def _merged(self, name: str, codes: Sequence[Code]) -> Code:
        if len(codes) == 1:
            return codes[0]
        known = self._merges.get(digests := tuple(code.digest for code in codes))
        if known is None or not await asyncio.to_thread(_used, known.folder):
            known = self._merges[digests] = await self._code.merged(name, codes)
        return known

    async def _published(
        self, name: FunctionName, layer: LayerReference, asked: LayerVersionId
    ) -> Code:
        """A layer version of this workbench; a deleted one, where the function has it already."""
        ours = self.settings.region, self.settings.account
        found = None
        if (asked.region or ours[0], asked.account or ours[1]) == ours:
            found = await self._store.find(asked, user=name)
        if found is None:
            message = does_not_exist(asked.arn(region=ours[0], account=ours[1]))
            raise InvalidManifest(message, path=layer.file, line=layer.line)
        return await self._code.verified(found.package.digest)

    async def _take(self, name: FunctionName, layer: LayerReference) -> Code:
        if layer.version is not None:
            return await self._published(name, layer, layer.version)
        path = layer.path
        if path is None:
            raise FunctionNotReady(name, reason=f"its layer {layer.stated} cannot be used")
        if path.is_dir():
            return await self._code.take(name, path, ignored=layer_ignored())
        try:
            return await self._unpacked(name, path)
        except (CodeTooLarge, InvalidArchive) as error:
            message = f"Layer {layer.stated}: {error}"
            raise InvalidManifest(message, path=layer.file, line=layer.line) from error

    async def _unpacked(self, name: FunctionName, path: Path) -> Code:
        """What is in a zip; unpacked when it has changed."""
        try:
            before = await asyncio.to_thread(_stamp, path)
            known = self._zips.get(path)
            if known and known[0] == before and await asyncio.to_thread(_used, known[1].folder):
                return known[1]
            code, _ = await self._code.take_archive(name, path)
            # One changed in the very tick in which it is read can change once more without a trace.
            if before[1] < code.folder.stat().st_mtime_ns:
                self._zips[path] = (before, code)
        except OSError as error:
            raise FunctionNotReady(name, reason=f"{path}: {error.strerror}") from error
        return code


def _stamp(path: Path) -> tuple[int, int, int, int]:
    """Another one when the file has changed."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _used(tree: Path) -> bool:
    """It is there, and counts as used now."""
    try:
        os.utime(tree)
    except OSError:
        return False
    return True


@functools.cache
def layer_ignored() -> IgnoredPaths:
    """What in a layer's folder is neither part of it nor a reason to reload: what tools leave about."""
    return IgnoredPaths(_OF_A_LAYER_TOO)
