"""From a function on disk to a version that can run: image, dependencies, code.

Three waits, none of them on the path of a warm invocation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from workbench.config.dependencies import read_stated
from workbench.errors import FunctionNotReady, RuntimeNotFound
from workbench.functions.code import CodeStore
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.layers import Layers
from workbench.functions.sources import IgnoredPaths
from workbench.model.container import Mount
from workbench.model.function import Function, FunctionConfiguration, Severity
from workbench.model.names import LATEST, FunctionName, RuntimeName
from workbench.model.release import CodePackage, LayerUse, unzipped_bytes
from workbench.model.runtime import Runtime
from workbench.model.version import TASK_ROOT, Code, Image, Version, version_digest
from workbench.values import dataclass


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a version stands on: all of it but code and layers."""

    configuration: FunctionConfiguration
    runtime: Runtime
    image: Image
    dependencies: Mount | None

    @property
    def mounted_at(self) -> str | None:
        return None if self.dependencies is None else self.dependencies.target

    def version(self, code: Code, layers: Mount | None) -> Version:
        return Version(
            configuration=self.configuration,
            version=LATEST,
            runtime=self.runtime,
            image=self.image,
            code=code,
            dependencies=self.dependencies,
            layers=layers,
            digest=version_digest(self.configuration, code, self.image, self.dependencies, layers),
        )


class Preparation:
    """Makes versions of `$LATEST`."""

    def __init__(
        self,
        *,
        keeper: EngineKeeper,
        code: CodeStore,
        layers: Layers,
        runtimes: Mapping[RuntimeName, Runtime],
    ) -> None:
        self._keeper = keeper
        self._code = code
        self.layers = layers
        self.runtimes = runtimes

    async def prepare(self, function: Function) -> Version:
        """The version that `function` means now; builds what it needs.

        Raises `FunctionNotReady` for a broken function, `DriverError` when there is no engine or a
        build fails.
        """
        ground = await self._ground(function)
        code = await self._take(function, ground.mounted_at)
        return ground.version(code, await self.layers.mount(function))

    async def packaged(
        self, function: Function
    ) -> tuple[Version, CodePackage, tuple[LayerUse, ...]]:
        """What `prepare` would make now, with its code and its layers as they are kept for good. The
        code's folder is not made for it: who runs this code asks `CodeStore.verified`.

        Raises what `prepare` raises, and `CodeTooLarge`.
        """
        ground = await self._ground(function)
        layers, mount = await self.layers.used(function)
        code, package = await self._code.package_folder(
            function.name,
            function.folder,
            ignored=IgnoredPaths(function.ignored_paths),
            mount_points=_mount_points(ground.mounted_at),
            taken_bytes=unzipped_bytes(layers),
        )
        return ground.version(code, mount), package, layers

    async def code(self, function: Function) -> Code:
        """Its code alone, as `prepare` takes it, without an engine. Raises `FunctionNotReady`."""
        configuration = runnable(function)
        rule = self._runtime(configuration.runtime).dependencies
        if rule is None or configuration.image is not None:
            return await self._take(function, None)
        stated = await asyncio.to_thread(read_stated, rule, function.folder)
        return await self._take(function, None if stated is None else rule.mount)

    async def _take(self, function: Function, mounted_at: str | None) -> Code:
        """mounted_at: where its dependencies will be."""
        return await self._code.take(
            function.name,
            function.folder,
            ignored=IgnoredPaths(function.ignored_paths),
            mount_points=_mount_points(mounted_at),
        )

    async def _ground(self, function: Function) -> _Ground:
        configuration = runnable(function)
        runtime = self._runtime(configuration.runtime)
        engine = await self._keeper.ready()
        image = await engine.images.ensure(
            runtime,
            image=configuration.image,
            architecture=configuration.architecture,
            functions=(function.name,),
        )
        dependencies = await self._dependencies(engine, function, runtime, image)
        return _Ground(configuration, runtime, image, dependencies)

    async def _dependencies(
        self, engine: OpenEngine, function: Function, runtime: Runtime, image: Image
    ) -> Mount | None:
        """A function with an image of its own has its dependencies in there, or in its folder."""
        if runtime.dependencies is None or not image.built_for_runtime:
            return None
        stated = await asyncio.to_thread(read_stated, runtime.dependencies, function.folder)
        if stated is None:
            return None
        return await engine.dependencies.ensure(function.name, stated, runtime, image)

    async def image(
        self, name: RuntimeName, *, architecture: str, functions: tuple[FunctionName, ...] = ()
    ) -> Image:
        """The image of a runtime alone, built if need be, for `functions`. Raises `DriverError`."""
        engine = await self._keeper.ready()
        return await engine.images.ensure(
            self._runtime(name), image=None, architecture=architecture, functions=functions
        )

    async def stand_by(self, function: Function) -> None:
        """Let a container stand ready for `function`, which nobody has invoked yet, where nothing has
        to be installed for it. Raises what `prepare` raises.
        """
        configuration = runnable(function)
        runtime = self._runtime(configuration.runtime)
        rule = runtime.dependencies
        if configuration.image is not None:
            return  # pulled when it is used
        if rule is not None:
            stated = await asyncio.to_thread(read_stated, rule, function.folder)
            if stated is not None:
                return  # installed when it is used
        image = await self.image(
            configuration.runtime,
            architecture=configuration.architecture,
            functions=(function.name,),
        )
        layers = await self.layers.mount(function)
        await asyncio.to_thread(IgnoredPaths, function.ignored_paths)  # known when it is invoked
        engine = await self._keeper.ready()
        engine.scheduler.stand_by(
            configuration, runtime, image, mounts=() if layers is None else (layers,)
        )

    def _runtime(self, name: RuntimeName) -> Runtime:
        runtime = self.runtimes.get(name)
        if runtime is None:
            raise RuntimeNotFound(name, known=tuple(sorted(self.runtimes)))
        return runtime


def _mount_points(mounted_at: str | None) -> tuple[str, ...]:
    """Which folders of the code something else will stand in the place of."""
    if mounted_at is None or not mounted_at.startswith(f"{TASK_ROOT}/"):
        return ()
    return (mounted_at.removeprefix(f"{TASK_ROOT}/"),)


def runnable(function: Function) -> FunctionConfiguration:
    """The configuration of a function that is not broken. Raises `FunctionNotReady`."""
    if function.configuration is None or function.broken:
        errors = [str(p) for p in function.problems if p.severity is Severity.ERROR]
        reason = " ".join(errors) or "its function.toml cannot be read"
        raise FunctionNotReady(function.name, reason=reason)
    return function.configuration
