"""Publishing: an immutable version of the folder as it is now.

Everything that a version needs is in its place (code store, dependencies, image) before its row is
written, so that there is no version which cannot run, whenever the process is killed.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.clock import Clock
from workbench.errors import FunctionNotReady, InvalidParameter, PreconditionFailed, SealingError
from workbench.functions.preparation import Preparation
from workbench.functions.published import Published
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.model.container import Mount
from workbench.model.function import FUNCTION_WIDE, Function, FunctionConfiguration, Variable
from workbench.model.names import FunctionName
from workbench.model.release import CodePackage, LayerUse, PublishedVersion, new_revision
from workbench.model.release import description as checked_description
from workbench.model.version import Version
from workbench.store.releases.configuration import variables_to_bytes
from workbench.store.releases.sealed import sealed_about
from workbench.values import dataclass

_NOT_COMPARED = FUNCTION_WIDE | {"variables", "description"}
"""Of a configuration, for saying whether it has changed. Source: PublishVersion: the description
given with it does not make another version."""
_REVISIONS = uuid.UUID("5f6b1c8e-3c0e-4f0b-9d39-7a2f4f5f0c11")
"""Revisions of `$LATEST` are made from what it is, so that every process has the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """`$LATEST` as it would be published now."""

    version: Version
    package: CodePackage
    layers: tuple[LayerUse, ...]
    revision_id: str


class Publishing:
    """Makes versions."""

    def __init__(
        self,
        repository: Repository,
        *,
        preparation: Preparation,
        published: Published,
        registry: Registry,
        read_function: Callable[[Path], Function | None],
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._store = repository.store
        self._preparation = preparation
        self._published = published
        self._registry = registry
        self._read_function = read_function
        self._clock = clock

    async def latest(self, name: FunctionName) -> Latest:
        """What the folder is now; builds what it needs.

        Raises `FunctionNotFound`, `FunctionNotReady`, `DriverError`, `CodeTooLarge`.
        """
        folder = self._registry.entry(name).function.folder
        function = await asyncio.to_thread(self._read_function, folder)
        if function is None:
            raise FunctionNotReady(name, reason=f"{folder} has no function.toml any more")
        version, package, layers = await self._preparation.packaged(function)
        newest = await self._store.newest_number(name)
        return Latest(
            version=version,
            package=package,
            layers=layers,
            revision_id=str(uuid.uuid5(_REVISIONS, f"{version.digest} {newest}")),
        )

    async def publish(
        self,
        name: FunctionName,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> tuple[PublishedVersion, bool]:
        """The version that the folder is now, and whether it is a new one: if neither code nor
        configuration has changed since the newest, it is that one.

        description: in place of the function's own. code_sha256, revision_id: refuse unless
        `$LATEST` has them. Raises as `latest`, and `InvalidParameter`, `PreconditionFailed`,
        `SealingError`, `StoreError`. Cancellation: it is published all the same.
        """
        checked_description(description or "")
        latest = await self.latest(name)
        if code_sha256 not in (None, latest.package.sha256):
            raise InvalidParameter(  # Source: recorded text
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
                f"({latest.package.sha256}). Please try again with the CodeSHA256 in $LATEST.",
                parameter="codeSha256",
            )
        if revision_id not in (None, latest.revision_id):
            raise PreconditionFailed
        return await asyncio.to_thread(self._publish, latest, description)

    def _publish(self, latest: Latest, description: str | None) -> tuple[PublishedVersion, bool]:
        version, configuration = latest.version, latest.version.configuration
        mount = version.dependencies
        draft = PublishedVersion(
            function=version.name,
            number=0,
            description=configuration.description if description is None else description,
            published_at=self._clock.now(),
            revision_id=new_revision(),
            package=latest.package,
            configuration=replace(configuration, variables=()),
            variables=b"",
            image=version.image,
            dependencies=None
            if mount is None
            else Mount(source=_within(self._repository.state, mount.source), target=mount.target),
            layers=latest.layers,
            opt_digest=None if version.layers is None else version.layers.source.name,
        )
        keys = self._repository.keys()
        with keys.keeping():
            sealed = keys.seal(
                variables_to_bytes(configuration.variables),
                key=configuration.kms_key,
                about=sealed_about(draft.function, draft.revision_id),
            )
            return self._store.publish_now(
                replace(draft, variables=sealed),
                same=lambda newest: self._same(newest, draft, configuration),
            )

    def _same(
        self,
        newest: PublishedVersion,
        draft: PublishedVersion,
        configuration: FunctionConfiguration,
    ) -> bool:
        """Its image and what its dependencies were installed into do not count: a runtime that was
        built anew is no change of the function.
        """
        if (newest.package.digest, newest.opt_digest) != (draft.package.digest, draft.opt_digest):
            return False
        if any(
            getattr(newest.configuration, field) != getattr(configuration, field)
            for field in configuration.__slots__
            if field not in _NOT_COMPARED
        ):
            return False
        try:
            known = self._published.opened(newest).variables
        except SealingError:
            return False  # nobody can say any more
        if any(variable.missing for variable in known):
            return False
        return _values(known) == _values(configuration.variables)


def _values(variables: tuple[Variable, ...]) -> dict[str, str]:
    return {variable.name: variable.value for variable in variables}


def _within(state: Path, path: Path) -> Path:
    """Relative to our folder where it is in there: the project may move."""
    return path.relative_to(state) if path.is_relative_to(state) else path
