"""Which functions a changed path concerns because it is in one of their layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from workbench.functions.layers import layer_ignored
from workbench.model.function import Function
from workbench.model.names import FunctionName


class LayerUsers:
    """The layers of some functions, and whose they are."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._users: defaultdict[Path, set[FunctionName]] = defaultdict(set)
        """By folder or zip, also those that are not there."""
        self._awaited: defaultdict[Path, set[FunctionName]] = defaultdict(set)
        """By each folder above a layer that is not there: its coming can bring the layer."""
        self._there: set[Path] = set()
        for function in functions:
            for layer in function.layers:
                if layer.path is not None:
                    self._there.add(layer.path)
                for path in layer.candidates:
                    self._users[path].add(function.name)
                    for folder in path.parents if layer.path is None else ():
                        self._awaited[folder].add(function.name)

    def at(self, path: Path) -> tuple[set[FunctionName], bool]:
        """Whose layer `path` is, or is in, or may bring; and whether it is in one, whosever.

        What tools leave about in a layer concerns nobody.
        """
        if not self._users:
            return set(), False
        names = set(self._awaited.get(path, ()))
        inside = False
        for folder in (path, *path.parents):
            users = self._users.get(folder)
            if users is None:
                continue
            inside = inside or folder in self._there
            relative = path.relative_to(folder).as_posix()
            ignored = layer_ignored()
            if not (ignored.matches(relative) or ignored.matches(f"{relative}/")):
                names |= users
        return names, inside
