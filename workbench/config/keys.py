"""What a key of a configuration file may hold, as data: read, complained about and documented alike.

Invariant: a value that `read_keys` answers with is allowed; every other one was complained about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

from workbench.config.complaints import Complaints, quoted, shown, unknown
from workbench.config.toml_file import Document
from workbench.config.toml_lines import KeyPath
from workbench.values import dataclass


class Kind(Protocol):
    """What a value may be."""

    @property
    def allowed(self) -> str:
        """In words, to go on `must be …`."""
        ...

    def complaint(self, value: Any) -> str | None:
        """What is wrong with `value`, to go on `KEY …`; `None` when it is allowed."""
        ...


def _not_of_kind(kind: Kind, value: object) -> str:
    return f"must be {kind.allowed}, not {shown(value)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number. `true` is none."""

    minimum: int
    maximum: int
    unit: str = ""

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}{self.unit}"

    def complaint(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            without = " Write it without quotes." if _is_number(value) else ""
            return _not_of_kind(self, value) + without
        return None if self.minimum <= value <= self.maximum else _not_of_kind(self, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number, whole or not, never infinite."""

    minimum: float
    maximum: float
    unit: str = ""

    @property
    def allowed(self) -> str:
        return f"a number from {self.minimum:g} to {self.maximum:g}{self.unit}"

    def complaint(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _not_of_kind(self, value)
        good = math.isfinite(value) and self.minimum <= value <= self.maximum
        return None if good else _not_of_kind(self, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """true or false."""

    allowed: str = "true or false"

    def complaint(self, value: Any) -> str | None:
        return None if isinstance(value, bool) else _not_of_kind(self, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text, of a form where one is given."""

    allowed: str = "text"
    pattern: re.Pattern[str] | None = None
    longest: int | None = None

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return _not_of_kind(self, value)
        if self.longest is not None and len(value) > self.longest:
            return f"must be {self.allowed}; it has {len(value)} characters."
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return _not_of_kind(self, value)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(f'"{word}"' for word in self.words)

    def complaint(self, value: Any) -> str | None:
        return None if value in self.words else _not_of_kind(self, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextList:
    """An array of text."""

    most: int | None = None
    allowed: str = "an array of text"
    excess: str | None = None
    """What is said of more than `most`; `None`: the usual."""

    def complaint(self, value: Any) -> str | None:
        if not isinstance(value, list):
            return _not_of_kind(self, value)
        for element in value:
            if not isinstance(element, str) or not element:
                what = "empty text" if element == "" else shown(element)
                return f"must be {self.allowed}, without {what}."
        if self.most is not None and len(value) > self.most:
            if self.excess is not None:
                return f"has {len(value)}: {self.excess}"
            return f"must be {self.allowed}; it has {len(value)}."
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose keys the user names."""

    allowed: str = "a table"

    def complaint(self, value: Any) -> str | None:
        return None if isinstance(value, dict) else _not_of_kind(self, value)


Keys = Mapping[str, Kind]


def read_keys(
    document: Document,
    keys: Keys,
    complaints: Complaints,
    *,
    table: KeyPath = (),
    elsewhere: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The allowed values of one table of a document; whatever else is there is complained about.

    elsewhere: keys that belong in another table, and which.
    """
    values: Any = document.values
    for part in table:
        values = values[part]
    found: dict[str, Any] = {}
    for key, value in values.items():
        line = document.line((*table, key))
        if key not in keys:
            complaints.error(_stray(key, table, keys, elsewhere or {}), line=line)
        elif (wrong := keys[key].complaint(value)) is not None:
            complaints.error(f"{_named(key, table)} {wrong}", line=line)
        else:
            found[key] = value
    return found


def _stray(key: str, table: KeyPath, keys: Keys, elsewhere: Mapping[str, str]) -> str:
    if key in elsewhere:
        return f"{quoted(key)} belongs in {elsewhere[key]}."
    where = f" in [{'.'.join(str(part) for part in table)}]" if table else ""
    return unknown("key", key, keys, where=where)


def _named(key: str, table: KeyPath) -> str:
    return ".".join(str(part) for part in (*table, key))


def _is_number(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[+-]?\d+", value))
