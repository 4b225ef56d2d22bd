"""Two versions of a function held against each other: numbers, aliases, `$LATEST`.

Nothing is built and no engine is needed for it. So `$LATEST` has no image here: which one it gets is
known when it is published, and an image that was built anew is no change of the function.
"""

from __future__ import annotations

import asyncio
import filecmp
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.errors import FunctionNotFound, FunctionNotReady, InvalidParameter
from workbench.functions.preparation import Preparation, runnable
from workbench.functions.published import Published
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.functions.trees import TreeFile, walk
from workbench.model.difference import (
    Difference,
    FileChange,
    FileFacts,
    LayerState,
    configuration_changes,
    layer_changes,
    variable_changes,
)
from workbench.model.function import Function, FunctionConfiguration
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import PublishedVersion, is_number
from workbench.model.text_diff import LineDiff, as_text, whole
from workbench.model.version import Code
from workbench.values import dataclass

TEXT_BYTES = 256 * 1024
"""A larger file is not compared line by line."""


@dataclass(slots=True)
class Allowance:
    """What one comparison may still read and work for diffs, whatever is compared."""

    text_bytes: int = 16 * 1024 * 1024
    work: int = 200_000_000
    """As `LineDiff.work`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two."""

    qualifier: Qualifier
    configuration: FunctionConfiguration
    code: Code
    layers: tuple[LayerState, ...]
    image: str | None


class Comparing:
    """Finds differences."""

    def __init__(
        self,
        repository: Repository,
        *,
        preparation: Preparation,
        published: Published,
        registry: Registry,
        read_function: Callable[[Path], Function | None],
    ) -> None:
        self._repository = repository
        self._store = repository.store
        self._preparation = preparation
        self._published = published
        self._registry = registry
        self._read_function = read_function

    async def meant(self, name: FunctionName, qualifier: Qualifier) -> Qualifier:
        """`$LATEST` or a number: of an alias where it leads to first, at this moment.

        Raises `FunctionNotFound`, `AliasNotFound`.
        """
        if qualifier == LATEST:
            self._registry.entry(name)
            return qualifier
        if not is_number(qualifier):
            return (await self._store.alias(name, qualifier)).version
        await self._version(name, qualifier)
        return qualifier

    async def newest(self, name: FunctionName) -> Qualifier:
        """The version published last of those there are. Raises `InvalidParameter`, `FunctionNotFound`."""
        versions = await self._store.versions(name)
        if versions:
            return versions[-1].qualifier
        self._registry.entry(name)
        raise InvalidParameter(
            f"{name} has no versions to compare with. To make one: workbench publish {name}",
            parameter="A",
        )

    async def compare(self, name: FunctionName, a: Qualifier, b: Qualifier) -> Difference:
        """What becomes of `a` on the way to `b`; both as `meant` says.

        Raises `FunctionNotFound`, `FunctionNotReady`, `SealingError`, `CodeDamaged`.
        """
        one, other = await self._side(name, a), await self._side(name, b)
        stating = self._stating(one) | self._stating(other)
        files = await asyncio.to_thread(file_changes, one.code.folder, other.code.folder)
        images = (one.image, other.image)
        image = None if None in images or one.image == other.image else images
        return Difference(
            function=name,
            a=a,
            b=b,
            code=tuple(file for file in files if file.path not in stating),
            configuration=configuration_changes(one.configuration, other.configuration),
            variables=variable_changes(one.configuration.variables, other.configuration.variables),
            layers=layer_changes(one.layers, other.layers),
            dependencies=tuple(file for file in files if file.path in stating),
            image=None if image is None else (str(image[0]), str(image[1])),
        )

    # --- inside ---------------------------------------------------------------------------------------

    async def _side(self, name: FunctionName, qualifier: Qualifier) -> _Side:
        if qualifier == LATEST:
            return await self._latest(name)
        stored = await self._version(name, qualifier)
        configuration = await asyncio.to_thread(self._published.opened, stored)
        return _Side(
            qualifier=qualifier,
            configuration=configuration,
            code=await self._repository.code.verified(stored.package.digest),
            layers=tuple(
                LayerState(stated=layer.stated, digest=layer.package.digest)
                for layer in stored.layers
            ),
            image=stored.image.digest,
        )

    async def _latest(self, name: FunctionName) -> _Side:
        folder = self._registry.entry(name).function.folder
        function = await asyncio.to_thread(self._read_function, folder)
        if function is None:
            raise FunctionNotReady(name, reason=f"{folder} has no function.toml any more")
        configuration = runnable(function)
        layers = await self._preparation.layers.codes(function)
        return _Side(
            qualifier=LATEST,
            configuration=configuration,
            code=await self._preparation.code(function),
            layers=tuple(
                LayerState(stated=layer.stated, digest=code.digest)
                for layer, code in zip(function.layers, layers, strict=True)
            ),
            image=None,
        )

    async def _version(self, name: FunctionName, number: Qualifier) -> PublishedVersion:
        for version in await self._store.versions(name):
            if version.qualifier == number:
                return version
        raise FunctionNotFound(name, qualifier=number)

    def _stating(self, side: _Side) -> frozenset[str]:
        """The files that state its dependencies."""
        runtime = self._preparation.runtimes.get(side.configuration.runtime)
        if runtime is None or runtime.dependencies is None:
            return frozenset()
        return frozenset(runtime.dependencies.files)


