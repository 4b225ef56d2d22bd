"""Layers: what a function states, and what that means.

Source: Lambda Developer Guide, "Working with layers", and API reference, PublishLayerVersion; texts of
errors as recorded from Lambda.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from workbench.expression import expression
from workbench.values import dataclass

LAYERS_ROOT = "/opt"
"""Where the layers of a function are, merged."""
MOST_LAYERS = 5
"""Source: Lambda quotas."""

_ID = expression(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,140}):(?P<number>[1-9][0-9]{0,18})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersionId:
    """Names one version of a published layer."""

    name: str
    number: int
    region: str | None = None
    """`None`: this workbench's."""
    account: str | None = None
    """12 digits; `None`: this workbench's."""

    def arn(self, *, region: str, account: str) -> str:
        """Whole; region and account are those of this workbench."""
        where = f"{self.region or region}:{self.account or account}"
        return f"arn:aws:lambda:{where}:layer:{self.name}:{self.number}"

    def __str__(self) -> str:
        return f"{self.name}:{self.number}"


def layer_version_id(text: str) -> LayerVersionId | None:
    """`NAME:N` or the ARN of a layer version; `None` when it is neither."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    return LayerVersionId(
        name=match["name"],
        number=int(match["number"]),
        region=match["region"],
        account=match["account"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReference:
    """One layer of a function, as its function.toml or `[defaults]` states it."""

    stated: str
    version: LayerVersionId | None = None
    """A published layer version; `None`: a folder or a zip."""
    path: Path | None = None
    """The folder or the zip; `None` while there is none that can be used."""
    candidates: tuple[Path, ...] = ()
    """Where it may be; the first one that is there counts. Absolute."""
    file: Path
    """Where it is stated."""
    line: int | None = None


def contradictory(
    references: Iterable[LayerReference], *, region: str, account: str
) -> list[tuple[LayerReference, str]]:
    """Those that name another version of a layer that is named before them, with Lambda's words."""
    seen: defaultdict[str, list[LayerVersionId]] = defaultdict(list)
    found: list[tuple[LayerReference, str]] = []
    for reference in references:
        version = reference.version
        if version is None:
            continue
        arn = version.arn(region=region, account=account)
        before = seen[arn.rpartition(":")[0]]
        other = next((each for each in before if each.number != version.number), None)
        if other is not None:
            found.append((reference, _two_versions(other.arn(region=region, account=account), arn)))
        before.append(version)
    return found


def _two_versions(one: str, other: str) -> str:
    return (
        "Two different versions of the same layer are not allowed to be referenced in the same "
        f"function. {one} and {other} are versions of the same layer."
    )


def does_not_exist(arn: str) -> str:
    """Of a layer version, in Lambda's words."""
    return f"Layer version {arn} does not exist."
