"""The layers that a function states: where each is, and whether it can be one.

Looks at names and kinds of files only; what is in a layer is nobody's business here.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config.complaints import Complaints, quoted
from workbench.config.files import unreadable
from workbench.model.function import Function, FunctionConfiguration
from workbench.model.layer import (
    LayerReference,
    LayerVersionId,
    contradictory,
    layer_version_id,
)
from workbench.values import dataclass

if TYPE_CHECKING:
    from workbench.model.layer_version import LayerVersion  # few functions name one

FindLayer = Callable[[LayerVersionId], "LayerVersion | None"]
"""Finds a layer version that is published here. May block; never raises."""

MANIFEST = "function.toml"
_SOUGHT = frozenset({"bin", "bootstrap", "extensions", "java", "lib", "nodejs", "python", "ruby"})
"""What runtimes look for in /opt. Source: Lambda Developer Guide, "Layer paths"."""
_BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
_CODE = (".cjs", ".js", ".mjs", ".py")
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\*?[]!# "})


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLayer:
    """A layer, and where it stands."""

    text: str
    file: Path
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReader:
    """Finds the layers of one function."""

    folder: Path
    """The function's."""
    root: Path
    """The project's."""
    region: str
    account: str
    complaints: Complaints

    def read(self, stated: Iterable[StatedLayer]) -> tuple[LayerReference, ...]:
        """All of them, in order. Whatever is wrong with one is complained about, where it stands."""
        references = tuple(self._reference(layer) for layer in stated)
        for reference, message in contradictory(
            references, region=self.region, account=self.account
        ):
            self.complaints.error(message, path=reference.file, line=reference.line)
        return references

    def _reference(self, stated: StatedLayer) -> LayerReference:
        version = layer_version_id(stated.text)
        if version is not None:
            return LayerReference(
                stated=stated.text, version=version, file=stated.file, line=stated.line
            )
        # not resolved: it is watched under the name that its author gives it
        candidates = tuple(
            dict.fromkeys(
                Path(os.path.normpath(base / stated.text)) for base in (self.folder, self.root)
            )
        )
        return LayerReference(
            stated=stated.text,
            path=self._found(stated, candidates),
            candidates=candidates,
            file=stated.file,
            line=stated.line,
        )

    def _found(self, stated: StatedLayer, candidates: tuple[Path, ...]) -> Path | None:
        """The layer's folder or zip, if it is one."""
        try:
            path = next((each for each in candidates if each.exists()), None)
            wrong = self._missing(stated, candidates) if path is None else self._wrong(path)
        except (OSError, ValueError) as error:  # no right to look there; a NUL in the name
            path, wrong = None, unreadable(error)
        if wrong is not None:
            message = f"Layer {quoted(stated.text)}: {wrong}"
            self.complaints.error(message, path=stated.file, line=stated.line)
            return None
        if path is not None and path.is_dir() and _misplaced(path):
            self.complaints.warn(
                f"Layer {quoted(stated.text)}: what is in it is not found by import. Python looks in "
                "its folder python, Node.js in nodejs/node_modules.",
                path=stated.file,
                line=stated.line,
            )
        return path

    def _missing(self, stated: StatedLayer, candidates: tuple[Path, ...]) -> str:
        where = " nor ".join(self._shown(path) for path in candidates)
        text = f"it does not exist. There is no {where}."
        if ":" in stated.text:
            text += " A published layer version is NAME:N, with a whole number from 1."
        return text

    def _wrong(self, path: Path) -> str | None:
        """Why what is there cannot be a layer."""
        if not path.is_dir():
            if not path.is_file() or path.suffix.lower() != ".zip":
                return "it is neither a folder nor a .zip."
            return None if zipfile.is_zipfile(path) else _BAD_ZIP
        if self.folder == path or self.folder.is_relative_to(path):
            return "this folder holds the function itself."
        if (path / MANIFEST).is_file():
            return f"this is the folder of a function: it has a {MANIFEST}."
        with os.scandir(path) as entries:
            return None if any(entries) else "this folder is empty."

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def _misplaced(folder: Path) -> bool:
    """It has modules where no runtime looks for them, and nothing where one does."""
    names = {path.name for path in folder.iterdir()}
    return not names & _SOUGHT and any(
        name.endswith(_CODE) or name in {"node_modules", "site-packages"} for name in names
    )


def warn_of_misfits(
    layers: Iterable[LayerReference],
    configuration: FunctionConfiguration,
    *,
    find: FindLayer,
    region: str,
    account: str,
    complaints: Complaints,
) -> None:
    """Complain, where it is stated, about each layer version that says it is for other functions."""
    for layer in layers:
        asked = layer.version
        if asked is None or (asked.region or region, asked.account or account) != (region, account):
            continue
        found = find(asked)
        message = found and found.misfit(configuration.runtime, configuration.architecture)
        if message:
            complaints.warn(message, path=layer.file, line=layer.line)


def apart(functions: Iterable[Function]) -> list[Function]:
    """`functions` without those that are in a layer; no layer is code of the function it is in."""
    functions = list(functions)
    layers = {
        layer.path for function in functions for layer in function.layers if layer.path is not None
    }
    kept = [
        function
        for function in functions
        if not layers.intersection((function.folder, *function.folder.parents))
    ]
    return [_without(function, layers) for function in kept]


def _without(function: Function, layers: set[Path]) -> Function:
    inside = sorted(
        f"/{layer.relative_to(function.folder).as_posix().translate(_SPECIAL)}"
        for layer in layers
        if layer.is_relative_to(function.folder)
    )
    more = tuple(pattern for pattern in inside if pattern not in function.ignored_paths)
    if not more:
        return function
    return replace(function, ignored_paths=(*function.ignored_paths, *more))
