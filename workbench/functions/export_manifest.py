"""What an exported function says of itself: `manifest.json`, written and read.

Invariant: what is read is allowed where it goes, whoever wrote it, or is refused with a sentence; a
secret variable is written without its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from workbench.config.complaints import Complaints, quoted
from workbench.config.keys import read_keys
from workbench.config.manifest import MANIFEST_KEYS
from workbench.config.toml_file import Document
from workbench.config.variables import looks_secret, toml_layer, too_large
from workbench.errors import WorkbenchError
from workbench.expression import expression
from workbench.model.container import Mount
from workbench.model.function import Architecture, FunctionConfiguration, Severity, Variable
from workbench.model.names import LATEST, FunctionName, Qualifier, RuntimeName, function_name
from workbench.model.release import (
    Alias,
    CodePackage,
    LayerUse,
    PublishedVersion,
    alias_name,
    is_number,
    routing,
)
from workbench.model.terminal_text import plain, safe
from workbench.model.version import Image
from workbench.store.releases import configuration as stored_configuration
from workbench.values import dataclass

FORMAT = 1
MOST_VERSIONS = 100_000
_T = TypeVar("_T")
_SHA256 = expression(r"[0-9a-f]{64}")
_CODE_SHA256 = expression(r"[A-Za-z0-9+/]{43}=")
_REVISION = expression(r"[0-9a-f-]{36}")
_REFERENCE = expression(r"[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}|")
_LONGEST = 4096
_LARGEST = 2**62
_FILE = Path("manifest.json")
_KEYS = {key: kind for key, kind in MANIFEST_KEYS.items() if key not in ("environment", "ignore")}


class Refused(Exception):
    """The manifest is wrong. Its text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedVersion:
    """One version."""

    version: PublishedVersion
    """Without variables and dependencies; its function is that of the export."""
    variables: tuple[Variable, ...]
    """The secret ones are `missing`."""
    dependencies: Mount | None = None
    """`source` is the SHA-256, in hex, of a zip in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportManifest:
    """All that the file says."""

    function: FunctionName
    workbench: str
    """The release that wrote it."""
    last_version: int
    versions: tuple[ExportedVersion, ...] = ()
    aliases: tuple[Alias, ...] = ()
    folder: CodePackage | None = None
    """The code of `$LATEST`; `None`: its folder was gone."""
    blanked: tuple[str, ...] = ()
    """Variables of function.toml that have lost their value."""
    left_out: tuple[str, ...] = ()

    @property
    def packages(self) -> dict[str, CodePackage]:
        """Everything that the code store has to have, by CodeSha256."""
        found = [] if self.folder is None else [self.folder]
        for each in self.versions:
            found += [each.version.package, *(layer.package for layer in each.version.layers)]
        return {package.sha256: package for package in found}

    @property
    def dependencies(self) -> set[str]:
        """SHA-256 of their zips, in hex."""
        mounts = (each.dependencies for each in self.versions)
        return {str(mount.source) for mount in mounts if mount is not None}


def without_secrets(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """The same, of the secret ones only their names."""
    return tuple(
        replace(variable, value="", secret=True, missing=True)
        if variable.missing or variable.secret or looks_secret(variable.name, variable.value)
        else variable
        for variable in variables
    )


def missing(variables: tuple[Variable, ...]) -> tuple[str, ...]:
    """Names of those without a value."""
    return tuple(variable.name for variable in variables if variable.missing)


# --- writing -------------------------------------------------------------------------------------------


def to_json(manifest: ExportManifest) -> bytes:
    """As the file has it."""
    document = {
        "format": FORMAT,
        "workbench": manifest.workbench,
        "function": manifest.function,
        "last_version": manifest.last_version,
        "versions": [_version_to_json(each) for each in manifest.versions],
        "aliases": [_alias_to_json(each) for each in manifest.aliases],
        "folder": None if manifest.folder is None else _package_to_json(manifest.folder),
        "without_values": {
            LATEST: list(manifest.blanked),
            **{
                str(each.version.number): list(missing(each.variables))
                for each in manifest.versions
            },
        },
        "left_out": list(manifest.left_out),
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _version_to_json(each: ExportedVersion) -> dict[str, Any]:
    version, mount = each.version, each.dependencies
    configured = json.loads(stored_configuration.to_json(version.configuration))
    return {
        "number": version.number,
        "description": version.description,
        "published_at": version.published_at.isoformat(),
        "revision_id": version.revision_id,
        "code": _package_to_json(version.package),
        "configuration": {key: value for key, value in configured.items() if value is not None},
        "variables": [_variable_to_json(variable) for variable in each.variables],
        "image": {
            "reference": version.image.reference,
            "digest": version.image.digest,
            "built_for_runtime": version.image.built_for_runtime,
        },
        "dependencies": None
        if mount is None
        else {"zip": str(mount.source), "target": mount.target},
        "layers": [
            {"stated": layer.stated, "code": _package_to_json(layer.package)}
            for layer in version.layers
        ],
        "opt_digest": version.opt_digest,
    }


def _variable_to_json(variable: Variable) -> dict[str, Any]:
    told: dict[str, Any] = {"name": variable.name, "source": variable.source}
    told["overrides"] = list(variable.overrides)
    if variable.missing:
        return {**told, "secret": True}
    return {**told, "value": variable.value}


def _package_to_json(package: CodePackage) -> dict[str, Any]:
    return {name: getattr(package, name) for name in CodePackage.__slots__}


def _alias_to_json(alias: Alias) -> dict[str, Any]:
    return {name: getattr(alias, name) for name in Alias.__slots__ if name != "function"}


# --- reading -------------------------------------------------------------------------------------------


def from_json(raw: bytes) -> ExportManifest:
    """Read it as the hostile thing that it may be. Raises `Refused`."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("Its manifest.json is no JSON: the file is damaged, or no export.") from None
    try:
        top = _Table(document, "manifest.json")
        _check_format(document)
        function = top.checked("function", function_name)
        manifest = ExportManifest(
            function=function,
            workbench=top.text("workbench"),
            last_version=top.whole("last_version", most=_LARGEST),
            versions=tuple(
                _version(each, function) for each in top.tables("versions", most=MOST_VERSIONS)
            ),
            aliases=tuple(
                _alias(each, function) for each in top.tables("aliases", most=MOST_VERSIONS)
            ),
            folder=None if document.get("folder") is None else _package(top.table("folder")),
            blanked=top.table("without_values").texts(LATEST),
            left_out=top.texts("left_out"),
        )
        _check_together(manifest)
    except WorkbenchError as error:
        raise Refused(f"Its manifest.json is wrong: {error}") from None
    return manifest


