"""Edits of function.toml as the journal of changes has them: the texts before and after, sealed.

A text is `{"file": "orders/function.toml", "sealed": BASE64}` in the entry's `before` and `after`; it
is sealed about its file, so that it can be put into no other.
"""

from __future__ import annotations

import sqlite3
from base64 import b64decode, b64encode
from typing import Any

from workbench.model.release import ChangeKind
from workbench.store.rotation import SealedValue

_SIDES = ("before", "after")


def kept_text(file: str, sealed: bytes) -> dict[str, Any]:
    """What the journal keeps of a text. file: relative to the project, what it was sealed about."""
    return {"file": file, "sealed": b64encode(sealed).decode("ascii")}


def sealed_text(kept: dict[str, Any]) -> tuple[str, bytes]:
    """The file, and the sealed text."""
    return kept["file"], b64decode(kept["sealed"])


def all_sealed(connection: sqlite3.Connection) -> list[SealedValue]:
    """Every text of every edit, also of those that were undone."""
    found = connection.execute(
        "SELECT number, json_extract(before, '$.file'), json_extract(before, '$.sealed'),"
        " json_extract(after, '$.file'), json_extract(after, '$.sealed') FROM changes WHERE kind = ? ORDER BY number",
        (ChangeKind.CONFIGURE,),
    )
    return [
        SealedValue(id=_id(number, side), about=file, sealed=b64decode(sealed))
        for number, *texts in found
        for side, file, sealed in zip(_SIDES, texts[::2], texts[1::2], strict=True)
    ]


def is_edit(id: str) -> bool:  # noqa: A002 - as `HoldsSealed` has it
    """Whether a sealed value is one of these."""
    return " " in id


def replace_sealed(connection: sqlite3.Connection, id: str, old: bytes, new: bytes) -> bool:  # noqa: A002
    """Put `new` in place of `old`; False: it is not `old` any more."""
    side, number = id.split(" ")
    column = _SIDES[_SIDES.index(side)]
    changed = connection.execute(
        f"UPDATE changes SET {column} = json_set({column}, '$.sealed', ?)"  # noqa: S608 - one of two
        f" WHERE number = ? AND kind = ? AND json_extract({column}, '$.sealed') = ?",
        (
            b64encode(new).decode("ascii"),
            int(number),
            ChangeKind.CONFIGURE,
            b64encode(old).decode("ascii"),
        ),
    )
    return changed.rowcount == 1


def _id(number: int, side: str) -> str:
    return f"{side} {number}"
