"""Saved events: the `events/` folder of a function, one plain JSON file each, sent as it stands.

Invariant: nothing outside of an `events/` folder and the trash is ever read or written here. Links
are not events; folders are opened once and files are named relative to them, so that nobody can
swap one for a link in between.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from workbench.config.complaints import Complaints, quoted
from workbench.config.expectation_writer import expectation_of
from workbench.config.expectations import parse_expectation
from workbench.config.files import is_there, move_in, read_descriptor, write_in
from workbench.config.json_text import json_problem
from workbench.config.toml_file import parse_toml
from workbench.errors import AlreadyExists, EventNotFound, InvalidManifest, InvalidParameter
from workbench.expression import expression
from workbench.model.event import EventFile
from workbench.model.expectation import Expectation
from workbench.model.function import Function, Problem
from workbench.model.invocation import InvocationRecord
from workbench.model.names import event_name

FOLDER = "events"
EVENT = ".json"
EXPECTATION = ".expect.toml"

_MAX_BYTES = 64 * 1024 * 1024
"""Far above what any invocation takes; what is larger was not meant to be an event."""
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TOKEN = expression(r"[0-9a-f]{32}")


def event_names(events: os.DirEntry[str], complaints: Complaints) -> tuple[str, ...]:
    """Names of the events in a function's `events/`, sorted; files that cannot be one are
    complained about. Lists, and reads nothing.
    """
    if events.is_symlink():
        complaints.warn("This is a link, and its events are not used.", path=Path(events.path))
        return ()
    try:
        with os.scandir(events.path) as scan:
            entries = list(scan)
    except OSError as error:
        complaints.warn(f"Its events cannot be listed: {error.strerror}.", path=Path(events.path))
        return ()
    names: set[str] = set()
    expected: set[str] = set()
    for entry in entries:
        if entry.name.endswith(EXPECTATION):
            expected.add(entry.name.removesuffix(EXPECTATION))
        elif entry.name.endswith(EVENT) and not entry.name.startswith("."):
            _list(entry, names, complaints)
    for name in sorted(expected - names):
        complaints.warn(
            f"It says what to expect of an event {quoted(name)}, which is not there.",
            path=Path(events.path, f"{name}{EXPECTATION}"),
        )
    return tuple(sorted(names))


def _list(entry: os.DirEntry[str], names: set[str], complaints: Complaints) -> None:
    name = entry.name.removesuffix(EVENT)
    wrong: str | None = None
    try:
        event_name(name)
    except InvalidParameter as error:
        wrong = str(error)
    else:
        if entry.is_symlink():
            wrong = "This is a link, and not used as an event. Copy the file."
        elif not entry.is_file():
            wrong = "This is no file, and not used as an event."
    if wrong is None:
        names.add(name)
    else:
        complaints.warn(wrong, path=Path(entry.path))


class EventFiles:
    """The saved events of a project. Every method blocks for as long as a disk takes.

    All raise `EventNotFound`, `InvalidParameter` for a name that cannot be an event's, and
    `InvalidManifest` where the system refuses.
    """

    def __init__(self, root: Path, trash: Path) -> None:
        """`trash`: a folder of ours where deleted events wait for `restore`."""
        self._root = root
        self._trash = trash

    # --- reading ---------------------------------------------------------------------------------------

    def list(self, function: Function) -> tuple[EventFile, ...]:
        """All of a function's, sorted by name. Does not look into them."""
        try:
            with self._opened(function) as folder, os.scandir(folder) as scan:
                stats = {
                    entry.name: entry.stat(follow_symlinks=False)
                    for entry in scan
                    if entry.is_file(follow_symlinks=False)
                }
        except EventNotFound:
            return ()
        return tuple(
            EventFile(
                function=function.name,
                name=name,
                path=function.folder / FOLDER / file,
                size_bytes=found.st_size,
                changed_at=datetime.fromtimestamp(found.st_mtime, UTC),
                expected=f"{name}{EXPECTATION}" in stats,
            )
            for file, found in sorted(stats.items())
            if (name := _name_of(file)) is not None
        )

    def read(self, function: Function, event: str) -> bytes:
        """Exactly what is on disk."""
        with self._opened(function, event) as folder:
            content = self._content(folder, function, f"{event_name(event)}{EVENT}")
        if content is None:
            raise self._not_found(function, event)
        return content

    def expectation(self, function: Function, event: str) -> Expectation:
        """What is expected of it: what its `.expect.toml` says, or success where there is none.

        Raises `InvalidManifest` when that file is wrong.
        """
        file = f"{event_name(event)}{EXPECTATION}"
        with self._opened(function, event) as folder:
            content = self._content(folder, function, file)
        if content is None:
            return Expectation()
        path = function.folder / FOLDER / file
        expectation, problems = parse_expectation(parse_toml(path, content))
        if expectation is None:
            first, *others = problems
            more = f" ({len(others)} more mistakes below.)" if others else ""
            raise InvalidManifest(f"{first.message}{more}", path=path, line=first.line)
        return expectation

    def kept(self, function: Function, event: str) -> dict[str, bytes]:
        """Its files as they are on disk, by name: the event, and what is expected of it."""
        name = event_name(event)
        with self._opened(function, event) as folder:
            contents = {
                file: content
                for file in (f"{name}{EVENT}", f"{name}{EXPECTATION}")
                if (content := self._content(folder, function, file)) is not None
            }
        if f"{name}{EVENT}" not in contents:
            raise self._not_found(function, event)
        return contents

    def problems(self, function: Function) -> tuple[Problem, ...]:
        """What is wrong inside of the events and expectations of a function. Reads all of them."""
        complaints = Complaints(function.folder / FOLDER)
        for event in self.list(function):
            try:
                problem = json_problem(self.read(function, event.name), event.path)
                if problem is not None:
                    complaints.take((problem,))
                self.expectation(function, event.name)
            except InvalidManifest as error:
                complaints.unusable(error)
            except EventNotFound:
                continue  # gone since it was listed
        return complaints.result()

    # --- writing -----------------------------------------------------------------------------------------

    def save(self, function: Function, event: str, payload: bytes) -> None:
        """Write it, byte for byte, over what was there. Readers see the old file or the new one."""
        name = event_name(event)
        with self._opened(function, event, create=True) as folder:
            write_in(folder, f"{name}{EVENT}", payload)

    def duplicate(self, function: Function, event: str, copy: str) -> None:
        """Copy it and what is expected of it. Raises `AlreadyExists`."""
        old, new = event_name(event), event_name(copy)
        with self._opened(function, event) as folder:
            self._check_free(folder, function, new)
            content = self._content(folder, function, f"{old}{EVENT}")
            if content is None:
                raise self._not_found(function, event)
            expected = self._content(folder, function, f"{old}{EXPECTATION}")
            write_in(folder, f"{new}{EVENT}", content, overwrite=False)
            if expected is not None:
                write_in(folder, f"{new}{EXPECTATION}", expected, overwrite=False)

    def rename(self, function: Function, event: str, to: str) -> None:
        """Give it, and what is expected of it, another name. Raises `AlreadyExists`."""
        old, new = event_name(event), event_name(to)
        with self._opened(function, event) as folder:
            self._check_free(folder, function, new)
            if not _is_file(folder, f"{old}{EVENT}"):
                raise self._not_found(function, event)
            move_in(folder, f"{old}{EVENT}", f"{new}{EVENT}")
            if _is_file(folder, f"{old}{EXPECTATION}"):
                move_in(folder, f"{old}{EXPECTATION}", f"{new}{EXPECTATION}")

    def expect(self, function: Function, event: str, record: InvocationRecord) -> Path:
        """Expect from now on what `record` answered; the file that says so.

        Raises `AlreadyExists` when something is expected already, `InvalidParameter` for a run that
        has not ended by itself.
        """
        name = event_name(event)
        file = f"{name}{EXPECTATION}"
        content = expectation_of(record)
        with self._opened(function, event) as folder:
            if not _is_file(folder, f"{name}{EVENT}"):
                raise self._not_found(function, event)
            if is_there(folder, file):
                raise AlreadyExists(f"{function.name} has {FOLDER}/{file} already.")
            write_in(folder, file, content, overwrite=False)
        return function.folder / FOLDER / file

    def delete(self, function: Function, event: str) -> str:
        """Move it and what is expected of it to the trash; the token that `restore` takes."""
        contents = self.kept(function, event)
        token = secrets.token_hex(16)
        with self._opened(function, event) as folder:
            self._keep(token, function, contents)
            for file in contents:
                os.unlink(file, dir_fd=folder)
        return token

    def restore(self, token: str) -> None:
        """Bring back what `delete` took. Raises `AlreadyExists` when its name was given again."""
        kept = self._trash / token
        if not _TOKEN.fullmatch(token) or not (kept / "origin").is_file():
            raise InvalidParameter("That is not in the trash any more.", parameter="token")
        origin = Path((kept / "origin").read_text(encoding="utf-8"))
        contents = {file.name: file.read_bytes() for file in (kept / FOLDER).iterdir()}
        with self._opened_at(self._root / origin, create=True) as folder:
            for file in contents:
                if is_there(folder, file):
                    raise AlreadyExists(f"{origin / FOLDER / file} is there again.")
            for file, content in contents.items():
                write_in(folder, file, content, overwrite=False)
        shutil.rmtree(kept, ignore_errors=True)

    def empty_trash(self, *, before: datetime) -> int:
        """Forget for good what was deleted before; how many events."""
        if not self._trash.is_dir():
            return 0
        old = [
            kept
            for kept in self._trash.iterdir()
            if _TOKEN.fullmatch(kept.name) and kept.stat().st_mtime < before.timestamp()
        ]
        for kept in old:
            shutil.rmtree(kept, ignore_errors=True)
        return len(old)

    # --- inside ------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(
        self, function: Function, event: str | None = None, *, create: bool = False
    ) -> Iterator[int]:
        """The function's `events/` folder, open. Without one there is no event."""
        try:
            with self._opened_at(function.folder, create=create) as folder:
                yield folder
        except FileNotFoundError as error:
            raise EventNotFound(function.name, event or "") from error

    @contextmanager
    def _opened_at(self, place: Path, *, create: bool) -> Iterator[int]:
        around: int | None = None
        events: int | None = None
        try:
            around = os.open(place, _FOLDER_FLAGS)
            if create and not is_there(around, FOLDER):
                os.mkdir(FOLDER, dir_fd=around)
            events = os.open(FOLDER, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=around)
            yield events
        except FileExistsError as error:
            raise AlreadyExists(f"{error.filename2 or error.filename} exists already.") from error
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = (
                "It is a link or no folder, and its events are not used"
                if error.errno in (errno.ELOOP, errno.ENOTDIR)
                else f"It cannot be used: {error.strerror}"
            )
            raise InvalidManifest(f"{reason}.", path=place / FOLDER) from error
        finally:
            for descriptor in (events, around):
                if descriptor is not None:
                    os.close(descriptor)

    def _content(self, folder: int, function: Function, file: str) -> bytes | None:
        """The bytes of a file of the open folder; `None` when there is none of that name."""
        path = function.folder / FOLDER / file
        try:
            descriptor = os.open(file, _FILE_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InvalidManifest(
                    "This is a link, and not read. Copy the file.", path=path
                ) from error
            raise InvalidManifest(f"It cannot be read: {error.strerror}.", path=path) from error
        try:
            return read_descriptor(descriptor, path, limit=_MAX_BYTES)
        finally:
            os.close(descriptor)

    def _check_free(self, folder: int, function: Function, name: str) -> None:
        for file in (f"{name}{EVENT}", f"{name}{EXPECTATION}"):
            if is_there(folder, file):
                raise AlreadyExists(f"{function.name} has {FOLDER}/{file} already.")

    def _keep(self, token: str, function: Function, contents: dict[str, bytes]) -> None:
        """Copy files into the trash, with where they came from."""
        folder = function.folder
        origin = folder.relative_to(self._root) if folder.is_relative_to(self._root) else folder
        kept = self._trash / token
        (kept / FOLDER).mkdir(mode=0o700, parents=True)
        (kept / "origin").write_text(str(origin), encoding="utf-8")
        for file, content in contents.items():
            (kept / FOLDER / file).write_bytes(content)

    def _not_found(self, function: Function, event: str) -> EventNotFound:
        known = tuple(file.name for file in self.list(function))
        return EventNotFound(function.name, event, known=known)


def _name_of(file: str) -> str | None:
    """The event a file is, by its name."""
    name = file.removesuffix(EVENT)
    if name == file:
        return None
    try:
        return event_name(name)
    except InvalidParameter:
        return None


def _is_file(folder: int, file: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(file, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
