"""Where each value of a function's configuration comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.config.manifest import MANIFEST
from workbench.config.settings import SETTINGS
from workbench.config.toml_file import Document, empty, read_toml
from workbench.config.variables import label_of
from workbench.model.configured import Configured, ConfiguredValue
from workbench.model.function import Function, FunctionConfiguration

_LISTED = (
    "name",
    "runtime",
    "handler",
    "architecture",
    "memory_mb",
    "timeout_s",
    "ephemeral_storage_mb",
    "description",
    "layers",
    "kms_key",
    "image",
    "reserved_concurrency",
    "keep_alive_s",
    "freeze",
)
DEFAULT = "default"
"""The source of what nobody has stated."""


def configured(
    function: Function, configuration: FunctionConfiguration, *, root: Path
) -> Configured:
    """`configuration`, which is `function`'s. Reads function.toml and workbench.toml again."""
    own, project = _there(function.folder / MANIFEST), _there(root / SETTINGS)
    defaults = project.values.get("defaults", {})
    values: list[ConfiguredValue] = []
    for key in _LISTED:
        source = DEFAULT
        if key in own.values:
            source = _at(own, (key,), root)
        elif isinstance(defaults, Mapping) and key in defaults:
            source = _at(project, ("defaults", key), root)
        elif key == "handler":
            source = f"runtime {configuration.runtime}"
        elif key == "name":
            source = "folder"
        value = getattr(configuration, key)
        values.append(
            ConfiguredValue(key=key, value=list(value) if key == "layers" else value, source=source)
        )
    return Configured(
        function=function.name,
        file=function.folder / MANIFEST,
        values=tuple(values),
        variables=configuration.variables,
    )


def _there(path: Path) -> Document:
    try:
        return read_toml(path)
    except FileNotFoundError:
        return empty(path)


def _at(document: Document, key: tuple[str, ...], root: Path) -> str:
    line = document.line(key)
    label = label_of(document.path, root)
    return label if line is None else f"{label}:{line}"
