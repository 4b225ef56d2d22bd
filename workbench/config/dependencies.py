"""The files beside a function's code that state its dependencies."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import InvalidManifest
from workbench.model.dependencies import StatedDependencies
from workbench.model.runtime import DependencyRule
from workbench.model.version import TASK_ROOT

MAX_BYTES = 16 * 1024 * 1024
"""No lock file comes near this."""


def read_stated(rule: DependencyRule, folder: Path) -> StatedDependencies | None:
    """What is to be installed for the function in `folder`; `None` when there is nothing.

    Raises `InvalidManifest` when a file cannot be read or a required one (a lock) is missing.
    """
    first = folder / rule.files[0]
    files: dict[str, bytes] = {}
    try:
        for name in rule.files:
            path = folder / name
            if path.is_file():
                if path.stat().st_size > MAX_BYTES:
                    raise InvalidManifest(f"It has more than {MAX_BYTES:,} bytes.", path=path)
                files[name] = path.read_bytes()
    except OSError as error:
        raise InvalidManifest(f"It cannot be read: {error.strerror}.", path=first) from error
    text = files.get(first.name)
    if text is None or not rule.stated_in(text.decode("utf-8", errors="replace")):
        return None
    missing = [name for name in rule.required if name not in files]
    if not missing:
        return StatedDependencies(rule=rule, files=files)
    if _brought_along(rule, folder):
        return None
    raise InvalidManifest(
        f"{first.name} states dependencies, and {missing[0]} is missing beside it. Let the package "
        "manager write it, so that every installation is the same.",
        path=first,
    )


def _brought_along(rule: DependencyRule, folder: Path) -> bool:
    """They are in the function's folder already, where its runtime looks for them."""
    if not rule.mount.startswith(f"{TASK_ROOT}/"):
        return False
    there = folder / rule.mount.removeprefix(f"{TASK_ROOT}/")
    return there.is_dir() and any(there.iterdir())
