"""Which file of a function a person means by its code."""

from __future__ import annotations

from pathlib import Path

from workbench.model.function import Function
from workbench.model.runtime import Runtime


def handler_file(function: Function, runtime: Runtime | None) -> Path:
    """The file its handler is in, else its manifest. Looks at the disk."""
    manifest = function.folder / "function.toml"
    configuration = function.configuration
    if configuration is None or runtime is None:
        return manifest
    module = configuration.handler.rpartition(".")[0] or configuration.handler
    for pattern in runtime.handler.files:
        path = (function.folder / pattern.replace("{module}", module)).resolve()
        if path.is_relative_to(function.folder.resolve()) and path.is_file():
            return path
    return manifest
