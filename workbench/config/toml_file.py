"""A TOML file as values, the line of each, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli

from workbench.config.complaints import Complaints
from workbench.config.files import decode, read_bytes
from workbench.config.toml_lines import KeyPath, locate
from workbench.errors import InvalidManifest
from workbench.model.function import Problem


class Document:
    """What a file says."""

    def __init__(
        self, path: Path, *, values: dict[str, Any] | None, text: str, problems: tuple[Problem, ...]
    ) -> None:
        self.path = path
        self.usable = values is not None
        """It could be read and is TOML. One that is not says nothing, and has problems."""
        self.values: dict[str, Any] = values or {}
        self.problems = problems
        self._text = text
        self._lines: dict[KeyPath, int] | None = None

    def line(self, path: KeyPath) -> int | None:
        """The 1-based line of a key, table or array element; else that of the nearest one around it.

        `None` for the document itself and for what it does not have at all.
        """
        if self._lines is None:  # only what has something to say about a line pays for it
            self._lines = locate(self._text)
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)


def read_toml(path: Path) -> Document:
    """Read a file. Raises `FileNotFoundError`; everything else that is wrong is a problem."""
    try:
        content = read_bytes(path)
    except InvalidManifest as error:
        complaints = Complaints(path)
        complaints.unusable(error)
        return Document(path, values=None, text="", problems=complaints.result())
    return parse_toml(path, content)


def parse_toml(path: Path, content: bytes) -> Document:
    """What `content`, which stands in `path`, says."""
    complaints = Complaints(path)
    try:
        text, mark = decode(content, path)
    except InvalidManifest as error:
        complaints.unusable(error)
        return Document(path, values=None, text="", problems=complaints.result())
    if mark is not None:
        complaints.error(mark, line=1)
    return _parsed(path, text, complaints)


def _parsed(path: Path, text: str, complaints: Complaints) -> Document:
    values: dict[str, Any] | None = None
    try:
        values = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        # A lone carriage return or an unended statement is noticed one line below where it stands.
        line = min(error.lineno, text.count("\n", 0, error.pos) + 1)
        complaints.error(_explained(error.msg), line=line)
    except (RecursionError, ValueError) as error:
        complaints.error(f"Not usable as TOML: {error}.")
    return Document(path, values=values, text=text if values else "", problems=complaints.result())


def empty(path: Path) -> Document:
    """What a file says that is not there and need not be."""
    return Document(path, values={}, text="", problems=())


def _explained(message: str) -> str:
    if message.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate")):
        return "Not valid TOML: this key or table was declared above already."
    if message == "Invalid statement":
        return (
            "Not valid TOML: expected KEY = VALUE, [TABLE] or a comment. Keys other than letters, "
            "digits, - and _ need quotes."
        )
    if message == "Invalid value":
        return "Not valid TOML: not a value. Text needs quotes."
    return f"Not valid TOML: {message[:1].lower()}{message[1:]}."
