r"""NAME.env files: a strict subset of what shells and dotenv libraries agree on.

::

    # a comment
    NAME=value                     up to the line's end or to a # after a blank; blanks around it go
    export NAME=value              the same
    NAME='as it stands'            may span lines; nothing is special but the closing quote
    NAME="with \n \t \" \\ \$"     may span lines; these escapes, and \r, and no others
    NAME=                          empty

Nothing is expanded and nothing is ever executed: `$HOME` and `$(date)` are just text.
Invariant: any bytes give values and complaints with lines, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field

from workbench.config.complaints import quoted
from workbench.expression import expression
from workbench.values import dataclass

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}
_NAME = expression(r"[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'\"]+)(?P<blank>[ \t]*)=")
_REST = expression(r"[ \t]*(?:#.*)?")


@dataclass(slots=True)
class DotEnv:
    """What a file says."""

    values: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Value and line of each name."""
    complaints: list[tuple[int, str]] = field(default_factory=list)
    """Line and sentence."""


class _Complaint(Exception):
    """Something is wrong on this line."""


class _Lines:
    """The lines still to be read."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while (line := self.next()) is not None:
            yield line

    def next(self) -> str | None:
        if self.number >= len(self._lines):
            return None
        self.number += 1
        return self._lines[self.number - 1]

    def back_to(self, number: int) -> None:
        """The next line is the one after `number`."""
        self.number = number


def parse(text: str) -> DotEnv:
    """Read a file's text, whose line ends are newlines."""
    found = DotEnv()
    lines = _Lines(text)
    for line in lines:
        began = lines.number
        if _REST.fullmatch(line):
            continue
        try:
            name, value = _assignment(line, lines)
            _check(name, value, found)
        except _Complaint as complaint:
            lines.back_to(began)
            found.complaints.append((began, str(complaint)))
        else:
            found.values[name] = (value, began)
    return found


def _check(name: str, value: str, found: DotEnv) -> None:
    if "\0" in value:
        raise _Complaint(f"The value of {name} holds a NUL byte, which no variable can.")
    if name in found.values:
        raise _Complaint(f"{name} was set in line {found.values[name][1]} already.")


def _assignment(line: str, lines: _Lines) -> tuple[str, str]:
    match = _NAME.match(line)
    if match is None:
        raise _Complaint(f"Expected NAME=value or a # comment, not {quoted(line.strip())}.")
    name, rest = match["name"], line[match.end() :]
    value = re.split(r"[ \t]#", rest, maxsplit=1)[0].strip(" \t")
    if match["blank"] or (value and rest.startswith((" ", "\t"))):
        raise _Complaint(f"Remove the blanks around the = after {name}.")
    if rest.startswith(("'", '"')):
        return name, _quoted_value(name, rest, lines)
    if '"' in value or "'" in value:
        raise _Complaint(f"A quote in the middle of a value: quote all of the value of {name}.")
    return name, value


def _quoted_value(name: str, rest: str, lines: _Lines) -> str:
    """The text between quotes, over as many lines as it takes."""
    quote, rest = rest[0], rest[1:]
    parts: list[str] = []
    while True:
        end = _end(rest, quote)
        if end is not None:
            break
        parts.append(rest)
        following = lines.next()
        if following is None:
            raise _Complaint(f"The value of {name} begins with {quote} and has no closing {quote}.")
        rest = following
    parts.append(rest[:end])
    after = rest[end + 1 :]
    if not _REST.fullmatch(after) or after.startswith("#"):
        raise _Complaint(f"Unexpected text after the closing {quote} of {name}.")
    value = "\n".join(parts)
    return value if quote == "'" else _unescaped(name, value)


def _end(text: str, quote: str) -> int | None:
    """Where the closing quote stands."""
    if quote == "'":
        at = text.find("'")
        return None if at < 0 else at
    for match in re.finditer(r"\\.|\"", text):
        if match[0] == '"':
            return match.start()
    return None


def _unescaped(name: str, value: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise _Complaint(
                f"Unknown escape {quoted(match[0])} in the value of {name}; "
                r"allowed: \n \t \r \" \\ \$. Single quotes take a value as it stands."
            )
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.|\n|$)", character, value)
