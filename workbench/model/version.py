"""A version of a function, ready to run: configuration, code, image and mounts together.

Invariant: it is immutable. Newer code is another `Version` with another digest, also for $LATEST.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from workbench.model.container import Mount
from workbench.model.function import FUNCTION_WIDE, FunctionConfiguration, Variable
from workbench.model.names import FunctionName, Qualifier
from workbench.model.runtime import Runtime
from workbench.values import dataclass

TASK_ROOT = "/var/task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as the container engine knows it."""

    reference: str
    """What containers are created from. Empty for the process driver."""
    digest: str
    """64 hex digits; zeros where there is no image."""
    built_for_runtime: bool = True
    """False: the function's own choice, started through the image's entry point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A function's files as taken at one moment, never changed afterwards."""

    folder: Path
    """What was only published has none yet (`CodeStore.verified`)."""
    digest: str
    """Hex SHA-256 over paths, modes and contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What an execution environment belongs to."""

    configuration: FunctionConfiguration
    version: Qualifier
    """`$LATEST` or a number."""
    runtime: Runtime
    image: Image
    code: Code
    dependencies: Mount | None
    layers: Mount | None = None
    """All of them, merged."""
    digest: str
    """Of everything above: two versions with one digest behave alike."""

    @property
    def name(self) -> FunctionName:
        return self.configuration.name

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What its containers see of this machine."""
        code = Mount(source=self.code.folder, target=TASK_ROOT)
        others = (self.dependencies, self.layers)
        return (code, *(mount for mount in others if mount is not None))


def version_digest(
    configuration: FunctionConfiguration,
    code: Code,
    image: Image,
    dependencies: Mount | None,
    layers: Mount | None = None,
) -> str:
    """The digest that tells versions of one function apart."""
    parts = (
        # not repr: a Variable hides its secret value there, and the value matters here
        *(
            str(getattr(configuration, name))
            for name in configuration.__slots__
            if name != "variables" and name not in FUNCTION_WIDE
        ),
        *(f"{variable.name}={variable.value}" for variable in configuration.variables),
        code.digest,
        image.digest,
        "" if dependencies is None else str(dependencies.source),
        "" if layers is None else layers.source.name,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def with_variable(version: Version, variable: Variable) -> Version:
    """The same with one more environment variable: another version, likewise."""
    kept = tuple(each for each in version.configuration.variables if each.name != variable.name)
    return _reconfigured(version, replace(version.configuration, variables=(*kept, variable)))


def with_memory(version: Version, memory_mb: int) -> Version:
    """The same with another memory size: another version, whose environments are its own."""
    return _reconfigured(version, replace(version.configuration, memory_mb=memory_mb))


def _reconfigured(version: Version, configuration: FunctionConfiguration) -> Version:
    digest = version_digest(
        configuration, version.code, version.image, version.dependencies, version.layers
    )
    return replace(version, configuration=configuration, digest=digest)
