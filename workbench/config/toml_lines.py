"""Where the keys of a TOML document stand: tomli does not say.

Works on text that tomli has accepted, so it need not judge, only follow. Invariant: the places
found are exactly the keys, tables and array elements of tomli's answer (a test compares the two).
"""

from __future__ import annotations

import re
from enum import Enum, auto

import tomli

from workbench.expression import expression
from workbench.values import dataclass

KeyPath = tuple[str | int, ...]
"""`("environment", "TABLE")`; an element of an array has its index."""

_TOKEN = expression(
    r"""
      (?P<blank>[ \t]+ | \#[^\n]*)
    | (?P<newline>\n)
    | (?P<text>
          \"{3} (?: \\. | [^\\] )*? \"{3} \"{0,2}     # up to two quotes may stand before the end
        | '{3} .*? '{3} '{0,2}
        | \" (?: \\. | [^"\\\n] )* \"
        | ' [^'\n]* '
      )
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


class _Expect(Enum):
    """What comes next."""

    STATEMENT = auto()
    HEADER = auto()
    KEY = auto()
    VALUE = auto()
    END = auto()
    """Of a value: more of it, a comma, a bracket or the line's end."""


@dataclass(slots=True)
class _Open:
    """An array or inline table that is not closed yet."""

    path: KeyPath
    is_array: bool
    elements: int = 0


class _Locator:
    """Follows the tokens of one document. Iterative: nesting costs no stack."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.spans: dict[KeyPath, tuple[int, int]] = {}
        """Where each value that is no array or table stands in the text."""
        self.comments: list[tuple[int, int]] = []
        self._line = 1
        self._value: KeyPath | None = None
        """The one that may go on: numbers with a dot, dates with a blank, are several tokens."""
        self._expect = _Expect.STATEMENT
        self._table: KeyPath = ()
        self._open: list[_Open] = []
        self._parts: list[str] = []
        self._path: KeyPath = ()
        self._begun: KeyPath = ()
        self._double = False
        self._last_element: dict[KeyPath, int] = {}
        """Index of the newest [[table]] of each array of tables."""

    def follow(self, text: str) -> dict[KeyPath, int]:
        for match in _TOKEN.finditer(text):
            token = match[0]
            if match.lastgroup == "newline":
                self._line += 1
                self._value = None
                if not self._open:
                    self._expect = _Expect.STATEMENT
            elif match.lastgroup == "mark":
                self._mark(token)
                self._reach(match, begins=False, ends=match[0] != ".")
            elif match.lastgroup == "blank":
                if token.startswith("#"):
                    self.comments.append(match.span())
            else:
                begins = self._expect is _Expect.VALUE
                self._word(token, quoted=match.lastgroup == "text")
                self._line += token.count("\n")
                self._reach(match, begins=begins, ends=False)
        return self.lines

    def _reach(self, match: re.Match[str], *, begins: bool, ends: bool) -> None:
        """A value begins with this token, goes on with it, or has ended before it."""
        if begins:
            self.spans[self._begun] = match.span()
            self._value = self._begun
        elif ends or self._expect is not _Expect.END:
            self._value = None
        elif self._value is not None:
            self.spans[self._value] = (self.spans[self._value][0], match.end())

    def _word(self, token: str, *, quoted: bool) -> None:
        if self._expect is _Expect.STATEMENT:
            self._expect = _Expect.KEY
            self._parts = []
        if self._expect in (_Expect.KEY, _Expect.HEADER):
            self._parts.append(tomli.loads(f"x = {token}")["x"] if quoted else token)
        elif self._expect is _Expect.VALUE:
            self._begin_value()
            self._expect = _Expect.END

    def _mark(self, mark: str) -> None:
        if mark == "[":
            self._open_bracket()
        elif mark == "]":
            self._close_bracket()
        elif mark == "{":
            self._open.append(_Open(self._begin_value(), is_array=False))
            self._expect_key()
        elif mark == "}":
            self._open.pop()
            self._expect = _Expect.END
        elif mark == "=":
            self._define_key()
        elif mark == ",":
            if self._open[-1].is_array:
                self._expect = _Expect.VALUE
            else:
                self._expect_key()

    def _expect_key(self) -> None:
        self._expect = _Expect.KEY
        self._parts = []

    def _open_bracket(self) -> None:
        if self._expect is _Expect.STATEMENT:
            self._expect = _Expect.HEADER
            self._parts = []
            self._double = False
        elif self._expect is _Expect.HEADER:
            self._double = True
        else:
            self._open.append(_Open(self._begin_value(), is_array=True))
            self._expect = _Expect.VALUE

    def _close_bracket(self) -> None:
        if self._expect is _Expect.HEADER:
            self._define_table()
            self._expect = _Expect.END
        elif self._open:  # else the second one of [[table]]
            self._open.pop()
            self._expect = _Expect.END

    def _define_key(self) -> None:
        base = self._open[-1].path if self._open else self._table
        for part in self._parts:
            base = (*base, part)
            self.lines.setdefault(base, self._line)
        self._path = base
        self._expect = _Expect.VALUE

    def _define_table(self) -> None:
        path: KeyPath = ()
        for position, part in enumerate(self._parts, start=1):
            path = (*path, part)
            self.lines.setdefault(path, self._line)
            last = self._last_element.get(path)
            if position == len(self._parts) and self._double:
                last = self._last_element[path] = 0 if last is None else last + 1
            if last is not None:
                path = (*path, last)
        self.lines[path] = self._line  # the header itself, also where a longer one came before it
        self._table = path

    def _begin_value(self) -> KeyPath:
        """The path of the value that starts here."""
        self._begun = self._path
        if not self._open or not self._open[-1].is_array:
            return self._path
        array = self._open[-1]
        path = (*array.path, array.elements)
        array.elements += 1
        self.lines[path] = self._line
        self._begun = path
        return path


def locate(text: str) -> dict[KeyPath, int]:
    """The 1-based line of every key, table and element of a valid document with newline line ends."""
    return _Locator().follow(text)


def places(text: str) -> tuple[dict[KeyPath, tuple[int, int]], list[tuple[int, int]]]:
    """Of a valid document with newline line ends: from where to where each value stands that is no
    array or table, and each comment.
    """
    locator = _Locator()
    locator.follow(text)
    return locator.spans, locator.comments
