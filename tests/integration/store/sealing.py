"""What seals in a process of its own, and a database that holds what is sealed.

Run as a program:

`python -m tests.integration.store.sealing seal FOLDER PLACE` says `ready`, waits for a line on stdin,
seals with a key that is not there yet, and prints the sealed value in hex.

`python -m tests.integration.store.sealing kill FOLDER` rotates copies of FOLDER/whole, one for each step,
each in a child that kill -9 ends at that step, until one gets to the end; prints the names of the copies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from workbench.model.keys import DEFAULT_KEY
from workbench.store.rotation import KeyCare, SealedValue
from workbench.store.sealing import Keys


class Rows:
    """Sealed values in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._open()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, about TEXT, sealed BLOB)"
            )

    def add(self, about: str, sealed: bytes) -> None:
        with closing(self._open()) as connection:
            connection.execute("INSERT INTO rows VALUES (?, ?, ?)", (about, about, sealed))

    def remove(self, about: str) -> None:
        with closing(self._open()) as connection:
            connection.execute("DELETE FROM rows WHERE id = ?", (about,))

    def all_sealed(self) -> Iterable[SealedValue]:
        with closing(self._open()) as connection:
            found = connection.execute("SELECT id, about, sealed FROM rows ORDER BY id").fetchall()
        return [SealedValue(id=row[0], about=row[1], sealed=row[2]) for row in found]

    def replace_sealed(self, id: str, old: bytes, new: bytes) -> bool:  # noqa: A002
        with closing(self._open()) as connection:
            changed = connection.execute(
                "UPDATE rows SET sealed = ? WHERE id = ? AND sealed = ?", (new, id, old)
            )
            return changed.rowcount == 1

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=60)


def keys_of(folder: Path) -> Keys:
    return Keys(folder / "keys", place=folder / "state")


def rows_of(folder: Path) -> Rows:
    (folder / "state").mkdir(exist_ok=True)
    return Rows(folder / "state" / "rows.db")


def _killed_at(step: int) -> None:
    """From here on, this process is killed right before or after the `step`-th thing that lasts."""
    left = step

    def point() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def with_points(*arguments: Any, **named: Any) -> Any:
            point()
            answer = call(*arguments, **named)
            point()
            return answer

        return with_points

    for module, name in (
        (os, "fsync"),
        (fcntl, "flock"),
        (Path, "replace"),
        (Rows, "replace_sealed"),
        (Keys, "seal"),
    ):
        setattr(module, name, around(getattr(module, name)))


def _kill(folder: Path) -> None:
    for step in range(1000):
        copy = folder / f"killed{step}"
        shutil.copytree(folder / "whole", copy)
        child = os.fork()
        if child == 0:
            _killed_at(step)
            KeyCare(keys_of(copy), rows_of(copy)).rotate(DEFAULT_KEY)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(copy.name, flush=True)  # noqa: T201
        if os.WIFEXITED(status):
            sys.exit(os.waitstatus_to_exitcode(status))
    sys.exit("it never got to the end")


def _seal(folder: Path, place: Path) -> None:
    keys = Keys(folder, place=place)
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    print(keys.seal(b"hunter2", key=None, about="orders:1").hex(), flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "seal":
        _seal(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        _kill(Path(sys.argv[2]))
