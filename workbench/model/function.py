"""Functions: what a folder with a function.toml says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from workbench.model.layer import LayerReference
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.terminal_text import plain, safe
from workbench.values import dataclass


class Architecture(StrEnum):
    """Source: Lambda API reference, Architectures."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """The function cannot run as it stands."""
    WARNING = "warning"
    """It runs, but not as its author may think."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a file of the project."""

    path: Path
    line: int | None
    """1-based; `None` when the whole file or folder is meant."""
    message: str
    """What is wrong and what is allowed, a full sentence, safe for a terminal."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        path = plain(safe(str(self.path)))  # whoever names a file may put anything into the name
        where = path if self.line is None else f"{path}:{self.line}"
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One environment variable of a function, with the layer that won."""

    name: str
    value: str
    source: str
    """Where the winning value stands: `orders/function.toml:9`, `dev.env:3`."""
    secret: bool
    """Its name looks secret; its value is never shown."""
    overrides: tuple[str, ...] = ()
    """The layers that lost, weakest first."""
    missing: bool = False
    """It was imported without its value, which is secret."""

    def __repr__(self) -> str:
        return f"Variable({self.name}={self.shown} from {self.source})"

    @property
    def shown(self) -> str:
        """What a screen, a log or a history row may show."""
        return "••••••••" if self.secret else plain(safe(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfiguration:
    """What Lambda calls the function's configuration. Ranges are checked where it is read.

    Source of ranges and defaults: Lambda API reference, CreateFunction.
    """

    name: FunctionName
    runtime: RuntimeName
    handler: str
    memory_mb: int = 128
    """128-10240."""
    timeout_s: int = 3
    """1-900."""
    ephemeral_storage_mb: int = 512
    """Size of /tmp, 512-10240."""
    architecture: Architecture = Architecture.X86_64
    description: str = ""
    variables: tuple[Variable, ...] = ()
    """Sorted by name, one per name."""
    layers: tuple[str, ...] = ()
    """As stated: folders, zips and layer versions, in the order of merging."""
    kms_key: str | None = None
    """The key that variables of its published versions are sealed with, as Lambda's KMSKeyArn: 1-64 of
    letters, digits, - and _; `None`: the user's own default key.
    """
    image: str | None = None
    """An image used instead of the one built for the runtime."""
    reserved_concurrency: int | None = None
    """Invocations at the same time that are the function's own: it always gets them, and never more.
    0: it gets none. `None`: it shares with all that reserve nothing.
    """
    keep_alive_s: float | None = None
    """An environment idle for this long is retired; `None`: as the project has it."""
    freeze: bool | None = None
    """An idle environment runs no code; `None`: as the project has it."""


FUNCTION_WIDE = frozenset({"reserved_concurrency", "keep_alive_s", "freeze"})
"""What is the function's and no version's: changing it replaces no environment. Source: Lambda
Developer Guide, "Reserved concurrency"; the others are ours.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function of the project as it stands on disk."""

    name: FunctionName
    folder: Path
    """Absolute."""
    configuration: FunctionConfiguration | None
    """`None` when the manifest is broken; `problems` then says why."""
    problems: tuple[Problem, ...] = ()
    events: tuple[str, ...] = ()
    """Names of its saved events, sorted, without `.json`."""
    has_dependencies: bool = False
    """It states some, in a file its runtime's `DependencyRule` names."""
    ignored_paths: tuple[str, ...] = ()
    """Its own and the project's patterns of files that are neither code nor a reason to reload."""
    layers: tuple[LayerReference, ...] = ()
    """What `configuration.layers` name, also those that cannot be used, in the order of merging."""

    @property
    def broken(self) -> bool:
        """It cannot be invoked as it stands."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def reservations(functions: Iterable[Function]) -> dict[FunctionName, int]:
    """What the functions that can be read reserve of the account's concurrency."""
    return {
        function.name: function.configuration.reserved_concurrency
        for function in functions
        if function.configuration is not None
        and function.configuration.reserved_concurrency is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder of functions."""

    root: Path
    """Absolute."""
    functions: tuple[Function, ...]
    """Sorted by name. Of two with one name both are listed, and both have a problem."""
    problems: tuple[Problem, ...] = ()
    """Those of the project itself: workbench.toml, *.env, folders that cannot be read."""
