"""Configuration edits: function.toml changed in place, and taken back.

Invariant: an edit is in the journal of changes before it is in the file, and out of the file before it
is marked as undone. Killed in between, `undo` finds the earlier text in the file, and only marks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from workbench.clock import Clock
from workbench.config.files import read_bytes, write_atomically
from workbench.config.manifest import MANIFEST
from workbench.config.manifest_editor import edited
from workbench.config.origins import configured
from workbench.errors import ConflictError, FunctionNotReady, InvalidManifest, InvalidParameter
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.model.configured import Configured
from workbench.model.function import Function, Severity
from workbench.model.names import FunctionName
from workbench.model.release import Change, ChangeKind
from workbench.model.terminal_text import plain, safe
from workbench.store.releases.edit_journal import EditJournal, editing
from workbench.store.releases.edits import kept_text, sealed_text

_NAMED = 10
"""Keys that a summary can hold."""


class ReadsFunction(Protocol):
    """Reads one function. Blocks for the disk."""

    def __call__(self, folder: Path, manifest: bytes | None = None) -> Function | None:
        """manifest: what its function.toml is taken to say, in place of what it says."""
        ...


class Configuring:
    """Looks at configurations and edits them."""

    def __init__(
        self,
        repository: Repository,
        *,
        registry: Registry,
        read_function: ReadsFunction,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._journal = EditJournal(repository.store.database)
        self._registry = registry
        self._read_function = read_function
        self._clock = clock

    async def configured(self, name: FunctionName) -> Configured:
        """A function's configuration as its files have it now.

        Raises `FunctionNotFound`, and `FunctionNotReady` where they are broken.
        """
        return await asyncio.to_thread(self._configured, name)

    async def edit(
        self, name: FunctionName, values: Mapping[str, str], unset: Sequence[str]
    ) -> Change | None:
        """Set and unset keys of function.toml; `None`: it said that already.

        values: text by key, as in function.toml, variables as `environment.NAME`. Raises
        `FunctionNotFound`, `InvalidParameter` for what would break the function, `InvalidManifest`,
        `ConflictError`, `SealingError`, `StoreError`; nothing is changed then. Cancellation: it is
        edited all the same.
        """
        folder = self._registry.entry(name).function.folder
        return await asyncio.to_thread(self._edit, name, folder, values, unset)

    def _configured(self, name: FunctionName) -> Configured:
        function = self._read_function(self._registry.entry(name).function.folder)
        if function is None:
            raise FunctionNotReady(name, reason=f"it has no {MANIFEST} any more")
        if function.configuration is None:
            reasons = [each for each in function.problems if each.severity is Severity.ERROR]
            raise FunctionNotReady(name, reason=str(reasons[0]) if reasons else "it is broken")
        return configured(function, function.configuration, root=self._root)

    @property
    def _root(self) -> Path:
        return self._registry.project.root

    def _edit(
        self, name: FunctionName, folder: Path, values: Mapping[str, str], unset: Sequence[str]
    ) -> Change | None:
        path = folder / MANIFEST
        with self.alone():
            before = _content(path)
            after = edited(path, before, values=values, unset=unset)
            if after == before:
                return None
            self._check(folder, before, after)
            return self._write(name, path, before, after, _summary(name, values, unset))

    def _check(self, folder: Path, before: bytes, after: bytes) -> None:
        """Refuse what breaks the function. What was wrong before may stay so."""
        known = _errors(self._read_function(folder, before))
        new = [*(_errors(self._read_function(folder, after)) - known)]
        if new:
            more = f" ({len(new) - 1} more mistakes.)" if len(new) > 1 else ""
            raise InvalidParameter(
                f"{new[0]}{more} Nothing was changed.", parameter=str(folder / MANIFEST)
            )

    def _write(
        self, name: FunctionName, path: Path, before: bytes, after: bytes, summary: str
    ) -> Change:
        file = path.relative_to(self._root).as_posix()
        keys = self._repository.keys()
        with keys.keeping():
            change = Change(
                at=self._clock.now(),
                kind=ChangeKind.CONFIGURE,
                subject=name,
                summary=summary,
                before=kept_text(file, keys.seal(before, key=None, about=file)),
                after=kept_text(file, keys.seal(after, key=None, about=file)),
            )
            number = self._journal.record(change)
        try:
            _replace(path, before, after)
        except BaseException:
            self._journal.withdraw(number)
            raise
        return change

    def alone(self) -> AbstractContextManager[None]:
        """While the context is open, nobody else edits. Waits. Raises `StoreError`."""
        return editing(self._repository.state)

    def restore(self, change: Change) -> None:
        """Within `alone`: put the earlier text back, where the file is what that edit made of it.

        Blocks for the disk. Raises `ConflictError`, `SealingError`, `InvalidManifest`.
        """
        assert change.before is not None
        assert change.after is not None
        file, sealed_before = sealed_text(change.before)
        keys = self._repository.keys()
        before = keys.open(sealed_before, about=file)
        after = keys.open(sealed_text(change.after)[1], about=file)
        path = self._root / file
        now = _content(path)
        if now == before:
            return
        if now != after:
            raise ConflictError(
                f"{file} was changed since, and is left alone. What cannot be taken back: "
                f"{change.summary}"
            )
        _replace(path, after, before)


def _content(path: Path) -> bytes:
    """What is in the file itself. Raises `InvalidManifest`, and `ConflictError` where it is gone."""
    if path.is_symlink():
        raise InvalidManifest(
            "This is a link, which is not edited: edit the file that it leads to.", path=path
        )
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise ConflictError(f"{path} is not there any more.") from None


def _replace(path: Path, old: bytes, new: bytes) -> None:
    """The file with `new` in it, if it is `old` still. Called while nobody else edits."""
    try:
        for left in path.parent.glob(f".{MANIFEST}.*.tmp"):  # by who was killed
            left.unlink(missing_ok=True)
        if _content(path) != old:
            raise ConflictError(f"{path} was changed meanwhile, and is left alone.")
        write_atomically(path, new)
    except OSError as error:
        raise InvalidManifest(
            f"It cannot be written: {error.strerror or error}.", path=path
        ) from error


def _errors(function: Function | None) -> Counter[str]:
    """Without their lines, which an edit moves."""
    problems = () if function is None else function.problems
    return Counter(each.message for each in problems if each.severity is Severity.ERROR)


def _summary(name: FunctionName, values: Mapping[str, str], unset: Sequence[str]) -> str:
    """What was done, without any value: variables may be secret."""
    done = [
        f"{verb} {_listed(keys)}" for verb, keys in (("set", [*values]), ("unset", unset)) if keys
    ]
    return f"{name}: {', '.join(done)}"


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return plain(safe(f"{', '.join(keys[:_NAMED])}{more}"))
