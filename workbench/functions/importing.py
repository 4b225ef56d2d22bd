"""Importing: a function out of a file that somebody exported.

Everything that its versions need is in its place (code store, dependencies, images, the folder) before
its rows are written, all of them in one transaction. A process that is killed before leaves what is
swept, and a folder that the next import takes back (`functions/import_folder.py`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.config.blanking import renamed
from workbench.config.complaints import Complaints
from workbench.config.dotenv import parse
from workbench.config.events import EVENT
from workbench.config.files import decode, read_bytes
from workbench.config.manifest import MANIFEST
from workbench.config.variables import too_large
from workbench.errors import (
    AlreadyExists,
    CodeTooLarge,
    FunctionNotFound,
    ImageMissing,
    InvalidArchive,
    InvalidExport,
    InvalidManifest,
    InvalidParameter,
    RuntimeNotFound,
)
from workbench.functions.dependency_zips import unpack_dependencies
from workbench.functions.export_file import ExportReader
from workbench.functions.export_manifest import ExportedVersion, ExportManifest, missing
from workbench.functions.import_folder import ImportFolders, digest_of, open_export
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.functions.sources import IgnoredPaths
from workbench.functions.trees import walk
from workbench.model.container import Mount
from workbench.model.function import Variable
from workbench.model.names import LATEST, FunctionName, RuntimeName
from workbench.model.release import CodePackage, PublishedVersion
from workbench.model.runtime import Runtime
from workbench.model.transfer import Imported, WithoutValues
from workbench.model.version import Code, Image
from workbench.store.releases.configuration import variables_to_bytes
from workbench.store.releases.imports import ImportedRows
from workbench.store.releases.sealed import sealed_about

_DEPENDENCIES = "dependencies"


class Importing:
    """Takes such files in, and takes that back."""

    def __init__(
        self,
        repository: Repository,
        *,
        registry: Registry,
        runtimes: Mapping[RuntimeName, Runtime],
        keeper: EngineKeeper,
        folders: ImportFolders,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._runtimes = runtimes
        self._keeper = keeper
        self._folders = folders

    async def import_file(
        self, path: Path, *, name: FunctionName | None = None, values: Path | None = None
    ) -> Imported:
        """Take in the function in a file, under `name` or as it was called.

        values: a NAME.env file with the values of secret variables. Raises `InvalidExport`,
        `AlreadyExists`, `RuntimeNotFound`, `InvalidParameter`, `InvalidManifest` for `values`,
        `DriverError` where a version's image cannot be had, `SealingError`, `StoreError`.
        Cancellation: what was begun is there or not, never by half.
        """
        given = {} if values is None else await asyncio.to_thread(_read_values, values)
        descriptor = await asyncio.to_thread(open_export, path)
        with os.fdopen(descriptor, "rb") as file:
            reader = await asyncio.to_thread(ExportReader, path, file)
            return await self._import(reader, name or reader.manifest.function, given)

    async def _import(
        self, reader: ExportReader, name: FunctionName, given: Mapping[str, str]
    ) -> Imported:
        manifest = reader.manifest
        await asyncio.to_thread(self._check_free, name)
        self._check_runtimes(manifest)
        codes = {
            sha256: await self._take_code(reader, name, package)
            for sha256, package in manifest.packages.items()
        }
        if manifest.folder is not None:
            await asyncio.to_thread(_check_folder, reader, codes[manifest.folder.sha256])
        notes: list[str] = []
        versions, variables = [], []
        for each in manifest.versions:
            supplied = _supplied(each.variables, given)
            if (wrong := too_large(supplied)) is not None:
                raise InvalidParameter(wrong, parameter="--values")
            variables.append(supplied)
            versions.append(await self._version(reader, name, each, codes, notes))
        used = {variable.name for each in manifest.versions for variable in each.variables}
        if unused := sorted(given.keys() - used):
            notes.append(f"Nothing needs the values of {', '.join(unused)}.")
        digest = await asyncio.to_thread(
            self._place, reader, name, codes, versions=versions, variables=variables
        )
        lost = [
            WithoutValues(version=LATEST, names=manifest.blanked),
            *(
                WithoutValues(version=version.qualifier, names=missing(supplied))
                for version, supplied in zip(versions, variables, strict=True)
            ),
        ]
        return Imported(
            function=name,
            folder=None if digest is None else self._folders.place(name),
            versions=tuple(each.number for each in versions),
            aliases=tuple(alias.name for alias in manifest.aliases),
            events=tuple(file.removesuffix(EVENT) for file in reader.events if file.endswith(EVENT))
            if digest is not None
            else (),
            without_values=tuple(each for each in lost if each.names),
            notes=(*notes, *manifest.left_out),
        )

    # --- before anything is written ---------------------------------------------------------------------

    def _check_free(self, name: FunctionName) -> None:
        with self._folders.alone():
            if self._repository.store.imports.known_now(name):
                self._folders.done(name)
                raise AlreadyExists(
                    f"{name} has versions or aliases here already. Import it under another name: "
                    "--as NAME."
                )
            self._folders.take_back(name)
        place = self._folders.place(name)
        if os.path.lexists(place):
            raise AlreadyExists(
                f"{place} exists already. Import the function under another name: --as NAME."
            )
        try:
            found = self._registry.entry(name).function.folder
        except FunctionNotFound:
            return
        if found.is_dir():  # else it was what has just been taken back
            raise AlreadyExists(
                f"{found} is a function named {name} already. Import it under another name: "
                "--as NAME."
            )

    def _check_runtimes(self, manifest: ExportManifest) -> None:
        for each in manifest.versions:
            wanted = each.version.configuration.runtime
            runtime = self._runtimes.get(wanted)
            if runtime is None:
                raise RuntimeNotFound(wanted, known=tuple(sorted(self._runtimes)))

    # --- what versions need -----------------------------------------------------------------------------

    async def _take_code(
        self, reader: ExportReader, name: FunctionName, package: CodePackage
    ) -> Code:
        content = await asyncio.to_thread(reader.code, package.sha256)
        try:
            code, found = await self._repository.code.take_archive(name, content)
        except (InvalidArchive, CodeTooLarge) as error:
            raise InvalidExport(reader.path, f"Code in it is refused: {error}") from error
        if found != package:
            raise InvalidExport(
                reader.path, "Code in it is not what its manifest.json says: export it again."
            )
        return code

    async def _version(
        self,
        reader: ExportReader,
        name: FunctionName,
        each: ExportedVersion,
        codes: Mapping[str, Code],
        notes: list[str],
    ) -> PublishedVersion:
        version = each.version
        if version.layers or version.opt_digest is not None:
            layers = [codes[layer.package.sha256] for layer in version.layers]
            merged = await self._repository.code.merged(name, layers)
            if merged.digest != version.opt_digest:
                raise InvalidExport(
                    reader.path, f"The layers of version {version.number} are not what it ran with."
                )
        dependencies = None
        if each.dependencies is not None:
            dependencies = await asyncio.to_thread(self._dependencies, reader, each)
        image = await self._image(name, version, notes)
        return replace(
            version,
            function=name,
            configuration=replace(version.configuration, name=name),
            image=image,
            dependencies=dependencies,
        )

    def _dependencies(self, reader: ExportReader, each: ExportedVersion) -> Mount:
        """In a folder of their own, named by what is in it: an installation of ours, which has the
        name of what states it, is trusted by every other function.
        """
        mount = each.dependencies
        assert mount is not None, "else nobody would ask"
        rule = self._runtimes[each.version.configuration.runtime].dependencies
        if rule is None or mount.target != rule.mount:
            raise InvalidExport(
                reader.path,
                f"The dependencies of version {each.version.number} are for {mount.target!r}, where "
                "that runtime has none here.",
            )
        digest = str(mount.source)
        name, inner = f"imported-{digest}", PurePosixPath(rule.mount).name
        around = self._repository.state / _DEPENDENCIES
        try:
            content = b"" if (around / name).is_dir() else reader.dependencies(digest)
            unpack_dependencies(content, around=around, name=name, inner=inner)
        except (InvalidArchive, CodeTooLarge) as error:
            raise InvalidExport(reader.path, f"Dependencies in it are refused: {error}") from error
        return Mount(source=Path(_DEPENDENCIES, name, inner), target=rule.mount)

    async def _image(
        self, name: FunctionName, version: PublishedVersion, notes: list[str]
    ) -> Image:
        """The very image where it is here; else the runtime's own of this machine, which is said."""
        runtime = self._runtimes[version.configuration.runtime]
        subject = f"{name}:{version.number}"
        engine: OpenEngine = await self._keeper.ready()
        try:
            await engine.images.pinned(version.image, runtime, subject=subject)
        except ImageMissing:
            if not version.image.built_for_runtime:
                notes.append(
                    f"Version {version.number} runs in an image of its own, "
                    f"{version.configuration.image} (sha256:{version.image.digest[:12]}), which is not "
                    "here: load it before you invoke it."
                )
                return version.image
            image = await engine.images.ensure(
                runtime,
                image=None,
                architecture=version.configuration.architecture,
                functions=(name,),
            )
            notes.append(
                f"Version {version.number} runs in this machine's image of {runtime.name} "
                f"(sha256:{image.digest[:12]}), not in that it was published with "
                f"(sha256:{version.image.digest[:12]})."
            )
            return image
        return version.image

    # --- putting it in its place ------------------------------------------------------------------------

    def _place(
        self,
        reader: ExportReader,
        name: FunctionName,
        codes: Mapping[str, Code],
        *,
        versions: list[PublishedVersion],
        variables: list[tuple[Variable, ...]],
    ) -> str | None:
        """The folder, then the rows; what the folder is, for undo."""
        manifest, folders = reader.manifest, self._folders
        aside: Path | None = None
        digest: str | None = None
        details: dict[str, Any] = {"folder": None}
        try:
            if manifest.folder is not None:
                path = folders.place(name) / MANIFEST
                try:
                    toml = renamed(reader.function_toml(), path, name)
                except InvalidManifest as error:
                    raise InvalidExport(
                        reader.path, f"Its function.toml: {error.message}"
                    ) from error
                events = {file: reader.event(file) for file in reader.events}
                aside = folders.made(codes[manifest.folder.sha256].folder, toml, events)
                details["folder"] = digest = digest_of(aside)
            with folders.alone():
                folders.take_back(name)
                if aside is not None:
                    folders.move_in(name, aside)
                try:
                    self._write_rows(manifest, name, versions, variables, details)
                except BaseException:
                    folders.take_back(name)
                    raise
                folders.done(name)
        except OSError as error:
            raise InvalidParameter(
                f"{name} cannot be imported: {error.filename or folders.place(name)}: "
                f"{error.strerror or error}.",
                parameter="FILE",
            ) from error
        finally:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)
        return digest

    def _write_rows(
        self,
        manifest: ExportManifest,
        name: FunctionName,
        versions: list[PublishedVersion],
        variables: list[tuple[Variable, ...]],
        details: dict[str, Any],
    ) -> None:
        keys = self._repository.keys()
        with keys.keeping():
            sealed = [
                replace(
                    version,
                    variables=keys.seal(
                        variables_to_bytes(supplied),
                        key=version.configuration.kms_key,
                        about=sealed_about(name, version.revision_id),
                    ),
                )
                for version, supplied in zip(versions, variables, strict=True)
            ]
            self._repository.store.imports.import_now(
                ImportedRows(
                    function=name,
                    last_version=manifest.last_version,
                    versions=sealed,
                    aliases=[replace(alias, function=name) for alias in manifest.aliases],
                    details=details,
                )
            )


