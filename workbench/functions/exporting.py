"""Exporting: a function with all that its versions run, as one file without secret values."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version as release_of
from pathlib import Path

from workbench.config.blanking import blanked
from workbench.config.events import EVENT, EventFiles
from workbench.config.files import read_bytes
from workbench.config.manifest import MANIFEST
from workbench.errors import FunctionNotFound, FunctionNotReady
from workbench.functions.dependency_zips import pack_dependencies
from workbench.functions.export_file import ExportWriter, exporting_to
from workbench.functions.export_manifest import (
    ExportedVersion,
    ExportManifest,
    missing,
    without_secrets,
)
from workbench.functions.published import Published
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.functions.sources import IgnoredPaths
from workbench.model.container import Mount
from workbench.model.function import Function
from workbench.model.names import LATEST, FunctionName, RuntimeName
from workbench.model.release import CodePackage, PublishedVersion
from workbench.model.runtime import Runtime
from workbench.model.transfer import Exported, WithoutValues
from workbench.model.version import TASK_ROOT
from workbench.values import dataclass

_LEFT_OUT = (
    "History, the journal of changes, deployments and provisioned concurrency stay where they are.",
)
_OF_THE_PROJECT = (
    "NAME.env files and what workbench.toml gives every function are not in it: $LATEST may be "
    "configured otherwise where it is imported. Versions are as they were published."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """`$LATEST`, ready to be written."""

    package: CodePackage
    function_toml: bytes
    blanked: tuple[str, ...]
    layers: tuple[str, ...]
    """As function.toml states them."""
    events: Mapping[str, bytes]
    """By the name of the file."""


class Exporting:
    """Makes such files."""

    def __init__(
        self,
        repository: Repository,
        *,
        published: Published,
        registry: Registry,
        runtimes: Mapping[RuntimeName, Runtime],
        events: EventFiles,
    ) -> None:
        self._repository = repository
        self._published = published
        self._registry = registry
        self._runtimes = runtimes
        self._events = events

    async def export(self, name: FunctionName, path: Path) -> Exported:
        """Write `name` to a new file. Needs no engine.

        Raises `FunctionNotFound`, `AlreadyExists`, `InvalidManifest` for a function.toml that is no
        TOML, `SealingError` when variables do not open, `CodeDamaged`, `CodeTooLarge`, `StoreError`,
        `InvalidParameter` when the file cannot be written. Cancellation: stops waiting; the file may
        come to be.
        """
        store = self._repository.store
        versions = await store.versions(name)
        folder = await self._folder(name, needed=not versions)
        listed = [await asyncio.to_thread(self._version, each) for each in versions]
        left_out = [*_LEFT_OUT]
        if folder is not None:
            left_out.append(_OF_THE_PROJECT)
            if folder.layers:
                left_out.append(
                    f"$LATEST needs layers that are no part of its folder: {', '.join(folder.layers)}. "
                    "Versions have theirs with them."
                )
        manifest = ExportManifest(
            function=name,
            workbench=release_of("workbench"),
            last_version=await store.imports.last_number(name),
            versions=tuple(listed),
            aliases=await store.aliases(name),
            folder=None if folder is None else folder.package,
            blanked=() if folder is None else folder.blanked,
            left_out=tuple(left_out),
        )
        zips = {
            sha256: await self._repository.code.zip_of(name, package)
            for sha256, package in manifest.packages.items()
        }
        size = await asyncio.to_thread(self._write, path, manifest, folder, zips)
        lost = [
            WithoutValues(version=LATEST, names=manifest.blanked),
            *(
                WithoutValues(version=each.version.qualifier, names=missing(each.variables))
                for each in listed
            ),
        ]
        return Exported(
            function=name,
            path=path,
            size_bytes=size,
            versions=tuple(each.number for each in versions),
            aliases=tuple(alias.name for alias in manifest.aliases),
            events=()
            if folder is None
            else tuple(file.removesuffix(EVENT) for file in folder.events if file.endswith(EVENT)),
            without_values=tuple(each for each in lost if each.names),
            left_out=manifest.left_out,
        )

    # --- what goes in ---------------------------------------------------------------------------------

    async def _folder(self, name: FunctionName, *, needed: bool) -> _Folder | None:
        try:
            function = self._registry.entry(name).function
        except FunctionNotFound:
            if needed:
                raise
            return None
        _, package = await self._repository.code.package_folder(
            name,
            function.folder,
            ignored=IgnoredPaths(function.ignored_paths),
            mount_points=self._mount_points(function),
        )
        return await asyncio.to_thread(self._read_folder, function, package)

    def _mount_points(self, function: Function) -> tuple[str, ...]:
        """Folders of the function that installed dependencies take the place of."""
        known = function.configuration
        runtime = None if known is None else self._runtimes.get(known.runtime)
        if runtime is None or runtime.dependencies is None or not function.has_dependencies:
            return ()
        mount = runtime.dependencies.mount
        return (mount.removeprefix(f"{TASK_ROOT}/"),) if mount.startswith(f"{TASK_ROOT}/") else ()

    def _read_folder(self, function: Function, package: CodePackage) -> _Folder:
        path = function.folder / MANIFEST
        try:
            content = read_bytes(path)
        except FileNotFoundError as error:
            raise FunctionNotReady(function.name, reason=f"{path} is gone") from error
        text, lost = blanked(content, path)
        events: dict[str, bytes] = {}
        for event in self._events.list(function):
            events.update(self._events.kept(function, event.name))
        return _Folder(
            package=package,
            function_toml=text,
            blanked=lost,
            layers=tuple(layer.stated for layer in function.layers),
            events=events,
        )

    def _version(self, version: PublishedVersion) -> ExportedVersion:
        mount = version.dependencies
        if mount is not None:
            source = self._repository.state / mount.source
            if not source.is_dir():
                raise FunctionNotReady(
                    f"{version.function}:{version.number}",
                    reason=f"its dependencies are gone from {source}. Put them back, or delete the "
                    "version.",
                )
            mount = Mount(source=source, target=mount.target)
        return ExportedVersion(
            version=replace(version, variables=b"", dependencies=None),
            variables=without_secrets(self._published.opened(version).variables),
            dependencies=mount,
        )

    # --- writing --------------------------------------------------------------------------------------

    def _write(
        self,
        path: Path,
        manifest: ExportManifest,
        folder: _Folder | None,
        zips: Mapping[str, Path],
    ) -> int:
        with exporting_to(path) as target:
            writer = ExportWriter(target)
            for sha256, place in zips.items():
                writer.add_code(sha256, place)
            versions = _with_dependencies(writer, manifest.versions)
            if folder is not None:
                writer.add_function_toml(folder.function_toml)
                for file, content in folder.events.items():
                    writer.add_event(file, content)
            writer.finish(replace(manifest, versions=versions))
            return target.tell()


def _with_dependencies(
    writer: ExportWriter, versions: tuple[ExportedVersion, ...]
) -> tuple[ExportedVersion, ...]:
    """The same, their dependencies in the file."""
    packed: dict[Path, str] = {}
    found = []
    for each in versions:
        mount = each.dependencies
        if mount is not None:
            if mount.source not in packed:
                with tempfile.NamedTemporaryFile(prefix="workbench-") as temporary:
                    pack_dependencies(mount.source, temporary.file)
                    temporary.flush()
                    packed[mount.source] = writer.add_dependencies(Path(temporary.name))
            mount = Mount(source=Path(packed[mount.source]), target=mount.target)
        found.append(replace(each, dependencies=mount))
    return tuple(found)
