"""Which functions there are, and what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.errors import RuntimeNotFound
from workbench.functions.registry import Registry
from workbench.model.function import Function, Problem
from workbench.model.names import FunctionName, RuntimeName, function_name
from workbench.model.runtime import Runtime


class Catalog:
    """The project's functions as they stand on disk."""

    def __init__(
        self,
        *,
        registry: Registry,
        runtimes: Mapping[RuntimeName, Runtime],
        create: Callable[[Path, FunctionName, Runtime], Path],
    ) -> None:
        self._registry = registry
        self._runtimes = runtimes
        self._create = create

    @property
    def root(self) -> Path:
        """The project's folder, absolute."""
        return self._registry.project.root

    def functions(self) -> tuple[Function, ...]:
        """All of them, sorted by name; broken ones too."""
        return tuple(entry.function for entry in self._registry.entries)

    def function(self, name: str) -> Function:
        """One. Raises `FunctionNotFound`, which names those there are."""
        return self._registry.entry(function_name(name)).function

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, the project's own files first."""
        project = self._registry.project
        return (
            *project.problems,
            *(problem for function in project.functions for problem in function.problems),
        )

    def last_rejection(self, name: FunctionName) -> str | None:
        """Why the newest edit of a function was not taken up; `None` when it was."""
        failure = self._registry.entry(name).failure
        return None if failure is None else str(failure)

    def runtimes(self) -> tuple[Runtime, ...]:
        """Every runtime there is, sorted by name."""
        return tuple(self._runtimes[name] for name in sorted(self._runtimes))

    async def create(self, name: str, runtime: str) -> Path:
        """Make a good starting function; its folder.

        Raises `InvalidParameter`, `RuntimeNotFound`, `AlreadyExists`.
        """
        known = self._runtimes.get(RuntimeName(runtime))
        if known is None:
            raise RuntimeNotFound(runtime, known=tuple(sorted(self._runtimes)))
        return await asyncio.to_thread(self._create, self.root, function_name(name), known)
