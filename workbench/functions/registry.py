"""What functions exist, and what `$LATEST` of each means at the moment.

Invariant: an entry is *settled* when its version is made from the files as they are, as far as
anyone has noticed. An unsettled one makes new invocations wait, and disturbs none that runs.
"""

from __future__ import annotations

import asyncio
from dataclasses import field
from pathlib import Path

from workbench.errors import FunctionNotFound, WorkbenchError
from workbench.functions.debounce import Burst
from workbench.functions.layer_users import LayerUsers
from workbench.model.function import Function, Project, reservations
from workbench.model.names import FunctionName
from workbench.model.version import Version
from workbench.values import dataclass


@dataclass(slots=True)
class Entry:
    """One function."""

    function: Function
    version: Version | None = None
    """What invocations get; `None` until the first one asks, or while it has never been sound."""
    burst: Burst | None = None
    """Changes noticed and not yet taken up."""
    busy: bool = False
    """A change is being taken up."""
    failure: WorkbenchError | None = None
    """Why the newest edit was not taken up; `version` is from before it, if there is one."""
    again_s: float | None = None
    """When the edit is tried again: what kept it out may be over by then, a full disk."""
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear from the moment a change is noticed until it has been taken up."""

    def __post_init__(self) -> None:
        self.settled.set()


class Registry:
    """All functions of the project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._entries: dict[FunctionName, Entry] = {}
        self._names: dict[Path, FunctionName] = {}
        self._layers = LayerUsers(())
        self.adopt(project)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Sorted by name."""
        return tuple(self._entries.values())

    def reservations(self) -> dict[FunctionName, int]:
        """What every function reserves; one whose manifest is broken keeps what it had."""
        found = reservations(entry.function for entry in self._entries.values())
        for name, entry in self._entries.items():
            if entry.function.configuration is None and entry.version is not None:
                kept = entry.version.configuration.reserved_concurrency
                if kept is not None:
                    found[name] = kept
        return found

    def entry(self, name: FunctionName) -> Entry:
        """One function. Raises `FunctionNotFound`."""
        try:
            return self._entries[name]
        except KeyError:
            raise FunctionNotFound(name, known=tuple(self._entries)) from None

    def at(self, path: Path) -> Entry | None:
        """The function whose folder holds `path`."""
        for folder in (path, *path.parents):
            name = self._names.get(folder)
            if name is not None:
                return self._entries[name]
            if folder == self.project.root:
                break
        return None

    def with_layer(self, path: Path) -> tuple[tuple[Entry, ...], bool]:
        """The functions that have a layer that `path` is, or is in; and whether it is in a layer."""
        names, inside = self._layers.at(path)
        return tuple(self._entries[name] for name in sorted(names)), inside

    def adopt(self, project: Project) -> tuple[FunctionName, ...]:
        """The project as read anew. Answers with the functions that came, went or changed.

        Versions stay: they are replaced when the reload that follows has made new ones.
        """
        before = {name: entry.function for name, entry in self._entries.items()}
        entries: dict[FunctionName, Entry] = {}
        for function in project.functions:
            if function.name in entries:
                continue  # of two with one name the first is kept; both carry the problem
            entry = self._entries.get(function.name)
            if entry is None or entry.function.folder != function.folder:
                entry = Entry(function=function)
            entry.function = function
            entries[function.name] = entry
        self._entries = entries
        self._names = {entry.function.folder: name for name, entry in entries.items()}
        self._layers = LayerUsers(entry.function for entry in entries.values())
        self.project = project
        after = {name: entry.function for name, entry in entries.items()}
        return tuple(sorted(name for name in before | after if before.get(name) != after.get(name)))

    def replace_function(self, function: Function) -> None:
        """One function as read anew."""
        entry = self.entry(function.name)
        changed = entry.function.layers != function.layers
        entry.function = function
        if changed:
            self._layers = LayerUsers(entry.function for entry in self._entries.values())
        functions = tuple(
            function if known.folder == function.folder else known
            for known in self.project.functions
        )
        self.project = Project(
            root=self.project.root, functions=functions, problems=self.project.problems
        )