def _check_format(document: Mapping[str, Any]) -> None:
    found = document.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise Refused(
            "Its manifest.json states no format: export it again with `workbench export`."
        )
    if found > FORMAT:
        made = document.get("workbench")
        by = f" ({made[:40]})" if isinstance(made, str) else ""
        raise Refused(
            f"A newer workbench{by} exported it: format {found}, and this one reads up to {FORMAT}. "
            "Update workbench here."
        )


def _check_together(manifest: ExportManifest) -> None:
    numbers = [each.version.number for each in manifest.versions]
    if sorted(set(numbers)) != numbers:
        raise Refused("Its manifest.json has versions twice, or not in their order.")
    if numbers and manifest.last_version < numbers[-1]:
        raise Refused("Its manifest.json has a version above the last one.")
    if not numbers and manifest.folder is None:
        raise Refused("There is neither a version nor a folder in it.")
    known = {LATEST, *(Qualifier(str(number)) for number in numbers)}
    for alias in manifest.aliases:
        for version in alias.versions:
            if version not in known:
                raise Refused(f"Its alias {alias.name} leads to {version}, which is not in it.")
    if len({alias.name for alias in manifest.aliases}) != len(manifest.aliases):
        raise Refused("Its manifest.json has aliases twice.")


class _Table:
    """An object of the document, whose values are checked as they are taken."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise Refused(f"Its {where} is no JSON object.")
        self.values: dict[str, Any] = values
        self.where = where

    def text(
        self, key: str, pattern: re.Pattern[str] | None = None, *, longest: int = _LONGEST
    ) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or len(value) > longest or "\0" in value:
            raise self._wrong(key, value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong(key, "half a character") from None
        if pattern is not None and not pattern.fullmatch(value):
            raise self._wrong(key, value)
        return value

    def shown(self, key: str, *, longest: int = _LONGEST) -> str:
        """Text that people see."""
        return plain(safe(self.text(key, longest=longest)))

    def whole(self, key: str, *, least: int = 0, most: int) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(key, value)
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(
            plain(safe(_Table({"": each}, f"{self.where}, {key}").text("")))
            for each in self._list(key, most=MOST_VERSIONS)
        )

    def table(self, key: str) -> _Table:
        return _Table(self.values.get(key), f"{self.where}, {key}")

    def tables(self, key: str, *, most: int) -> list[_Table]:
        listed = self._list(key, most=most)
        return [_Table(each, f"{self.where}, {key} {at}") for at, each in enumerate(listed)]

    def checked(self, key: str, check: Callable[[str], _T]) -> _T:
        return check(self.text(key))

    def _list(self, key: str, *, most: int) -> list[Any]:
        value = self.values.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(key, value)
        return value

    def _wrong(self, key: str, value: object) -> Refused:
        told = quoted(value) if isinstance(value, str | int) else type(value).__name__
        return Refused(f"Its {self.where} has {told} for {key!r}, which cannot be.")


def _version(table: _Table, function: FunctionName) -> ExportedVersion:
    mount = None
    if table.values.get("dependencies") is not None:
        stated = table.table("dependencies")
        mount = Mount(source=Path(stated.text("zip", _SHA256)), target=stated.text("target"))
    image = table.table("image")
    opt = table.values.get("opt_digest")
    return ExportedVersion(
        version=PublishedVersion(
            function=function,
            number=table.whole("number", least=1, most=_LARGEST),
            description=table.shown("description", longest=256),
            published_at=table.checked("published_at", _moment),
            revision_id=table.text("revision_id", _REVISION),
            package=_package(table.table("code")),
            configuration=_configuration(table.table("configuration"), function),
            variables=b"",
            image=Image(
                reference=image.text("reference", _REFERENCE),
                digest=image.text("digest", _SHA256),
                built_for_runtime=image.flag("built_for_runtime"),
            ),
            layers=tuple(
                LayerUse(stated=each.shown("stated"), package=_package(each.table("code")))
                for each in table.tables("layers", most=100)
            ),
            opt_digest=None if opt is None else table.text("opt_digest", _SHA256),
        ),
        variables=_variables(table),
        dependencies=mount,
    )


def _package(table: _Table) -> CodePackage:
    return CodePackage(
        digest=table.text("digest", _SHA256),
        sha256=table.text("sha256", _CODE_SHA256),
        zip_bytes=table.whole("zip_bytes", most=_LARGEST),
        unzipped_bytes=table.whole("unzipped_bytes", most=_LARGEST),
    )


def _alias(table: _Table, function: FunctionName) -> Alias:
    version = table.text("version")
    if version != LATEST and not is_number(version):
        raise Refused(f"Its {table.where} leads to {quoted(version)}.")
    weight = table.values.get("weight")
    if not isinstance(weight, int | float) or isinstance(weight, bool):
        raise Refused(f"Its {table.where} has no weight.")
    additional = table.values.get("additional")
    weights = {} if additional is None else {table.text("additional"): float(weight)}
    second, share = routing(Qualifier(version), weights)
    return Alias(
        function=function,
        name=table.checked("name", alias_name),
        version=Qualifier(version),
        description=table.shown("description", longest=256),
        revision_id=table.text("revision_id", _REVISION),
        additional=second,
        weight=share,
    )


def _configuration(table: _Table, function: FunctionName) -> FunctionConfiguration:
    document = Document(_FILE, values=table.values, text="", problems=())
    complaints = Complaints(_FILE)
    values = read_keys(document, _KEYS, complaints)
    for key in ("runtime", "handler", "architecture"):
        if key not in values:
            complaints.error(f"{key} is not stated.")
    _raise_first(complaints, table.where)
    return FunctionConfiguration(
        **{
            **values,
            "name": function,
            "runtime": RuntimeName(values["runtime"]),
            "architecture": Architecture(values["architecture"]),
            "layers": tuple(values.get("layers", ())),
            "description": plain(safe(values.get("description", ""))),
        }
    )


def _variables(table: _Table) -> tuple[Variable, ...]:
    listed = table.tables("variables", most=1000)
    values = {each.text("name"): each.values.get("value", "") for each in listed}
    complaints = Complaints(_FILE)
    document = Document(_FILE, values={"environment": values}, text="", problems=())
    toml_layer(document, ("environment",), label=str(_FILE), complaints=complaints)
    if len(values) != len(listed):
        complaints.error("A variable is in it twice.")
    _raise_first(complaints, table.where)
    found = []
    for each in listed:
        name, lost = each.text("name"), "value" not in each.values
        found.append(
            Variable(
                name=name,
                value=values[name],
                source=each.shown("source"),
                secret=lost or looks_secret(name, values[name]),
                overrides=each.texts("overrides"),
                missing=lost,
            )
        )
    variables = tuple(sorted(found, key=lambda variable: variable.name))
    if (wrong := too_large(variables)) is not None:
        raise Refused(f"In its {table.where}: {wrong}")
    return variables


def _raise_first(complaints: Complaints, where: str) -> None:
    for problem in complaints.result():
        if problem.severity is Severity.ERROR:
            raise Refused(f"Its {where} is wrong: {problem.message}")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1971 <= found.year <= 9000:
        raise Refused(f"Its manifest.json has {quoted(text)} for a time.")
    return found
