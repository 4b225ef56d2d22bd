"""A database that another process makes at the same moment is no other program's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from workbench.store import schema


def test_a_database_that_is_made_while_it_is_looked_at_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    steps = schema.migrations()
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        schema.use_wal(one)

        def meanwhile(statement: str) -> None:
            if "user_version" in statement:
                one.set_trace_callback(None)
                schema.migrate(other, path, steps)

        one.set_trace_callback(meanwhile)

        assert schema.check(one, path, known=len(steps)) == 0
        assert schema.check(one, path, known=len(steps)) == len(steps)