# --- files --------------------------------------------------------------------------------------------


def file_changes(a: Path, b: Path, *, allowance: Allowance | None = None) -> tuple[FileChange, ...]:
    """What is not the same in two trees, by path; blocks. Files that are one file on the disk are
    not read, and of large ones no more than a block is held. Raises `OSError`.
    """
    left = Allowance() if allowance is None else allowance
    (ours, our_empty), (theirs, their_empty) = _contents(a), _contents(b)
    found = [
        FileChange(path=f"{path}/", a=_NOTHING, b=None, diff=()) for path in our_empty - their_empty
    ]
    found += [
        FileChange(path=f"{path}/", a=None, b=_NOTHING, diff=()) for path in their_empty - our_empty
    ]
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        change = FileChange(path=path, a=_facts(one), b=_facts(other))
        if one is None:
            found.append(_with_whole(change, theirs[path], left))
        elif other is None:
            found.append(_with_whole(change, one, left))
        elif not _same_content(one, other):
            found.append(_with_diff(change, one, other, left))
        elif one.executable != other.executable:
            found.append(replace(change, diff=()))
    return tuple(sorted(found, key=lambda change: change.path))


def _contents(tree: Path) -> tuple[dict[str, TreeFile], set[str]]:
    """Files by path, and empty folders."""
    files, empty = walk(tree)
    return {file.path: file for file in files}, set(empty)


_NOTHING = FileFacts(size_bytes=0, executable=False)
"""What an empty folder has."""


def _facts(file: TreeFile | None) -> FileFacts | None:
    return (
        None if file is None else FileFacts(size_bytes=file.size_bytes, executable=file.executable)
    )


def _same_content(one: TreeFile, other: TreeFile) -> bool:
    if one.inode == other.inode:
        return True  # both are links to one blob
    same_size = one.size_bytes == other.size_bytes
    return same_size and filecmp.cmp(one.place, other.place, shallow=False)


def _with_whole(change: FileChange, file: TreeFile, left: Allowance) -> FileChange:
    text = _text(file, left)
    if isinstance(text, _NoDiff):
        return replace(change, no_diff=text.reason)
    return replace(change, diff=whole(text, added=change.a is None))


def _with_diff(change: FileChange, one: TreeFile, other: TreeFile, left: Allowance) -> FileChange:
    texts = _text(one, left), _text(other, left)
    for text in texts:
        if isinstance(text, _NoDiff):
            return replace(change, no_diff=text.reason)
    diff = LineDiff(str(texts[0]), str(texts[1]))
    if diff.work > left.work:
        return replace(change, no_diff="too different to be compared line by line")
    left.work -= diff.work
    return replace(change, diff=diff.lines())


@dataclass(frozen=True, slots=True)
class _NoDiff:
    reason: str


def _text(file: TreeFile, left: Allowance) -> str | _NoDiff:
    if file.size_bytes > TEXT_BYTES:
        return _NoDiff("too large to be compared line by line")
    if file.size_bytes > left.text_bytes:
        return _NoDiff("not compared line by line: too much else has changed")
    left.text_bytes -= file.size_bytes
    text = as_text(file.place.read_bytes())
    return _NoDiff("binary") if text is None else text
