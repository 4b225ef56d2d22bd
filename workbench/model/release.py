"""Releases: published versions, aliases, and what aliases do with traffic.

Source: Lambda Developer Guide, "Manage Lambda function versions" and "Create an alias"; texts of
errors as recorded from Lambda.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from workbench.errors import ConstraintViolated, InvalidParameter
from workbench.expression import expression
from workbench.model.container import Mount
from workbench.model.function import FunctionConfiguration
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.version import Image
from workbench.values import dataclass

_NUMBER = expression(r"[1-9][0-9]{0,18}")
_ALIAS = expression(r"(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePackage:
    """Code as it is kept for good: as a zip, which is unpacked in the code store where it runs."""

    digest: str
    """Of the unpacked form: hex SHA-256 over paths, modes and contents."""
    sha256: str
    """Of the zip, in base64: Lambda's CodeSha256."""
    zip_bytes: int
    """Lambda's CodeSize."""
    unzipped_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerUse:
    """One layer of a published version."""

    stated: str
    """As the function states it: a folder, a zip, or a layer version."""
    package: CodePackage


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """What a function was when it was published. It never changes."""

    function: FunctionName
    number: int
    """From 1; never given twice, not even after it was deleted."""
    description: str
    published_at: datetime
    revision_id: str
    """A UUID."""
    package: CodePackage
    configuration: FunctionConfiguration
    """Without variables: `variables` has them, sealed."""
    variables: bytes
    """Sealed (`store/sealing.py`); opened when a container needs them."""
    image: Image
    dependencies: Mount | None = None
    layers: tuple[LayerUse, ...] = ()
    """In the order in which they are merged."""
    opt_digest: str | None = None
    """Of the layers merged, in the code store; `None` without layers."""

    @property
    def qualifier(self) -> Qualifier:
        return Qualifier(str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for a version, and for a second one that gets a share of its traffic."""

    function: FunctionName
    name: Qualifier
    version: Qualifier
    """A number or `$LATEST`."""
    description: str = ""
    revision_id: str = ""
    """A UUID; another one after each change."""
    additional: Qualifier | None = None
    """A number."""
    weight: float = 0.0
    """The share of `additional`, 0 to 1; the rest is `version`'s."""

    def pick(self, roll: float) -> Qualifier:
        """The version that one call gets. roll: evenly distributed, 0 <= roll < 1."""
        if self.additional is not None and roll < self.weight:
            return self.additional
        return self.version

    @property
    def versions(self) -> tuple[Qualifier, ...]:
        """All that it may lead to."""
        return (self.version,) if self.additional is None else (self.version, self.additional)


def unzipped_bytes(layers: Iterable[LayerUse]) -> int:
    """What layers take of the size that a function may have. Source: Lambda quotas, "Deployment
    package size": the function and all its layers.
    """
    return sum(layer.package.unzipped_bytes for layer in layers)


class ChangeKind(StrEnum):
    """What was done, in the journal of changes."""

    PUBLISH = "publish"
    DELETE_VERSION = "delete-version"
    CREATE_ALIAS = "create-alias"
    UPDATE_ALIAS = "update-alias"
    DELETE_ALIAS = "delete-alias"
    PROVISION = "provision"
    SHIFT = "shift"
    """A step of a deployment."""
    PUBLISH_LAYER = "publish-layer"
    DELETE_LAYER = "delete-layer"
    IMPORT = "import"
    CONFIGURE = "configure"
    """An edit of function.toml; the texts before and after are sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the journal of changes."""

    number: int = 0
    """0: not written yet."""
    at: datetime
    kind: ChangeKind
    subject: str
    """`orders:7`, `orders:live`, `layer common:3`."""
    summary: str
    """A sentence."""
    before: dict[str, Any] | None = None
    """What it was, as the store keeps it; `None`: nothing."""
    after: dict[str, Any] | None = None
    undone_at: datetime | None = None


def new_revision() -> str:
    """A revision id. Source: recorded ones are UUIDs of version 4."""
    return str(uuid.uuid4())


_LONGEST_DESCRIPTION = 256
"""Source: Lambda API reference, PublishVersion and CreateAlias, Description."""


def description(text: str) -> str:
    """Check what is said of a version or an alias. Raises `InvalidParameter`."""
    if len(text) > _LONGEST_DESCRIPTION:
        raise InvalidParameter(
            f"A description may have {_LONGEST_DESCRIPTION} characters; this one has {len(text)}.",
            parameter="description",
        )
    return text


def is_number(qualifier: str) -> bool:
    """It can only be the number of a published version."""
    return _NUMBER.fullmatch(qualifier) is not None


def alias_name(text: str) -> Qualifier:
    """Check the name of an alias: not only digits. Raises `ConstraintViolated`."""
    if not _ALIAS.fullmatch(text):
        raise ConstraintViolated(
            text,
            member="name",
            constraint=r"Member must satisfy regular expression pattern: "
            r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        )
    return Qualifier(text)


def routing(version: Qualifier, weights: dict[str, float]) -> tuple[Qualifier | None, float]:
    """Check AdditionalVersionWeights of an alias whose first version is `version`.

    Whether the versions exist is not looked at. Raises `InvalidParameter`, `ConstraintViolated`.
    Source: recorded answers of CreateAlias and UpdateAlias.
    """
    if not weights:
        return None, 0.0
    if len(weights) > 1:
        raise InvalidParameter(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
            parameter="RoutingConfig",
        )
    ((other, weight),) = weights.items()
    if not 0.0 <= weight <= 1.0 or not is_number(other):
        raise ConstraintViolated(
            f"{{{other}={weight}}}",
            member="routingConfig.additionalVersionWeights",
            constraint="Map value must satisfy constraint: [Member must have value less than or "
            "equal to 1.0, Member must have value greater than or equal to 0.0]; Map keys must "
            "satisfy constraint: [Member must have length less than or equal to 1024, Member must "
            "have length greater than or equal to 1, Member must satisfy regular expression "
            "pattern: [0-9]+, Member must not be null]",
        )
    if other == version:
        raise InvalidParameter(
            f"Invalid function version {other}. Function version {other} is already included in "
            "routing configuration.",
            parameter="RoutingConfig",
        )
    if version == LATEST:
        raise InvalidParameter(
            "$LATEST is not supported for an alias pointing to more than 1 version",
            parameter="RoutingConfig",
        )
    return Qualifier(other), weight
