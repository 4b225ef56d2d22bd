"""What became of an export, or of an import."""

from __future__ import annotations

from pathlib import Path

from workbench.model.names import FunctionName, Qualifier
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutValues:
    """Secret variables of one version, of which only the names went along."""

    version: Qualifier
    """A number, or `$LATEST`: those of function.toml."""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A function in one file."""

    function: FunctionName
    path: Path
    size_bytes: int
    versions: tuple[int, ...]
    aliases: tuple[Qualifier, ...]
    events: tuple[str, ...]
    without_values: tuple[WithoutValues, ...]
    left_out: tuple[str, ...]
    """What else did not go along, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A function out of such a file."""

    function: FunctionName
    folder: Path | None
    """`None`: the file has versions alone."""
    versions: tuple[int, ...]
    aliases: tuple[Qualifier, ...]
    events: tuple[str, ...]
    without_values: tuple[WithoutValues, ...]
    """What cannot run before it has them."""
    notes: tuple[str, ...]
    """What is not as it was where it came from, a sentence each."""
