"""Makes a new function from its runtime's template: all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from workbench.errors import AlreadyExists, InvalidManifest, InvalidParameter
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime

PLACEHOLDER = "{{name}}"
"""Stands for the function's name in the text files of a template."""


def create_function(root: Path, name: FunctionName, runtime: Runtime) -> Path:
    """A new function's folder below `root`.

    Raises `AlreadyExists` when anything of that name is there, `InvalidParameter` for a runtime
    without a template, `InvalidManifest` when the system refuses.
    """
    if runtime.template is None:
        raise InvalidParameter(
            f"{runtime.name} has no template to start from.", parameter="runtime"
        )
    target = root / name
    if os.path.lexists(target):
        raise AlreadyExists(f"{target} exists already.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        # Hidden, so that a project being read meanwhile does not list half a function.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=root))
        try:
            shutil.copytree(runtime.template, unfinished, dirs_exist_ok=True)
            _fill(unfinished, name)
            unfinished.chmod(_as_usual(root))
            unfinished.rename(target)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except (OSError, shutil.Error) as error:
        if os.path.lexists(target):
            raise AlreadyExists(f"{target} exists already.") from error
        raise InvalidManifest(
            f"It cannot be made: {error.strerror or error}.", path=target
        ) from error
    return target


def _fill(folder: Path, name: FunctionName) -> None:
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        with contextlib.suppress(UnicodeDecodeError):  # a picture, say, has no name in it
            text = path.read_text(encoding="utf-8")
            if PLACEHOLDER in text:
                path.write_text(text.replace(PLACEHOLDER, name), encoding="utf-8")


def _as_usual(root: Path) -> int:
    """The mode a folder made here by hand would have, near enough: that of the one around it."""
    return root.stat().st_mode & 0o777
