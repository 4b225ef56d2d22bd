"""The files that keys are in: one per name, of this user alone, each with the generations of its key.

Invariants: a file is replaced as a whole, and what is in it has reached the disk before anything is
sealed with it; a file that others may read, a link, or a damaged one is never used.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from workbench.errors import KeyDenied
from workbench.model.keys import KEY_NAME, KeyName
from workbench.values import dataclass

SUFFIX = ".key"
SECRET_BYTES = 32
"""AES-256."""
ID_BYTES = 8

_FORMAT = 1
_LARGEST = 1 << 20
_CHANGING = ".changing.lock"
_KEEPING = ".keeping.lock"
_NEW = ".new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One generation of a key."""

    number: int
    """From 1."""
    id: bytes
    """Random: tells generations of two keys with one name and number apart. Says nothing of the key."""
    secret: bytes = field(repr=False)
    places: frozenset[str]
    """State folders of the projects that have used it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What is in a key's file."""

    name: KeyName
    generations: tuple[Generation, ...]
    """Oldest first, at least one."""

    @property
    def newest(self) -> Generation:
        return self.generations[-1]


def new_generation(number: int, place: str) -> Generation:
    return Generation(
        number=number,
        id=os.urandom(ID_BYTES),
        secret=os.urandom(SECRET_BYTES),
        places=frozenset({place}),
    )


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder of key files. Every method blocks for the disk; all raise `KeyDenied`."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def names(self) -> tuple[KeyName, ...]:
        """Sorted. Whether their files can be used is not looked at."""
        try:
            found = [path.stem for path in self.folder.iterdir() if path.suffix == SUFFIX]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _failed(self.folder, error, "read") from error
        return tuple(KeyName(name) for name in sorted(found) if KEY_NAME.fullmatch(name))

    def read(self, name: str) -> KeyFile | None:
        """`None` when there is no such file."""
        path = self.path(name)
        try:
            # A pipe in its place must not keep anyone waiting.
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise KeyDenied(
                    f"The key file {path} is a link. Put the file itself in its place.", path=path
                ) from error
            raise _failed(path, error, "read") from error
        try:
            _check_owner(path, os.fstat(opened))
            with open(opened, "rb", closefd=False) as file:
                raw = file.read(_LARGEST)
        except OSError as error:
            raise _failed(path, error, "read") from error
        finally:
            os.close(opened)
        found = _read(raw)
        if found is None or found.name != name:
            raise KeyDenied(
                f"The key file {path} is damaged. Put an undamaged copy of it in its place: what is "
                "sealed with it cannot be read otherwise.",
                path=path,
            )
        return found

    def write(self, key: KeyFile) -> None:
        """Make or replace its file. Only within `changing()`."""
        path, new = self.path(key.name), self.folder / _NEW
        try:
            new.unlink(missing_ok=True)  # of a process that was killed
            opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(opened, "wb") as file:  # noqa: PTH123 - with a mode from the first moment
                os.fchmod(opened, 0o600)
                file.write(_written(key))
                file.flush()
                os.fsync(opened)
            new.replace(path)
            self._sync()
        except OSError as error:
            raise _failed(path, error, "written") from error

    def remove(self, name: str) -> None:
        """Remove its file. Only within `changing()`."""
        try:
            self.path(name).unlink()
            self._sync()
        except OSError as error:
            raise _failed(self.path(name), error, "removed") from error

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else writes a key file while the context is open."""
        with self._locked(_CHANGING, fcntl.LOCK_EX):
            yield

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """No generation is dropped while the context is open."""
        with self._locked(_KEEPING, fcntl.LOCK_SH):
            yield

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Waits until nobody is within `keeping()`, and keeps everyone out of it."""
        with self._locked(_KEEPING, fcntl.LOCK_EX):
            yield

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        path = self.folder / name
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _failed(path, error, "opened") from error
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)

    def _sync(self) -> None:
        opened = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyDenied(
            f"The key file {path} is no file. Put the key's own file in its place.", path=path
        )
    if found.st_uid != os.getuid():
        raise KeyDenied(
            f"The key file {path} belongs to another user. Make it yours (chown), or use a key of "
            "your own.",
            path=path,
        )
    if found.st_mode & 0o077:
        raise KeyDenied(
            f"The key file {path} can be used by others (mode {found.st_mode & 0o777:04o}), and is "
            f"not used for that. Run chmod 600 {path}; if somebody may have read it, run workbench "
            "keys rotate then.",
            path=path,
        )


def _written(key: KeyFile) -> bytes:
    generations = [
        {
            "number": each.number,
            "id": each.id.hex(),
            "key": base64.b64encode(each.secret).decode("ascii"),
            "places": sorted(each.places),
        }
        for each in key.generations
    ]
    value = {"format": _FORMAT, "name": key.name, "generations": generations}
    return json.dumps(value | {"check": _check(value)}, indent=1).encode("ascii") + b"\n"


def _read(raw: bytes) -> KeyFile | None:
    """`None` when it is damaged, or none of ours."""
    try:
        value: Any = json.loads(raw)
        if value.pop("check") != _check(value) or value["format"] != _FORMAT:
            return None
        return KeyFile(
            name=KeyName(value["name"]),
            generations=tuple(
                Generation(
                    number=each["number"],
                    id=bytes.fromhex(each["id"]),
                    secret=base64.b64decode(each["key"], validate=True),
                    places=frozenset(each["places"]),
                )
                for each in value["generations"]
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _check(value: dict[str, Any]) -> str:
    """Of what is in the file: a damaged one is told from one that does not fit."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("ascii")).hexdigest()


def _failed(path: Path, error: OSError, what: str) -> KeyDenied:
    return KeyDenied(f"{path} cannot be {what}: {error.strerror}.", path=path)
