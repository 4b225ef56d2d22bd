"""Where the workbench keeps things of its own. The only reader of `os.environ`.

Invariant: a folder that this answers with exists, is ours and is not a link somebody else laid.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import InvalidManifest

STATE = ".workbench"

_LONGEST_RUNTIME_FOLDER = 60
"""Bytes. Below it come an instance, an environment and a name; the whole path of a unix socket may
have 107 on Linux and 103 on macOS."""


def state_folder(root: Path) -> Path:
    """`<project>/.workbench`, made if need be; version control is told to ignore all of it.

    Raises `InvalidManifest` when it cannot be had.
    """
    folder = _private(root / STATE)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        try:
            ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise _refused(ignore, error) from error
    return folder


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """What all projects of this user share and can be made again."""
    base = _absolute(environ.get("XDG_CACHE_HOME")) or _home(environ) / ".cache"
    return _private(base / "workbench")


def keys_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The keys of this user: outside of every project, so that none is copied with one."""
    base = _absolute(environ.get("XDG_DATA_HOME")) or _home(environ) / ".local" / "share"
    return _private(_private(base / "workbench") / "keys")


def runtime_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """For sockets: a short path, private to this user, gone after a restart of the machine."""
    base = _absolute(environ.get("XDG_RUNTIME_DIR"))
    if base is not None and base.is_dir() and _fits(base / "workbench"):
        try:
            return _private(base / "workbench")
        except InvalidManifest:
            pass  # another user's, after `su`; the temporary folder serves as well
    name = f"workbench-{os.getuid()}"
    for temporary in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked by _private
        if _fits(temporary / name):
            return _private(temporary / name)
    raise InvalidManifest("This path is too long for sockets.", path=Path(tempfile.gettempdir()))


def host_id(machine_id: Path = Path("/etc/machine-id")) -> str:
    """16 hex digits that tell this machine from others that use the same container engine.

    Stable across restarts. The host name is part of it because development containers made from one
    image share their machine-id, and must not sweep up after one another.
    """
    try:
        machine = machine_id.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        machine = ""
    # machine-id(5): not to be shown to others as it is.
    return hashlib.sha256(f"workbench\0{machine}\0{os.uname().nodename}".encode()).hexdigest()[:16]


def _private(folder: Path) -> Path:
    """Make `folder` ours alone. One that is there must be this user's, and no link."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise InvalidManifest("This must be a folder, and no link to one.", path=folder)
        if found.st_uid != os.getuid():
            raise InvalidManifest("This folder belongs to another user.", path=folder)
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise _refused(folder, error) from error
    return folder


def _refused(path: Path, error: OSError) -> InvalidManifest:
    if isinstance(error, FileExistsError):
        return InvalidManifest("This must be a folder, and no link to one.", path=path)
    return InvalidManifest(f"It cannot be made: {error.strerror}.", path=path)


def _absolute(value: str | None) -> Path | None:
    """A folder an XDG variable names. Source: XDG base directories: relative ones are ignored."""
    if not value:
        return None
    path = Path(value)
    return path if path.is_absolute() else None


def _home(environ: Mapping[str, str]) -> Path:
    return _absolute(environ.get("HOME")) or Path.home()


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _LONGEST_RUNTIME_FOLDER