def _check_folder(reader: ExportReader, code: Code) -> None:
    """What is never code is in no export of ours, and does not belong among somebody's files: a .git
    folder, say, whose settings name programs to run.
    """
    ignored = IgnoredPaths()
    for file in walk(code.folder)[0]:
        if ignored.matches(file.path):
            raise InvalidExport(
                reader.path,
                f"Its folder has {file.path!r}, which is never part of a function's code.",
            )


def _supplied(variables: tuple[Variable, ...], given: Mapping[str, str]) -> tuple[Variable, ...]:
    return tuple(
        replace(variable, value=given[variable.name], missing=False)
        if variable.missing and variable.name in given
        else variable
        for variable in variables
    )


def _read_values(path: Path) -> dict[str, str]:
    """What a NAME.env file gives. Raises `InvalidManifest`, `InvalidParameter`."""
    try:
        text, mark = decode(read_bytes(path), path)
    except FileNotFoundError as error:
        raise InvalidParameter(f"{path} is not there.", parameter="--values") from error
    found = parse(text)
    complaints = Complaints(path)
    if mark is not None:
        complaints.error(mark, line=1)
    for line, message in found.complaints:
        complaints.error(message, line=line)
    for problem in complaints.result():
        raise InvalidManifest(problem.message, path=path, line=problem.line)
    return {name: value for name, (value, _) in found.values.items()}
