"""Who is running on this project: one lock file for each workbench, held for as long as it lives.

Invariant: a lock is held from before anybody is told of it until the process is gone; no clean-up, no
heartbeat and no process id is trusted for that, only the kernel's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.expression import expression
from workbench.values import dataclass

_ID = expression(r"[0-9a-f]{8,32}")


class InstanceKind(StrEnum):
    """What a workbench was started as."""

    CLI = "cli"
    TUI = "tui"
    SERVE = "serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceInfo:
    """One running workbench, as it describes itself."""

    instance: str
    """8 hex digits."""
    pid: int
    started_at: datetime
    kind: InstanceKind
    address: str | None = None
    """Where its Lambda endpoint listens, `http://127.0.0.1:9100`; `None`: it has none."""
    engine: str | None = None
    """`docker` or `process`; `None` while that is not known."""
    control: str | None = None
    """Where it takes orders, `http://127.0.0.1:9101`; `None`: it takes none."""
    token: str | None = field(default=None, repr=False)
    """What an order must show: only this user can read it here."""


class Instance:
    """This workbench."""

    def __init__(self, info: InstanceInfo, lock: Path, *, published: bool) -> None:
        """Made by `open`."""
        self.info = info
        self.lock = lock
        """The lock file's absolute path, as containers carry it in their labels."""
        self._published = published

    @property
    def name(self) -> str:
        """Its id."""
        return self.info.instance

    @classmethod
    @contextmanager
    def open(cls, state: Path, *, kind: InstanceKind, started_at: datetime) -> Iterator[Instance]:
        """Be one of the running workbenches while the context is open.

        Where `state` cannot be written, the lock is held in a temporary folder: containers and
        sweeps still know that this workbench lives; other workbenches do not see it.
        """
        folder, published = state / "instances", True
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock, file = _lock_new(folder)
        except OSError:
            folder, published = Path(tempfile.mkdtemp(prefix="workbench-")), False
            lock, file = _lock_new(folder)
        info = InstanceInfo(instance=lock.stem, pid=os.getpid(), started_at=started_at, kind=kind)
        instance = cls(info, lock.absolute(), published=published)
        try:
            instance.announce()
            yield instance
        finally:
            with contextlib.suppress(OSError):
                lock.with_suffix(".json").unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
            os.close(file)
            if not published:
                shutil.rmtree(folder, ignore_errors=True)

    def announce(self, **known: str | None) -> None:
        """Tell the others what is known of it by now. What is not given stays as it was."""
        given = {name: value for name, value in known.items() if value is not None}
        self.info = replace(self.info, **given)  # type: ignore[arg-type] # its own texts
        if not self._published:
            return
        content = asdict(self.info) | {"started_at": self.info.started_at.isoformat()}
        target = self.lock.with_suffix(".json")
        draft = target.with_suffix(".json.new")
        with contextlib.suppress(OSError):  # a full disk: it is not listed, and works
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(content), encoding="utf-8")
            draft.replace(target)


def live_instances(state: Path) -> tuple[InstanceInfo, ...]:
    """Every workbench that runs on this state folder, this one included, oldest first."""
    found: list[InstanceInfo] = []
    for lock in (state / "instances").glob("*.lock"):
        info = _read(lock.with_suffix(".json")) if lock_is_held(lock) else None
        if info is not None and info.instance == lock.stem:
            found.append(info)
    return tuple(sorted(found, key=lambda info: (info.started_at, info.instance)))


def lock_is_held(path: Path) -> bool:
    """Whether the workbench that made this lock file lives. No file: it does not."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(file)


def dead_instances(state: Path) -> set[str]:
    """Those that left files in the folder and do not live."""
    files = (state / "instances").glob("*.*")
    names = {file.name.partition(".")[0] for file in files}
    folder = state / "instances"
    return {
        name for name in names if _ID.fullmatch(name) and not lock_is_held(folder / f"{name}.lock")
    }


@contextmanager
def claim(state: Path, instance: str) -> Iterator[bool]:
    """Hold a dead instance's lock while its things are put away; its files are removed at the end.

    False: it lives, or another workbench is at it.
    """
    folder = state / "instances"
    lock = folder / f"{instance}.lock"
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
        with contextlib.suppress(OSError):
            for suffix in (".json", ".json.new", ".lock"):
                lock.with_suffix(suffix).unlink(missing_ok=True)
    finally:
        os.close(file)


def _lock_new(folder: Path) -> tuple[Path, int]:
    """A lock file, held. One that another workbench took for a dead one's, and put away before it was
    held, is given up for another.
    """
    while True:
        lock = folder / f"{secrets.token_hex(4)}.lock"
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), lock.stat()):
                    return lock, file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _read(path: Path) -> InstanceInfo | None:
    """`None` for a file that is not there yet, or is not one of ours."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return InstanceInfo(
            instance=str(content["instance"]),
            pid=int(content["pid"]),
            started_at=datetime.fromisoformat(content["started_at"]).astimezone(UTC),
            kind=InstanceKind(content["kind"]),
            address=_text(content.get("address")),
            engine=_text(content.get("engine")),
            control=_text(content.get("control")),
            token=_text(content.get("token")),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
