"""Statements about many rows.

It is not SQLite that gains from that but the event loop: Python's lock is let go while a statement
runs, and a thread that takes it back every few microseconds keeps the loop from getting it at all.
Measured: with a statement for each row (`executemany`) a call to the journal took 25 ms now and then;
as it is, 1 ms. So rows are also made a chunk at a time.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

_CHUNK = 64
_REST = (16, 4, 1)
"""Rows in one statement: few sizes, so that SQLite's compiled statements are used again."""


def execute(connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Run a statement that has `{values}` in it, where a list of rows goes; how many rows it changed."""
    return sum(connection.execute(*asked).rowcount for asked in _statements(statement, rows))


def query(
    connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]
) -> list[Any]:
    """The same for one that answers with rows."""
    return [row for asked in _statements(statement, rows) for row in connection.execute(*asked)]


def _statements(statement: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, list[Any]]]:
    remaining = iter(rows)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        for size in (_CHUNK, *_REST):
            while len(chunk) >= size:
                some, chunk = chunk[:size], chunk[size:]
                text = _with_places(statement, rows=size, columns=len(some[0]))
                yield text, list(itertools.chain.from_iterable(some))


@functools.lru_cache(maxsize=64)
def _with_places(statement: str, *, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.replace("{values}", f"VALUES {', '.join([row] * rows)}")
