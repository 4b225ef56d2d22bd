"""What environments leave on this machine, and how it is swept up after a workbench that was killed.

Each running driver has a folder whose lock it holds; a folder whose lock is free belongs to nobody.
Every process of an environment has the path of its temporary folder in its environment variables,
unless it removed it: that is how stragglers are known.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import uuid
from pathlib import Path

from workbench.values import dataclass

_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class InstanceFolder:
    """The folder of one driver while it is open."""

    path: Path
    lock: int

    @classmethod
    def claim(cls, state: Path) -> InstanceFolder:
        """A new one; those that belong to nobody are swept up."""
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in state.iterdir():
            _sweep(folder)
        while True:
            path = state / uuid.uuid4().hex[:8]
            path.mkdir(mode=0o700)
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (path / _LOCK).exists():
                return cls(path, lock)
            os.close(lock)  # another driver swept it up before it was locked

    def release(self) -> None:
        """It is gone, with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def kill_marked(folder: Path) -> int:
    """SIGKILL to every process whose variables name a path inside `folder`; how many. Linux only."""
    mark = os.fsencode(f"={folder}/")
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except OSError:
            continue  # it ended, or it is somebody else's
    return killed


def _sweep(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # being made this very moment, or not ours
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        kill_marked(folder)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # its driver is running
    finally:
        os.close(lock)
