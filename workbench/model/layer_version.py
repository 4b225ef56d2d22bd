"""Published layers, and what their publishers say of them.

Source: Lambda API reference, PublishLayerVersion.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workbench.errors import ConstraintViolated, InvalidParameter
from workbench.expression import expression
from workbench.model.function import Architecture
from workbench.model.layer import LayerVersionId
from workbench.model.release import CodePackage
from workbench.values import dataclass

_NAME = expression(r"[a-zA-Z0-9-_]{1,140}")
_RUNTIME = expression(r"[a-z0-9.-]{1,64}")
_MOST_RUNTIMES = 15
_LONGEST_DESCRIPTION = 256
_LONGEST_LICENSE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One version of a layer. It never changes."""

    name: str
    number: int
    """From 1; never given twice, not even after it was deleted."""
    description: str = ""
    created_at: datetime
    package: CodePackage
    runtimes: tuple[str, ...] = ()
    """Those that it says it is for; empty: it says nothing. Nothing is refused for it."""
    architectures: tuple[str, ...] = ()
    """Likewise."""
    license: str = ""

    @property
    def id(self) -> LayerVersionId:
        return LayerVersionId(name=self.name, number=self.number)

    def misfit(self, runtime: str, architecture: str) -> str | None:
        """What to say to who has it in a function of those that it does not say it is for.

        Source: PublishLayerVersion: what a layer says it is for only filters lists of layers.
        """
        pairs = ((runtime, self.runtimes), (architecture, self.architectures))
        others = [
            f"{', '.join(said)}, not {wanted}"
            for wanted, said in pairs
            if said and wanted not in said
        ]
        if not others:
            return None
        return f"Layer {self.id} says that it is for {', and for '.join(others)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerClaims:
    """What a publisher says of a layer version."""

    description: str = ""
    runtimes: Sequence[str] = ()
    """Those that it is for, at most 15; empty: nothing is said."""
    architectures: Sequence[str] = ()
    """Likewise, of `Architecture`."""
    license: str = ""

    def check(self) -> None:
        """Raises `InvalidParameter` for what Lambda refuses."""
        if len(self.description) > _LONGEST_DESCRIPTION:
            raise _too_long("description", self.description, _LONGEST_DESCRIPTION)
        if len(self.license) > _LONGEST_LICENSE:
            raise _too_long("licenseInfo", self.license, _LONGEST_LICENSE)
        if len(self.runtimes) > _MOST_RUNTIMES:
            raise InvalidParameter(
                f"A layer may name {_MOST_RUNTIMES} runtimes; this one names {len(self.runtimes)}.",
                parameter="compatibleRuntimes",
            )
        for runtime in self.runtimes:
            if not _RUNTIME.fullmatch(runtime):
                raise InvalidParameter(
                    f"{runtime!r} is not the name of a runtime.", parameter="compatibleRuntimes"
                )
        for architecture in self.architectures:
            if architecture not in tuple(Architecture):
                raise InvalidParameter(
                    f"{architecture!r} is no architecture: use {' or '.join(Architecture)}.",
                    parameter="compatibleArchitectures",
                )


NO_CLAIMS = LayerClaims()


def layer_name(text: str) -> str:
    """Check the name of a layer. Raises `ConstraintViolated`."""
    if not _NAME.fullmatch(text):
        raise ConstraintViolated(
            text,
            member="layerName",
            constraint="Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]{1,140})",
        )
    return text


def _too_long(parameter: str, text: str, longest: int) -> InvalidParameter:
    return InvalidParameter(
        f"{parameter} may have {longest} characters; this one has {len(text)}.",
        parameter=parameter,
    )
