"""The folder of a function that is imported: put together aside, moved in whole, and moved out again.

A note in `.workbench/imports/` says, from before the folder is there until its rows are, that it
belongs to an import that has not ended. Whoever finds one while holding the lock knows that the
process is gone, and takes the folder away, unless somebody has worked in it.

What is aside stands in the trash, which is emptied of what is old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.config.events import FOLDER as EVENTS
from workbench.config.manifest import MANIFEST
from workbench.errors import AlreadyExists, ConflictError, InvalidExport, InvalidParameter
from workbench.functions.sources import IgnoredPaths
from workbench.functions.trees import walk
from workbench.model.names import FunctionName

_OURS_TOO = ("!/events/", "!/function.toml", "!/[!.]*.env")
"""What no code is, and yet what somebody has worked on."""


class ImportFolders:
    """Those of a project. Everything here blocks, and raises `OSError` too."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._notes = state / "imports"
        self._trash = state / "trash"

    def place(self, name: FunctionName) -> Path:
        """Where the folder of that function is, or would be."""
        return self._root / name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the context is open, nobody else moves folders in or out."""
        self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._notes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def made(self, code: Path, function_toml: bytes, events: Mapping[str, bytes]) -> Path:
        """A folder put together aside. code: a tree of the code store. events: by file."""
        aside = self._aside()
        for file in walk(code)[0]:
            place = aside / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.place.read_bytes())
            place.chmod(0o755 if file.executable else 0o644)
        for empty in walk(code)[1]:
            (aside / empty).mkdir(parents=True, exist_ok=True)
        (aside / MANIFEST).write_bytes(function_toml)
        for name, content in events.items():
            (aside / EVENTS).mkdir(exist_ok=True)
            (aside / EVENTS / name).write_bytes(content)
        return aside

    def move_in(self, name: FunctionName, aside: Path) -> None:
        """Within `alone`: give it its place, and note that its rows are still to come.

        Raises `AlreadyExists`.
        """
        place = self.place(name)
        if os.path.lexists(place):
            raise AlreadyExists(
                f"{place} exists already. Import the function under another name: --as NAME."
            )
        self._write_note(name, digest_of(aside))
        aside.chmod(self._root.stat().st_mode & 0o777)
        aside.rename(place)
        _sync(self._root)

    def done(self, name: FunctionName) -> None:
        """Within `alone`: its rows are there, or its folder is not."""
        self._note(name).unlink(missing_ok=True)

    def take_back(self, name: FunctionName) -> None:
        """Within `alone`: what an import that did not end has left goes, unless it was changed since."""
        note = self._note(name)
        place = self.place(name)
        try:
            digest = json.loads(note.read_bytes())["digest"]
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError):
            digest = None  # cut short: the folder was not moved yet
        if place.is_dir() and not place.is_symlink() and digest_of(place) == digest:
            self._move_out(place)
        note.unlink()

    def move_out(self, name: FunctionName, digest: str) -> None:
        """Within `alone`: move the folder to the trash; where there is none any more, nothing.

        Raises `ConflictError` when it is not that any more.
        """
        place = self.place(name)
        if not os.path.lexists(place):
            return
        if place.is_symlink() or not place.is_dir() or digest_of(place) != digest:
            raise ConflictError(
                f"{place} has been changed since it was imported. Move it elsewhere first, and then "
                "undo."
            )
        self._move_out(place)

    # --- inside ---------------------------------------------------------------------------------------

    def _aside(self) -> Path:
        aside = self._trash / secrets.token_hex(16)
        aside.mkdir(mode=0o700, parents=True)
        return aside

    def _move_out(self, place: Path) -> None:
        around = self._aside()
        place.rename(around / place.name)
        _sync(self._root)

    def _note(self, name: FunctionName) -> Path:
        return self._notes / f"{name}.json"

    def _write_note(self, name: FunctionName, digest: str) -> None:
        with self._note(name).open("w", encoding="ascii") as file:
            json.dump({"digest": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        _sync(self._notes)


def digest_of(folder: Path) -> str:
    """Of all that somebody could have worked on in a function's folder: paths, modes, contents."""
    ignored = IgnoredPaths(_OURS_TOO)
    whole = hashlib.sha256()
    for file in walk(folder)[0]:
        if ignored.matches(file.path):
            continue
        whole.update(f"{file.path}\0{file.executable:d}\0".encode("utf-8", "surrogateescape"))
        if file.place.is_symlink():
            whole.update(b"link\0" + os.fsencode(file.place.readlink()) + b"\0")
        elif file.place.is_file():
            whole.update(hashlib.sha256(file.place.read_bytes()).digest())
    return whole.hexdigest()


def open_export(path: Path) -> int:
    """A file to import, open. Raises `InvalidParameter`, `InvalidExport` for a folder or a pipe."""
    try:
        # A pipe that nobody writes to would keep an ordinary open() waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidParameter(f"{path} cannot be read: {reason}.", parameter="FILE") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidExport(path, "It is no file.")
    return descriptor


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not on every file system
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
