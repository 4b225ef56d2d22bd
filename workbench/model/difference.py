"""What two versions of a function differ in. Pure; `functions/comparing.py` gathers it.

Invariant: no secret value is in here, nor anything that depends on one but whether it has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from workbench.model.function import FUNCTION_WIDE, FunctionConfiguration, Variable
from workbench.model.names import FunctionName, Qualifier
from workbench.values import dataclass

_TOLD_APART = frozenset({"name", "variables", "layers"})
"""Of a configuration: they have parts of their own, and the name is the same."""


class ChangeType(StrEnum):
    """What became of one thing on the way from the first version to the second."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file of a version."""

    size_bytes: int
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file that is not the same in both."""

    path: str
    """Relative to the code's folder, with `/`; an empty folder ends with one. It may have anything in
    it but NUL, lone surrogates too.
    """
    a: FileFacts | None
    """`None`: it is not there."""
    b: FileFacts | None
    diff: tuple[str, ...] | None = None
    """Hunks of a unified diff; empty when only its mode has changed. Not safe for a terminal."""
    no_diff: str = ""
    """Why there is none: `binary`, say."""

    @property
    def type(self) -> ChangeType:
        return _type(self.a, self.b)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of the configuration."""

    field: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableChange:
    """One environment variable."""

    name: str
    type: ChangeType
    secret: bool
    """In one of the two: then neither value is here."""
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """One layer of a version."""

    stated: str
    """A folder, a zip, or a layer version."""
    digest: str
    """Of what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """The layers at one place of the order in which they are merged."""

    position: int
    """From 1."""
    a: LayerState | None
    b: LayerState | None

    @property
    def type(self) -> ChangeType:
        return _type(self.a, self.b)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All of it; every part is empty where the two are the same."""

    function: FunctionName
    a: Qualifier
    """`$LATEST` or a number."""
    b: Qualifier
    code: tuple[FileChange, ...] = ()
    """By path."""
    configuration: tuple[FieldChange, ...] = ()
    variables: tuple[VariableChange, ...] = ()
    """By name."""
    layers: tuple[LayerChange, ...] = ()
    dependencies: tuple[FileChange, ...] = ()
    """The files that state them."""
    image: tuple[str, str] | None = None
    """Digests, where both are known and they are not the same one."""

    @property
    def equal(self) -> bool:
        """There is none."""
        return not (
            self.code
            or self.configuration
            or self.variables
            or self.layers
            or self.dependencies
            or self.image
        )


def configuration_changes(
    a: FunctionConfiguration, b: FunctionConfiguration
) -> tuple[FieldChange, ...]:
    """Field by field; what is the function's and no version's is left out."""
    return tuple(
        FieldChange(field=field, a=getattr(a, field), b=getattr(b, field))
        for field in a.__slots__
        if field not in _TOLD_APART | FUNCTION_WIDE and getattr(a, field) != getattr(b, field)
    )


def variable_changes(a: Sequence[Variable], b: Sequence[Variable]) -> tuple[VariableChange, ...]:
    """By name. Where a value came from is no change of it."""
    ours = {variable.name: variable for variable in a}
    theirs = {variable.name: variable for variable in b}
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(name), theirs.get(name)
        before = None if one is None else one.value
        after = None if other is None else other.value
        if before == after:
            continue
        secret = any(each is not None and each.secret for each in (one, other))
        found.append(
            VariableChange(
                name=name,
                type=_type(one, other),
                secret=secret,
                a=None if secret else before,
                b=None if secret else after,
            )
        )
    return tuple(found)


def layer_changes(a: Sequence[LayerState], b: Sequence[LayerState]) -> tuple[LayerChange, ...]:
    """By position: order counts."""
    found = []
    for number in range(max(len(a), len(b))):
        one = a[number] if number < len(a) else None
        other = b[number] if number < len(b) else None
        if one != other:
            found.append(LayerChange(position=number + 1, a=one, b=other))
    return tuple(found)


def _type(a: object, b: object) -> ChangeType:
    if a is None:
        return ChangeType.ADDED
    return ChangeType.REMOVED if b is None else ChangeType.CHANGED
